"""Instructions of the GPU that numba-cuda has no name for, written in its assembly language: halves, copies, matrices.

A word is a uint32 and holds two numbers of 16 bits (IEEE half precision), the first in the lower bits.

    join(a, b)              float32 -> word; what is too large becomes the largest number
    split(word)             word -> (float32, float32)
    bring(s, i, a, k, wanted)  four words a[k], ... into shared memory s[i], ..., or zeros, while the thread goes on
    end_of_group()          the copies begun until here form a group
    wait_for_group(n)       until no more than n of the last groups of this thread are on their way
    matrices(s, i)          a thread's four words of four 8x8 matrices of halves in shared memory: see below
    multiply(c, a, b0, b1)  a thread's four sums c of a product on tensor cores: see below

(PTX ISA, "Warp Level Matrix Multiply-Accumulate Instructions", "Data Movement and Conversion Instructions: cp.async".)

`matrices` is ldmatrix: thread t of a warp says where row t % 8 of matrix t / 8 lies (four words), and receives word
t % 4 of row t / 4 of each matrix.  `multiply` is mma.m16n8k16: of c (16, 8) += a (16, 16) @ b (16, 8) a thread has

    c  rows g, g, g + 8, g + 8, columns q, q + 1, q, q + 1            g = t / 4, q = t % 4 * 2
    a  word 0 row g, columns q, q + 1; 1 row g + 8; 2 and 3 the same at columns q + 8, q + 9
    b  word 0 rows q, q + 1 of column g; 1 rows q + 8, q + 9

Under the simulator there are no warps; `tensor_cores.py` says what takes their place.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from darkpy.cuda import SIMULATED, device, numba_cuda

LARGEST = np.float32(65504)  # of half precision

round_pair: Any  # float32, float32 -> word
split: Any
bring: Any
end_of_group: Any
wait_for_group: Any
matrices: Any
multiply: Any


def _intrinsics() -> tuple[Any, ...]:
    ir = importlib.import_module("llvmlite.ir")
    types = importlib.import_module("numba").types
    intrinsic = importlib.import_module("numba.cuda.extending").intrinsic
    word, real, short = ir.IntType(32), ir.FloatType(), ir.IntType(16)
    words4, reals4 = types.UniTuple(types.uint32, 4), types.UniTuple(types.float32, 4)

    def emit(builder: Any, text: str, constraints: str, result: Any, args: list[Any], fixed: bool = True) -> Any:
        """One instruction; `fixed`: it is no mere function of its arguments, as it has to do with memory or with the
        other threads of the warp, and so keeps its place."""
        kind = ir.FunctionType(result, [arg.type for arg in args])
        return builder.asm(kind, text, ",".join(constraints.split()), args, side_effect=fixed)

    def unpack(builder: Any, group: Any, count: int) -> list[Any]:
        return [builder.extract_value(group, k) for k in range(count)]

    def address(context: Any, builder: Any, array_type: Any, array: Any, index: Any, shared: bool = False) -> Any:
        place = builder.gep(context.make_array(array_type)(context, builder, array).data, [index])
        if not shared:
            return builder.ptrtoint(place, ir.IntType(64))
        return builder.ptrtoint(builder.addrspacecast(place, ir.PointerType(place.type.pointee, 3)), word)

    @intrinsic
    def round_pair(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return emit(builder, "cvt.rn.f16x2.f32 $0, $2, $1;", "=r f f", word, list(args), fixed=False)

        return types.uint32(types.float32, types.float32), generate

    @intrinsic
    def split(typing: Any, w: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            shifted = builder.lshr(args[0], ir.Constant(word, 16))
            return context.make_tuple(builder, sig.return_type, [
                emit(builder, "cvt.f32.f16 $0, $1;", "=f h", real, [builder.trunc(half, short)], fixed=False)
                for half in (args[0], shifted)])

        return types.UniTuple(types.float32, 2)(types.uint32), generate

    @intrinsic
    def bring(typing: Any, s: Any, i: Any, a: Any, k: Any, wanted: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            source = builder.select(args[4], args[3], ir.Constant(args[3].type, 0))
            count = builder.select(args[4], ir.Constant(word, 16), ir.Constant(word, 0))
            emit(builder, "cp.async.cg.shared.global [$0], [$1], 16, $2;", "r l r ~{memory}", ir.VoidType(),
                 [address(context, builder, s, args[0], args[1], shared=True),
                  address(context, builder, a, args[2], source), count])
            return context.get_dummy_value()

        return types.void(s, types.int64, a, types.int64, types.boolean), generate

    @intrinsic
    def end_of_group(typing: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            emit(builder, "cp.async.commit_group;", "~{memory}", ir.VoidType(), [])
            return context.get_dummy_value()

        return types.void(), generate

    @intrinsic
    def wait_for_group(typing: Any, n: Any) -> Any:
        count = n.literal_value if isinstance(n, types.IntegerLiteral) else None

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            emit(builder, f"cp.async.wait_group {count};", "~{memory}", ir.VoidType(), [])
            return context.get_dummy_value()

        return None if count is None else (types.void(n), generate)

    @intrinsic
    def matrices(typing: Any, s: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            found = emit(builder, "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {$0, $1, $2, $3}, [$4];",
                         "=r =r =r =r r ~{memory}", ir.LiteralStructType([word] * 4),
                         [address(context, builder, s, args[0], args[1], shared=True)])
            return context.make_tuple(builder, sig.return_type, unpack(builder, found, 4))

        return words4(s, types.int64), generate

    @intrinsic
    def multiply(typing: Any, c: Any, a: Any, b0: Any, b1: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            text = ("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, "
                    "{$10, $11, $12, $13};")
            found = emit(builder, text, "=f =f =f =f r r r r r r f f f f", ir.LiteralStructType([real] * 4),
                         [*unpack(builder, args[1], 4), args[2], args[3], *unpack(builder, args[0], 4)])
            return context.make_tuple(builder, sig.return_type, unpack(builder, found, 4))

        return reals4(reals4, words4, types.uint32, types.uint32), generate

    return round_pair, split, bring, end_of_group, wait_for_group, matrices, multiply


if SIMULATED:
    def round_pair(a: Any, b: Any) -> np.uint32:
        return np.array([a, b], np.float16).view(np.uint32)[0]

    def split(word: Any) -> tuple[np.float32, np.float32]:
        a, b = np.array([word], np.uint32).view(np.float16).astype(np.float32)
        return a, b

    def bring(s: Any, i: int, a: Any, k: int, wanted: bool) -> None:
        for j in range(4):
            s[i + j] = a[k + j] if wanted else 0

    def end_of_group() -> None:
        pass

    def wait_for_group(n: int) -> None:
        pass

    matrices = multiply = None  # what a warp does together
elif numba_cuda is not None:
    round_pair, split, bring, end_of_group, wait_for_group, matrices, multiply = _intrinsics()


@device
def limited(v):
    return LARGEST if v > LARGEST else -LARGEST if v < -LARGEST else v


@device
def join(a, b):
    return round_pair(limited(a), limited(b))

"""The micro-kernel under every convolution: a register tile of the product activations x weights.

    sum[p][v] = sum over j < n, c < depth of  A[offset[j] + p*step + c] * B[j][c][v]        p < rows, v < vectors

A pixel's `depth` channels lie side by side in a blocked map (layout N, C/16, H, W, 16), so `offset[j]` names a kernel
tap and a group of channels, p counts pixels along a row, and each B[j][c][v] is one vector of 16 output channels.
With depth 1 and planar input the same loop serves a first layer; the `depthwise` form multiplies vectors channel by
channel.  The epilogue adds bias, rectifies, adds a residual, rectifies again, and stores: no second pass over memory.

`tile_function` gives the address of the tile of a shape, compiled when it is first asked for.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils

from darkpy.jit import intrinsic, numba
from darkpy.ops.cpu.tasks import compiled
from darkpy.ops.cpu.vector import BYTES, I64, LANES, VECTOR, Emit

DEPTH = 4  # channels per turn of the inner loop; longer turns spill registers
AVX512_CPUS = re.compile(r"avx512|icelake|cascadelake|cooperlake|sapphirerapids|emeraldrapids|graniterapids|"
                         r"tigerlake|rocketlake|cannonlake|knl|knm|znver[4-9]")


def wide_registers() -> bool:
    """Whether the CPU Numba compiles for has 32 registers of 16 floats (AVX-512)."""
    if numba.config.CPU_FEATURES:
        return "+avx512f" in numba.config.CPU_FEATURES
    if numba.config.CPU_NAME:
        return bool(AVX512_CPUS.search(numba.config.CPU_NAME))
    return bool(llvm.get_host_cpu_features().get("avx512f", False))


WIDE = wide_registers()
VECTORS = 2 if WIDE else 1  # 28 sums + 2 weights of 32 registers; else 6 x 2 halves + 2 of 16
ROWS = (14, 13, 12, 10, 8, 7, 5, 4, 3, 2, 1) if WIDE else (6, 5, 4, 3, 2, 1)


def rows_for(width: int, among: tuple[int, ...] = ROWS) -> int:
    """Pixels per tile that take least time on rows of `width` pixels: the last tile of a row may be partly empty, and
    each tile costs about two pixels beside its own."""
    return min(among, key=lambda rows: (-(-width // rows) * (rows + 2), -rows))


class Shape(NamedTuple):
    """What a tile is compiled for; `step` counts input pixels from one output pixel to the next."""

    rows: int
    vectors: int
    depth: int = DEPTH
    step: int = 1
    epilogue: int = 1
    depthwise: int = 0


def _emit_sums(e: Emit, shape: Shape, n: Any, offsets: Any, a: Any, b: Any) -> list[list[Any]]:
    rows, vectors, depth, step, _, depthwise = shape
    stride = step * (BYTES if depth > 1 or depthwise else 4)  # bytes from pixel to pixel

    def turn(j: Any, flat: list[Any]) -> list[Any]:
        sums = [flat[p * vectors : (p + 1) * vectors] for p in range(rows)]
        at = e.b.add(a, e.integer(e.scaled(offsets, j, 8)))
        weights = e.scaled(b, j, depth * vectors * BYTES)
        for c in range(depth):
            w = [e.load(e.at(weights, (c * vectors + v) * BYTES)) for v in range(vectors)]
            for p in range(rows):
                address = e.at(at, p * stride + 4 * c)
                x = e.load(address) if depthwise else e.splat(e.scalar(address))
                sums[p] = [e.fma(x, w[v], sums[p][v]) for v in range(vectors)]
        return [s for row in sums for s in row]

    flat = e.loop(n, [e.constant(0)] * (rows * vectors), turn)
    return [flat[p * vectors : (p + 1) * vectors] for p in range(rows)]


def _emit_store(e: Emit, sums: list[list[Any]], target: Any, block: Any) -> None:
    for p, row in enumerate(sums):
        for v, y in enumerate(row):
            e.store(y, e.at(e.scaled(target, block, v), p * BYTES))


@intrinsic(prefer_literal=True)
def _tile(context, rows, vectors, depth, step, epilogue, depthwise, n, offsets, a, b, bias, slope, residual, rblock,
          after, out, oblock, count):
    """One tile.  Addresses are bytes as int64: `a` the first pixel's input, `b` its weights, `bias` 16*vectors floats,
    `residual` (0: none) and `out` the first pixel of the first block, blocks `rblock` and `oblock` bytes apart.
    Only `count` pixels are stored.  y = rectify(rectify(sum + bias, slope) + residual, after), the second
    rectifier only where there is a residual."""
    constants = (rows, vectors, depth, step, epilogue, depthwise)
    shape = Shape(*(c.literal_value for c in constants))
    rows, vectors, _, _, epilogue, _ = shape
    integer = types.int64
    signature = types.void(*constants, integer, integer, integer, integer, integer, types.float32, integer, integer,
                           types.float32, integer, integer, integer)

    def generate(cx, builder, _, args):
        n, offsets, a, b, bias, slope, residual, rblock, after, out, oblock, count = args[6:]
        e = Emit(builder)
        sums = _emit_sums(e, shape, n, offsets, a, b)
        if epilogue:
            first = e.splat(slope)
            biases = [e.load(e.at(bias, v * BYTES)) for v in range(vectors)]
            sums = [[e.rectify(builder.fadd(s, biases[v]), first) for v, s in enumerate(row)] for row in sums]

        # the last tile of a row may hold fewer pixels than `rows`: it is finished beside, and the pixels that count
        # are copied; reading past the row's end is harmless (see SLACK in plan/memory.py)
        whole = builder.icmp_signed("==", count, e.whole(rows))
        beside = builder.ptrtoint(cgutils.alloca_once(builder, VECTOR, e.whole(rows * vectors)), I64)
        target = builder.select(whole, out, beside)
        tblock = builder.select(whole, oblock, e.whole(rows * BYTES))
        last = e.splat(after)
        with builder.if_else(builder.icmp_signed("!=", residual, e.whole(0))) as (added, plain):
            with added:
                for p in range(rows):
                    for v in range(vectors):
                        y = builder.fadd(sums[p][v], e.load(e.at(e.scaled(residual, rblock, v), p * BYTES)))
                        e.store(e.rectify(y, last) if epilogue else y, e.at(e.scaled(target, tblock, v), p * BYTES))
            with plain:
                _emit_store(e, sums, target, tblock)
        with builder.if_then(builder.not_(whole)):
            for v in range(vectors):
                def move(p: Any, _: list[Any], v: int = v) -> list[Any]:
                    step = builder.mul(p, e.whole(BYTES))
                    e.store(e.load(builder.add(e.scaled(target, tblock, v), step)),
                            builder.add(e.scaled(out, oblock, v), step))
                    return []

                e.loop(count, [], move)
        return cx.get_dummy_value()

    return signature, generate


@cache
def tile_function(shape: Shape) -> Any:
    """The C function of a tile; the arguments are those of `_tile` behind its shape."""
    rows, vectors, depth, step, epilogue, depthwise = shape

    @compiled("void(int64, int64, int64, int64, int64, float32, int64, int64, float32, int64, int64, int64)")
    def tile(n, offsets, a, b, bias, slope, residual, rblock, after, out, oblock, count):
        _tile(rows, vectors, depth, step, epilogue, depthwise, n, offsets, a, b, bias, slope, residual, rblock, after,
              out, oblock, count)

    return tile


@intrinsic
def zero_vector(context, address):
    """16 zeros at an address."""

    def generate(cx, builder, _, args):
        e = Emit(builder)
        e.store(e.constant(0), args[0])
        return cx.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def prefetch(context, address):
    """Ask for the cache line at an address, which need not exist."""

    def generate(cx, builder, _, args):
        pointer, whole = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, whole, whole, whole])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(function, [builder.inttoptr(args[0], pointer), whole(0), whole(2), whole(1)])
        return cx.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def copy_vector(context, target, source):
    """16 floats from one address to another."""

    def generate(cx, builder, _, args):
        e = Emit(builder)
        e.store(e.load(args[1]), args[0])
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64), generate


__all__ = ["BYTES", "DEPTH", "LANES", "ROWS", "VECTORS", "WIDE", "Shape", "copy_vector", "prefetch", "rows_for",
           "tile_function", "zero_vector"]

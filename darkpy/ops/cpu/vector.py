"""Words for writing kernels in LLVM's language: vectors of 16 floats, splats, fused multiply-adds, loops.

Numba compiles scalar Python well, but a kernel that keeps 28 sums in registers must say so.  The kernels of this
package are Numba intrinsics that emit LLVM IR over vectors of 16 floats, the lanes of a channel block; on machines
with narrower registers LLVM splits each vector into two or four.

Channels may be stored in fewer bits where the CPU multiplies them so: bfloat16 (the upper half of a float32) and
uint8.  A word of 32 bits then holds two or four neighbouring channels, and one instruction multiplies them with two or
four weights for each of 16 lanes and adds all up.  Whatever is not such a product computes in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils

LANES = 16  # channels in a block
BYTES = 4 * LANES  # of a vector

F32, I64, I32, I8 = ir.FloatType(), ir.IntType(64), ir.IntType(32), ir.IntType(8)
VECTOR = ir.VectorType(F32, LANES)
SIGNS = LANES // 8  # bytes of a vector of bits
SIZES = {"float32": 4, "bfloat16": 2, "uint8": 1}  # bytes of a channel


class BFloat(ir.Type):
    """LLVM's bfloat, which llvmlite has no name for."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BFloat)

    def __hash__(self) -> int:
        return hash(BFloat)


STORED = {"bfloat16": ir.VectorType(BFloat(), LANES), "uint8": ir.VectorType(I8, LANES)}
WHOLES = ir.VectorType(I32, LANES)
PAIRS = ir.VectorType(BFloat(), 2 * LANES)


class Emit:
    """A builder with the operations kernels need; addresses are 64-bit integers in bytes."""

    def __init__(self, builder: ir.IRBuilder):
        self.b = builder
        self.function = builder.function

    def whole(self, value: int) -> ir.Constant:
        return ir.Constant(I64, value)

    def constant(self, value: float) -> ir.Constant:
        return ir.Constant(VECTOR, [float(value)] * LANES)

    def at(self, base: Any, offset: int) -> Any:
        return self.b.add(base, self.whole(offset)) if offset else base

    def scaled(self, base: Any, step: Any, times: int) -> Any:
        """base + step * times."""
        return self.b.add(base, self.b.mul(step, self.whole(times))) if times else base

    def load(self, address: Any, stored: str = "float32") -> Any:
        """The 16 channels at an address as floats."""
        kind = STORED.get(stored, VECTOR)
        value = self.b.load(self.b.inttoptr(address, kind.as_pointer()))
        value.align = SIZES[stored]
        if stored == "float32":
            return value
        return self.b.fpext(value, VECTOR) if stored == "bfloat16" else self.b.uitofp(value, VECTOR)

    def store(self, value: Any, address: Any, stored: str = "float32") -> None:
        """16 floats as channels: those of uint8 are rounded to the nearest number from 0 to 255."""
        if stored == "bfloat16":
            value = self.b.fptrunc(value, STORED[stored])
        elif stored == "uint8":
            value = self.larger(value, self.constant(0))
            value = self.b.select(self.b.fcmp_ordered("<", value, self.constant(255)), value, self.constant(255))
            kind = ir.FunctionType(VECTOR, [VECTOR])
            near = self.b.call(cgutils.get_or_insert_function(self.b.module, kind, "llvm.nearbyint.v16f32"), [value])
            value = self.b.trunc(self.b.fptosi(near, WHOLES), STORED[stored])
        self.b.store(value, self.b.inttoptr(address, value.type.as_pointer())).align = SIZES[stored]

    def copy(self, target: Any, source: Any, size: int) -> None:
        """`size` bytes, a multiple of 16."""
        kind = ir.VectorType(I8, size).as_pointer()
        value = self.b.load(self.b.inttoptr(source, kind))
        value.align = 1
        self.b.store(value, self.b.inttoptr(target, kind)).align = 1

    def copy_pixels(self, target: Any, source: Any, size: int, count: Any) -> None:
        """`count` pixels, at least 1, of `size` bytes, a multiple of 16."""

        def move(i: Any, _: list[Any]) -> list[Any]:
            self.copy(self.scaled(target, i, size), self.scaled(source, i, size), size)
            return []

        self.loop(count, [], move)

    def below(self, count: Any) -> Any:
        """Mask of the first `count` lanes."""
        lanes = ir.Constant(ir.VectorType(I64, LANES), list(range(LANES)))
        undefined = ir.Constant(ir.VectorType(I64, LANES), ir.Undefined)
        first = self.b.insert_element(undefined, count, ir.Constant(I32, 0))
        all_same = self.b.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, LANES), [0] * LANES))
        return self.b.icmp_signed("<", lanes, all_same)

    def load_some(self, address: Any, mask: Any) -> Any:
        """The masked lanes of a vector, 0 in the others, whose memory is not touched."""
        pointer = VECTOR.as_pointer()
        kind = ir.FunctionType(VECTOR, [pointer, I32, mask.type, VECTOR])
        function = cgutils.get_or_insert_function(self.b.module, kind, "llvm.masked.load.v16f32.p0")
        return self.b.call(function, [self.b.inttoptr(address, pointer), ir.Constant(I32, 4), mask, self.constant(0)])

    def store_some(self, value: Any, address: Any, mask: Any) -> None:
        """Store the masked lanes of a vector; the memory of the others is not touched."""
        pointer = VECTOR.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [VECTOR, pointer, I32, mask.type])
        function = cgutils.get_or_insert_function(self.b.module, kind, "llvm.masked.store.v16f32.p0")
        self.b.call(function, [value, self.b.inttoptr(address, pointer), ir.Constant(I32, 4), mask])

    def transposed(self, rows: list[Any]) -> list[Any]:
        """16 vectors as a matrix, transposed by exchanging ever larger halves between pairs."""
        distance = 1
        while distance < LANES:
            mask = [(i, LANES + i - distance)[bool(i & distance)] for i in range(LANES)]
            other = [(i + distance, LANES + i)[bool(i & distance)] for i in range(LANES)]
            kind = ir.VectorType(I32, LANES)
            new = list(rows)
            for i in range(LANES):
                if not i & distance:
                    a, b = rows[i], rows[i + distance]
                    new[i] = self.b.shuffle_vector(a, b, ir.Constant(kind, mask))
                    new[i + distance] = self.b.shuffle_vector(a, b, ir.Constant(kind, other))
            rows = new
            distance *= 2
        return rows

    def choose(self, address: Any, ones: Any, zeros: Any) -> Any:
        """The lanes of `ones` where the 16 bits at an address are 1, else those of `zeros`."""
        word = self.b.load(self.b.inttoptr(address, ir.IntType(LANES).as_pointer()))
        word.align = SIGNS
        return self.b.select(self.b.bitcast(word, ir.VectorType(ir.IntType(1), LANES)), ones, zeros)

    def prefetch(self, address: Any) -> None:
        """Ask for the cache line at an address, which need not exist, to be in the second-level cache."""
        pointer = I8.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, I32, I32, I32])
        function = cgutils.get_or_insert_function(self.b.module, kind, "llvm.prefetch.p0i8")
        self.b.call(function, [self.b.inttoptr(address, pointer), I32(0), I32(2), I32(1)])

    def scalar(self, address: Any) -> Any:
        value = self.b.load(self.b.inttoptr(address, F32.as_pointer()))
        value.align = 4
        return value

    def integer(self, address: Any) -> Any:
        return self.b.load(self.b.inttoptr(address, I64.as_pointer()))

    def splat(self, scalar: Any) -> Any:
        undefined = ir.Constant(VECTOR, ir.Undefined)
        first = self.b.insert_element(undefined, scalar, ir.Constant(I32, 0))
        return self.b.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, LANES), [0] * LANES))

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        """x * y + z, rounded once."""
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        return self.b.call(cgutils.get_or_insert_function(self.b.module, kind, "llvm.fma.v16f32"), [x, y, z])

    def dot(self, word: Any, weights: Any, sums: Any, stored: str) -> Any:
        """sums + word * weights, lane by lane; a narrow word holds several channels, whose products are added up.

        Both factors are given as vectors of floats whatever their bits mean; sums of uint8 are whole numbers."""
        if stored == "float32":
            return self.fma(word, weights, sums)
        kind, name = {"bfloat16": (PAIRS, "llvm.x86.avx512bf16.dpbf16ps.512"),
                      "uint8": (WHOLES, "llvm.x86.avx512.vpdpbusd.512")}[stored]
        function = ir.FunctionType(sums.type, [sums.type, kind, kind])
        return self.b.call(cgutils.get_or_insert_function(self.b.module, function, name),
                           [sums, self.b.bitcast(word, kind), self.b.bitcast(weights, kind)])

    def larger(self, x: Any, y: Any) -> Any:
        """x where x > y, else y: a NaN in x gives way, a NaN in y stays, as `if x > y` does."""
        return self.b.select(self.b.fcmp_ordered(">", x, y), x, y)

    def rectify(self, x: Any, slope: Any) -> Any:
        """x where x > 0, else slope * x; NaN stays.  In this form it takes two instructions, not three."""
        return self.b.select(self.b.fcmp_unordered("<=", x, self.constant(0)), self.b.fmul(x, slope), x)

    def loop(self, count: Any, start: list[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
        """values = body(i, values) for i in range(count), count at least 1; the values after the last turn."""
        before = self.b.block
        block, behind = self.function.append_basic_block("loop"), self.function.append_basic_block("done")
        self.b.branch(block)
        self.b.position_at_end(block)
        i = self.b.phi(I64)
        i.add_incoming(self.whole(0), before)
        carried = [self.b.phi(v.type) for v in start]
        for phi, value in zip(carried, start, strict=True):
            phi.add_incoming(value, before)
        results = body(i, list(carried))
        following = self.b.add(i, self.whole(1))
        last = self.b.block
        i.add_incoming(following, last)
        for phi, value in zip(carried, results, strict=True):
            phi.add_incoming(value, last)
        self.b.cbranch(self.b.icmp_signed("<", following, count), block, behind)
        self.b.position_at_end(behind)
        return results

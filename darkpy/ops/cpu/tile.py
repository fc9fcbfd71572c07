"""The micro-kernel under every convolution: a register tile of the product activations x weights.

    sum[p][v] = sum over j < n, c < depth of  A[offset[j] + p*step + c] * B[j][c][v]        p < rows, v < vectors

A pixel's `depth` channels lie side by side in a blocked map (layout N, C/16, H, W, 16), so `offset[j]` names a kernel
tap and a group of channels, p counts pixels along a row, and each B[j][c][v] is one vector of 16 output channels.
With depth 1 and planar input the same loop serves a first layer; the `depthwise` form multiplies vectors channel by
channel.  The epilogue adds bias, rectifies, adds a residual, rectifies again, and stores: no second pass over memory.

Narrow types (see vector.py): with bfloat16 or uint8 input c counts words of two or four channels, and B holds pairs or
quadruples of bfloat16 or int8 weights.  A uint8 q stands for the number scale * (q - zero); the scales of input and
weights are in a factor for each filter, and a uint8 output is computed in units of its own scale, so that the
rectifiers need not know of it.

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
from darkpy.ops.cpu.vector import BYTES, I8, I64, LANES, SIZES, VECTOR, WHOLES, Emit

DEPTH = 4  # words of channels per turn of the inner loop; longer turns spill registers
GROUP = 4 * DEPTH  # bytes of them
AHEAD = 8 << 10  # bytes: weights are fetched into the second-level cache so far before they are used
NARROW_CPUS = {"avx512bf16": re.compile(r"cooperlake|sapphirerapids|emeraldrapids|graniterapids|znver[4-9]"),
               "avx512vnni": re.compile(r"cascadelake|cooperlake|icelake|tigerlake|rocketlake|sapphirerapids|"
                                        r"emeraldrapids|graniterapids|znver[4-9]")}
AVX512_CPUS = re.compile(r"avx512|icelake|cascadelake|cooperlake|sapphirerapids|emeraldrapids|graniterapids|"
                         r"tigerlake|rocketlake|cannonlake|knl|knm|znver[4-9]")


def has(feature: str, cpus: re.Pattern[str]) -> bool:
    """Whether the CPU Numba compiles for has a feature, or is one of those known to have it."""
    if numba.config.CPU_FEATURES:
        return f"+{feature}" in numba.config.CPU_FEATURES
    if numba.config.CPU_NAME:
        return bool(cpus.search(numba.config.CPU_NAME))
    return bool(llvm.get_host_cpu_features().get(feature, False))


def narrow_products(stored: str) -> bool:
    """Whether the CPU multiplies words of bfloat16 or uint8 channels."""
    feature = {"bfloat16": "avx512bf16", "uint8": "avx512vnni"}[stored]
    return WIDE and has(feature, NARROW_CPUS[feature])


WIDE = has("avx512f", AVX512_CPUS)  # 32 registers of 16 floats
VECTORS = 2 if WIDE else 1  # 28 sums + 2 weights of 32 registers; else 6 x 2 halves + 2 of 16
ROWS = (14, 13, 12, 10, 9, 8, 7, 5, 4, 3, 2, 1) if WIDE else (6, 5, 4, 3, 2, 1)


def rows_for(width: int, among: tuple[int, ...] = ROWS) -> int:
    """Pixels per tile that take least time on rows of `width` pixels: the last tile of a row may be partly empty, and
    each tile costs about two pixels beside its own."""
    return min(among, key=lambda rows: (-(-width // rows) * (rows + 2), -rows))


class Shape(NamedTuple):
    """What a tile is compiled for; `step` counts input pixels from one output pixel to the next, `depthwise` the taps
    of such a convolution (0: none), `x` and `y` are the types of input and output."""

    rows: int
    vectors: int
    depth: int = DEPTH
    step: int = 1
    epilogue: int = 1
    depthwise: int = 0
    x: str = "float32"
    y: str = "float32"

    @property
    def stride(self) -> int:
        """Bytes of input from one output pixel to the next."""
        return self.step * (LANES * SIZES[self.x] if self.depth > 1 or self.depthwise else 4)

    @property
    def record(self) -> int:
        """Vectors of numbers that the epilogue reads for each block of filters: the bias; with uint8 input a factor of
        the sums; with uint8 output a factor and a summand of the residual, and the zero of the output."""
        return 1 + (self.x == "uint8") + 3 * (self.y == "uint8")


def _emit_sums(e: Emit, shape: Shape, n: Any, offsets: Any, a: Any, b: Any, start: list[Any]) -> list[list[Any]]:
    """Sums of each pixel and vector; those of floats begin with `start`, one number for each vector."""
    rows, vectors, depth, _, _, depthwise, stored, _ = shape
    multiply = "float32" if depthwise else stored  # vectors of channels are multiplied as floats
    start = [ir.Constant(WHOLES, [0] * LANES)] * vectors if multiply == "uint8" else start

    def turn(j: Any, flat: list[Any]) -> list[Any]:
        sums = [flat[p * vectors : (p + 1) * vectors] for p in range(rows)]
        at = e.b.add(a, e.integer(e.scaled(offsets, j, 8)))
        weights = e.scaled(b, j, depth * vectors * BYTES)
        for c in range(depth):
            w = [e.load(e.at(weights, (c * vectors + v) * BYTES)) for v in range(vectors)]
            for v in range(vectors if depth > 1 else 0):
                e.prefetch(e.at(weights, AHEAD + (c * vectors + v) * BYTES))
            for p in range(rows):
                address = e.at(at, p * shape.stride + 4 * c)
                x = e.load(address, stored) if depthwise else e.splat(e.scalar(address))
                sums[p] = [e.dot(x, w[v], sums[p][v], multiply) for v in range(vectors)]
        return [s for row in sums for s in row]

    if shape.depthwise:
        flat = start * rows
        for j in range(depthwise):
            flat = turn(e.whole(j), flat)
    else:
        flat = e.loop(n, start * rows, turn)
    if multiply == "uint8":
        flat = [e.b.sitofp(s, VECTOR) for s in flat]
    return [flat[p * vectors : (p + 1) * vectors] for p in range(rows)]


def _emit_store(e: Emit, sums: list[list[Any]], zero: Any, target: Any, block: Any, stored: str) -> None:
    for p, row in enumerate(sums):
        for v, y in enumerate(row):
            value = e.b.fadd(y, zero) if zero else y
            e.store(value, e.at(e.scaled(target, block, v), p * LANES * SIZES[stored]), stored)


@intrinsic(prefer_literal=True)
def _tile(context, rows, vectors, depth, step, epilogue, depthwise, xtype, ytype, n, offsets, a, b, bias, slope,
          residual, rblock, after, out, oblock, count):
    """`count` pixels of a row, tile by tile.  Addresses are bytes as int64: `a` the first pixel's input, `b` its
    weights, `bias` a record of numbers for each block, `residual` (0: none; of the type of the output) and `out` the
    first pixel of the first block, blocks `rblock` and `oblock` bytes apart.
    y = rectify(rectify(sum + bias, slope) + residual, after), the second rectifier only where there is a residual."""
    constants = (rows, vectors, depth, step, epilogue, depthwise, xtype, ytype)
    shape = Shape(*(c.literal_value for c in constants))
    rows, vectors, _, _, epilogue, _, stored_x, stored = shape
    pixel, record = LANES * SIZES[stored], shape.record * BYTES
    integer = types.int64
    signature = types.void(*constants, integer, integer, integer, integer, integer, types.float32, integer, integer,
                           types.float32, integer, integer, integer)

    def generate(cx, builder, _, args):
        n, offsets, a, b, bias, slope, residual, rblock, after, out, oblock, count = args[len(constants) :]
        e = Emit(builder)
        first, last = e.splat(slope), e.splat(after)
        ratio, shift, zero = (e.load(e.at(bias, record - (3 - i) * BYTES)) if stored == "uint8" else None
                              for i in range(3))
        beside = builder.ptrtoint(cgutils.alloca_once(builder, ir.VectorType(I8, pixel), e.whole(rows * vectors)), I64)
        joins = builder.icmp_signed("!=", residual, e.whole(0))

        def tile(i: Any, _: list[Any]) -> list[Any]:
            start = builder.mul(i, e.whole(rows))
            left = builder.sub(count, start)
            biases = [e.load(e.at(bias, v * record)) if epilogue else e.constant(0) for v in range(vectors)]
            sums = _emit_sums(e, shape, n, offsets, e.scaled(a, start, shape.stride), b, biases)
            if epilogue:
                if stored_x == "uint8":
                    factors = [e.load(e.at(bias, v * record + BYTES)) for v in range(vectors)]
                    sums = [[e.fma(s, factors[v], biases[v]) for v, s in enumerate(row)] for row in sums]
                sums = [[e.rectify(s, first) for s in row] for row in sums]

            # the last tile of a row may hold fewer pixels than `rows`: it is finished beside, and the pixels that count
            # are copied; reading past the row's end is harmless (see SLACK in plan/memory.py)
            whole = builder.icmp_signed(">=", left, e.whole(rows))
            place = e.scaled(out, start, pixel)
            target = builder.select(whole, place, beside)
            tblock = builder.select(whole, oblock, e.whole(rows * pixel))
            with builder.if_else(joins) as (added, plain):
                with added:
                    other = e.scaled(residual, start, pixel)
                    for p in range(rows):
                        for v in range(vectors):
                            extra = e.load(e.at(e.scaled(other, rblock, v), p * pixel), stored)
                            if stored == "uint8":
                                extra = e.fma(extra, ratio, shift)
                            y = builder.fadd(sums[p][v], extra)
                            y = e.rectify(y, last) if epilogue else y
                            _emit_store(e, [[y]], zero, e.at(e.scaled(target, tblock, v), p * pixel), tblock, stored)
                with plain:
                    _emit_store(e, sums, zero, target, tblock, stored)
            with builder.if_then(builder.not_(whole)):
                for v in range(vectors):
                    e.copy_pixels(e.scaled(place, oblock, v), e.scaled(target, tblock, v), pixel, left)
            return []

        e.loop(builder.udiv(e.at(count, rows - 1), e.whole(rows)), [], tile)
        return cx.get_dummy_value()

    return signature, generate


@cache
def tile_function(shape: Shape) -> Any:
    """The C function of tiles of a shape; the arguments are those of `_tile` behind it."""
    rows, vectors, depth, step, epilogue, depthwise, x, y = shape

    @compiled("void(int64, int64, int64, int64, int64, float32, int64, int64, float32, int64, int64, int64)")
    def tile(n, offsets, a, b, bias, slope, residual, rblock, after, out, oblock, count):
        _tile(rows, vectors, depth, step, epilogue, depthwise, x, y, n, offsets, a, b, bias, slope, residual, rblock,
              after, out, oblock, count)

    return tile


@intrinsic
def fill(context, address, value):
    """16 bytes of a value at an address."""

    def generate(cx, builder, _, args):
        kind = ir.VectorType(I8, GROUP)
        undefined = ir.Constant(kind, ir.Undefined)
        first = builder.insert_element(undefined, builder.trunc(args[1], I8), ir.Constant(I64, 0))
        every = builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), GROUP), [0] * GROUP))
        builder.store(every, builder.inttoptr(args[0], kind.as_pointer())).align = 1
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def prefetch(context, address):
    """Ask for the cache line at an address, which need not exist."""

    def generate(cx, builder, _, args):
        Emit(builder).prefetch(args[0])
        return cx.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def copy_vector(context, target, source):
    """16 floats from one address to another."""

    def generate(cx, builder, _, args):
        Emit(builder).copy(args[0], args[1], BYTES)
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def copy_group(context, target, source):
    """16 bytes from one address to another."""

    def generate(cx, builder, _, args):
        Emit(builder).copy(args[0], args[1], GROUP)
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64), generate


__all__ = ["BYTES", "DEPTH", "GROUP", "LANES", "ROWS", "VECTORS", "WIDE", "Shape", "copy_group", "copy_vector",
           "fill", "narrow_products", "prefetch", "rows_for", "tile_function"]

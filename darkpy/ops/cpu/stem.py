"""A 3x3 convolution of the image itself: few planes, so that channels cannot fill a vector.

Each row is transformed along itself by Winograd's F(4, 3) (transforms.py): 4 outputs take 6 multiplications a channel
and tap row instead of 12.  Lanes are tiles of 4 pixels while rows are transformed, and filters while they are
multiplied: one number of the row times a vector of weights.  A row is transformed once, into a ring of the four rows
that a pair of output rows needs; two rows by two tiles share each vector of weights, and are pooled in registers where
a 2x2 max pool follows.

Transformed rows are (channel, 16 tiles, 6 positions, 16 lanes); weights (blocks of 16 filters, channels, 3 tap rows,
6 positions, 16).
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from darkpy.jit import intrinsic, njit
from darkpy.ops.cpu.direct import clear_edges, fill_row
from darkpy.ops.cpu.tasks import call, compiled, get_float, ints, number, put_float, put_word, task
from darkpy.ops.cpu.tile import WIDE, copy_vector
from darkpy.ops.cpu.transforms import Scheme
from darkpy.ops.cpu.vector import BYTES, I8, I32, I64, LANES, SIZES, Emit

SCHEME = Scheme(4, strided=False)
TAPS = 3
TILE, POSITIONS = SCHEME.m, SCHEME.t
RUN = TILE * LANES  # pixels of a row that are transformed together
RUN_BYTES = POSITIONS * BYTES  # of them, transformed
RING = 4  # rows: a pair of output rows reads so many
STEP = 2 * TILE  # pixels of a row that are finished together
TOGETHER = 4 if WIDE else 1  # tiles whose 6 sums fit the registers, of the four (two rows by two) of a step


def deinterleaved(e: Emit, x: list[Any], phases: tuple[int, ...]) -> list[Any]:
    """Of 64 numbers in four vectors, every fourth from each of two neighbouring phases on: two vectors."""
    def pick(a: Any, b: Any, lanes: list[int]) -> Any:
        return e.b.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, LANES), lanes))

    some = [phase + TILE * k for phase in phases for k in range(LANES // 2)]
    low, high = pick(x[0], x[1], some), pick(x[2], x[3], some)
    half = LANES // 2
    return [pick(low, high, [*range(i, i + half), *range(LANES + i, LANES + i + half)]) for i in (0, half)]


@intrinsic
def _transform(context, target, source, runs):
    """Transform a row of numbers, so many runs of 64 and two more."""

    def generate(cx, builder, _, args):
        e = Emit(builder)

        def run(i: Any, _: list[Any]) -> list[Any]:
            line, place = (e.b.add(base, e.b.mul(i, e.whole(size))) for base, size in (
                (args[1], RUN * 4), (args[0], RUN_BYTES)))
            here = [e.load(e.at(line, k * BYTES)) for k in range(TILE)]
            behind = [e.load(e.at(line, k * BYTES + TILE * 4)) for k in range(TILE)]  # a tile further
            columns = [*deinterleaved(e, here, (0, 1)), *deinterleaved(e, here, (2, 3)),
                       *deinterleaved(e, behind, (0, 1))]
            for k, value in enumerate(SCHEME.input(e, columns)):
                e.store(value, e.at(place, k * BYTES))
            return []

        e.loop(args[2], [], run)
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 3), generate


@intrinsic(prefer_literal=True)
def _rows(context, pooled, kind, n, table, weights, bias, slope, zero, out, below, count):
    """`count` pixels of two rows of a block of filters, at `out` and `below`; or their 2x2 pool, at `out`.  `table` has
    for each of the n pairs of channel and tap row the addresses of the transformed rows for both."""
    stored, pool = kind.literal_value, bool(pooled.literal_value)
    pixel, rows, width = LANES * SIZES[stored], 1 if pool else 2, STEP // 2 if pool else STEP
    units = [(row, tile) for row in range(2) for tile in range(2)]

    def generate(cx, builder, _, args):
        n, table, weights, bias, slope, zero, out, below, count = args[2:]
        e = Emit(builder)
        shift, slope, offset = e.load(bias), e.splat(slope), e.splat(zero)
        beside = builder.ptrtoint(cgutils.alloca_once(builder, ir.VectorType(I8, pixel), e.whole(rows * width)), I64)

        def products(some: list[tuple[int, int]], at: Any) -> list[list[Any]]:
            """The sums of some tiles; those of the position whose factor is 1 in every output begin with the bias."""

            def turn(j: Any, sums: list[Any]) -> list[Any]:
                place = builder.add(table, builder.mul(j, e.whole(16)))
                lines = [builder.add(e.integer(e.at(place, 8 * row)), at) for row in range(2)]
                panel = builder.add(weights, builder.mul(j, e.whole(POSITIONS * BYTES)))
                sums = list(sums)
                for k in range(POSITIONS):
                    w = e.load(e.at(panel, k * BYTES))
                    for i, (row, tile) in enumerate(some):
                        x = e.splat(e.scalar(e.at(lines[row], k * BYTES + 4 * tile)))
                        sums[i * POSITIONS + k] = e.fma(x, w, sums[i * POSITIONS + k])
                return sums

            start = [shift if all(row[k] == 1 for row in SCHEME.at) else e.constant(0) for k in range(POSITIONS)]
            sums = e.loop(n, start * len(some), turn)
            return [SCHEME.output(e, sums[i * POSITIONS : (i + 1) * POSITIONS]) for i in range(len(some))]

        def step(i: Any, _: list[Any]) -> list[Any]:
            tile = builder.mul(i, e.whole(2))
            at = builder.add(builder.mul(builder.udiv(tile, e.whole(LANES)), e.whole(RUN_BYTES)),
                             builder.mul(builder.urem(tile, e.whole(LANES)), e.whole(4)))
            found = [y for k in range(0, len(units), TOGETHER) for y in products(units[k : k + TOGETHER], at)]
            y = [found[0] + found[1], found[2] + found[3]]
            if pool:
                best = [e.constant(float(np.finfo(np.float32).min))] * width
                for row, k in product(range(2), range(2)):
                    best = [e.larger(y[row][2 * j + k], best[j]) for j in range(width)]
                y = [best]
            left = builder.sub(builder.udiv(count, e.whole(STEP // width)), builder.mul(i, e.whole(width)))
            whole = builder.icmp_signed(">=", left, e.whole(width))
            for row, (line, values) in enumerate(zip((out, below)[:rows], y, strict=True)):
                place = builder.add(line, builder.mul(i, e.whole(width * pixel)))
                target = builder.select(whole, place, e.at(beside, row * width * pixel))
                for j, value in enumerate(values):
                    value = e.rectify(value, slope)
                    value = builder.fadd(value, offset) if stored == "uint8" else value
                    e.store(value, e.at(target, j * pixel), stored)
                with builder.if_then(builder.not_(whole)):
                    def move(j: Any, _: list[Any], place: Any = place, target: Any = target) -> list[Any]:
                        shift = builder.mul(j, e.whole(pixel))
                        e.copy(builder.add(place, shift), builder.add(target, shift), pixel)
                        return []

                    e.loop(left, [], move)
            return []

        e.loop(builder.udiv(e.at(count, STEP - 1), e.whole(STEP)), [], step)
        return cx.get_dummy_value()

    i64, f32 = types.int64, types.float32
    return types.void(pooled, kind, i64, i64, i64, i64, f32, f32, i64, i64, i64), generate


@cache
def rows_function(pooled: int, kind: str) -> Any:
    """The C function of `_rows` for maps of a type; its arguments are those behind these two."""

    @compiled("void(int64, int64, int64, int64, float32, float32, int64, int64, int64)")
    def stem_rows(n, table, weights, bias, slope, zero, out, below, count):
        _rows(pooled, kind, n, table, weights, bias, slope, zero, out, below, count)

    return stem_rows


@njit
def read_row(target, line, source, width, pad, runs):
    """Transform a row of the image (`source` 0: a row of zeros), which goes through a line with zeros at both ends."""
    if source == 0:
        fill_row(target, runs * RUN_BYTES, 0)
        return
    start, whole = line + pad * 4, width - width % LANES
    for j in range(0, whole, LANES):
        copy_vector(start + j * 4, source + j * 4)
    for j in range(whole, width):
        put_float(start + j * 4, get_float(source + j * 4))
    _transform(target, line, runs)


@cache
def stem() -> Any:
    """Band `band` of `bands` of pairs of rows of one image.

    Arguments: weights, bytes of a block of them; bias; address of x (N, C, H, W), C, H, W; pad; dst (address of pixel
    0,0; bytes from image to image, block to block, row to row); OH, OW before a pool; blocks of filters; bands; border
    (lead, trail) of dst; slope; what stands for 0 in dst; its bytes a pixel; 1 where 2x2 pixels are pooled; the
    function of a pair of rows; one for finished rows (0: none); scratch memory and its bytes for each thread.
    """

    @task
    def stem(t, thread, p):
        weights, panel, bias, x, channels, h, w, pad = ints(p, 0, 8)
        dst, dst_image, dst_block, dst_row = ints(p, 8, 4)
        oh, ow, blocks, bands, lead, trail = ints(p, 12, 6)
        slope, zero, pixel, pooled = number(p, 18), ints(p, 19, 1)[0], ints(p, 20, 1)[0], ints(p, 21, 1)[0]
        function, finish, scratch, spare = ints(p, 22, 4)
        image, band = t // bands, t % bands
        runs = (ow + RUN - 1) // RUN
        plane = runs * RUN_BYTES  # bytes of a transformed row of a channel
        table = scratch + thread * spare
        line = table + channels * TAPS * 16
        ring = line + (runs * RUN + LANES) * 4
        row_beside = ring + RING * channels * plane  # for the second row of a last pair that has only one
        fill_row(line, (runs * RUN + LANES) * 4, 0)
        high = 1 if pooled else 2
        dh, dw = (oh // 2, ow // 2) if pooled else (oh, ow)
        pairs = (oh + 1) // 2
        first, last = pairs * band // bands, pairs * (band + 1) // bands
        for pair in range(first, last):
            top = 2 * pair - pad
            for row in range(top if pair == first else top + 2, top + RING):
                for c in range(channels):
                    source = x + ((image * channels + c) * h + row) * w * 4 if 0 <= row < h else 0
                    read_row(ring + (row % RING * channels + c) * plane, line, source, w, pad, runs)
            for c in range(channels):
                for tap in range(TAPS):
                    for k in range(2):
                        put_word(table + ((c * TAPS + tap) * 2 + k) * 8,
                                 ring + ((top + tap + k) % RING * channels + c) * plane)
            for block in range(blocks):
                out = dst + image * dst_image + block * dst_block + pair * high * dst_row
                below = out + dst_row if 2 * pair + 1 < oh else row_beside
                call(function, (channels * TAPS, table, weights + block * panel, bias + block * BYTES, slope,
                                np.float32(zero), out, below, ow))
                if finish != 0:
                    call(finish, (out, out, ow))
                    call(finish, (below, below, ow))
        for block in range(blocks):
            clear_edges(dst + image * dst_image + block * dst_block, dst_row, dw, lead, trail, first * high,
                        min(last * high, dh), dh, pixel, zero)

    return stem


def scratch_bytes(channels: int, width: int) -> int:
    """Bytes a thread needs for rows of `width` output pixels."""
    runs = -(-width // RUN)
    return channels * TAPS * 16 + (runs * RUN + LANES) * 4 + RING * channels * runs * RUN_BYTES + width * BYTES


def pack(w: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """(blocks, C, 3, 6, 16) from weights (F, C, 3, 3) times a factor per filter, in float64."""
    f, c, _, _ = w.shape
    taps = np.array(SCHEME.taps(), np.float64)
    wide = np.zeros((-(-f // LANES) * LANES, c, TAPS, POSITIONS))
    wide[:f] = np.einsum("fcpq,kq->fcpk", w.astype(np.float64), taps) * factor[:, None, None, None]
    return np.ascontiguousarray(wide.reshape(-1, LANES, c, TAPS, POSITIONS).transpose(0, 2, 3, 4, 1), np.float32)

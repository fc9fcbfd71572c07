"""A convolution of the image itself: few planes, so that channels cannot fill a vector.

Each row is transformed along itself by Winograd's F(4, r) (transforms.py): with 3 taps in a row, 4 outputs take 6
multiplications for a channel and tap row instead of 12.  With stride s a row is taken apart into s phases, each of
which meets every s-th tap with stride 1; what they give is added up.  Lanes are tiles of 4 outputs while rows are
transformed, and filters while they are multiplied: one number of the row times a vector of weights.

A row is transformed once, into a ring of those that a pair of output rows needs.  Two output rows by two tiles are
finished together, with shared weights as far as registers go, and pooled in registers where a 2x2 max pool follows.
A number that is not finite spoils the tiles that hold it, as everywhere in Winograd's algorithm.

Transformed rows are (channel, 16 tiles, positions of all phases, 16 lanes); weights (blocks of 16 filters, channels,
tap rows, positions, 16).
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from darkpy.jit import intrinsic, njit
from darkpy.ops.cpu.direct import clear_edges, fill_row
from darkpy.ops.cpu.tasks import call, compiled, get_float, ints, number, put_float, put_word, task
from darkpy.ops.cpu.tile import WIDE, copy_vector
from darkpy.ops.cpu.transforms import POINTS, Matrix, cook_toom, emit_product
from darkpy.ops.cpu.vector import BYTES, I8, I32, I64, LANES, SIZES, Emit

TILE = 4  # outputs
RUN = TILE * LANES  # outputs of a row that are transformed together
STEP = 2 * TILE  # outputs of a row that are finished together
UNITS = [(row, tile) for row in range(2) for tile in range(2)]  # tiles of a step
SUMS = 28 if WIDE else 6  # that registers hold
LONGEST = len(POINTS) + 2 - TILE  # taps in a row of a phase


class Phase(NamedTuple):
    """The transforms of one phase, A', G and B', and where its positions begin."""

    at: Matrix
    g: Matrix
    bt: Matrix
    start: int


def taps_of(size: int, stride: int) -> list[int]:
    """Taps in a row of each phase."""
    return [len(range(phase, size, stride)) for phase in range(min(size, stride))]


def positions_of(size: int, stride: int) -> int:
    """Multiplications of 4 outputs with a row of taps."""
    return sum(TILE + taps - 1 for taps in taps_of(size, stride))


@cache
def phases_of(size: int, stride: int) -> list[Phase]:
    found, start = [], 0
    for taps in taps_of(size, stride):
        unit = [[Fraction(int(i == j)) for j in range(TILE)] for i in range(TILE)]
        at, g, bt = cook_toom(TILE, taps) if taps > 1 else (unit, [[Fraction(1)]] * TILE, unit)
        found.append(Phase(at, g, bt, start))
        start += len(bt)
    return found


def together(phases: list[Phase]) -> int:
    """Tiles of a step whose sums, those of a phase, registers hold."""
    return max((n for n in (1, 2, 4) if n * max(len(p.bt) for p in phases) <= SUMS), default=1)


def every_fourth(e: Emit, x: list[Any], first: int) -> list[Any]:
    """Of 64 numbers in four vectors, every fourth from the `first` on, and from the one behind it."""
    def pick(a: Any, b: Any, lanes: list[int]) -> Any:
        return e.b.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, LANES), lanes))

    half = LANES // 2
    lanes = [first + k + TILE * i for k in range(2) for i in range(half)]
    low, high = pick(x[0], x[1], lanes), pick(x[2], x[3], lanes)
    return [pick(low, high, [*range(k, k + half), *range(LANES + k, LANES + k + half)]) for k in (0, half)]


@intrinsic(prefer_literal=True)
def _transform(context, size, stride, target, lines, pitch, runs):
    """Transform a row, taken apart into phases at `lines`, `pitch` bytes apart: so many runs of 64 numbers and a few
    more of each."""
    phases = phases_of(size.literal_value, stride.literal_value)
    positions = positions_of(size.literal_value, stride.literal_value)

    def generate(cx, builder, _, args):
        target, lines, pitch, runs = args[2:]
        e = Emit(builder)

        def run(i: Any, _: list[Any]) -> list[Any]:
            place = e.scaled(target, i, positions * BYTES)
            for k, phase in enumerate(phases):
                line, columns = e.scaled(e.scaled(lines, pitch, k), i, RUN * 4), []
                for tile in range(0, len(phase.bt), TILE):  # this one, and the next
                    x = [e.load(e.at(line, j * BYTES + tile * 4)) for j in range(TILE)]
                    columns += every_fourth(e, x, 0) + every_fourth(e, x, 2)
                for j, value in enumerate(emit_product(e, phase.bt, columns[: len(phase.bt)])):
                    e.store(value, e.at(place, (phase.start + j) * BYTES))
            return []

        e.loop(runs, [], run)
        return cx.get_dummy_value()

    return types.void(size, stride, *[types.int64] * 4), generate


@intrinsic(prefer_literal=True)
def _rows(context, size, stride, pooled, kind, n, table, weights, bias, slope, zero, out, below, count):
    """`count` pixels of two rows of a block of filters, at `out` and `below`; or their 2x2 pool, at `out`.  `table` has
    for each of the n pairs of channel and tap row the addresses of the transformed rows for both."""
    phases = phases_of(size.literal_value, stride.literal_value)
    positions = positions_of(size.literal_value, stride.literal_value)
    stored, pool, many = kind.literal_value, bool(pooled.literal_value), together(phases)
    pixel, rows, width = LANES * SIZES[stored], 1 if pool else 2, STEP // 2 if pool else STEP
    # the position that counts once in each output
    same = next(p.start + k for p in phases for k in range(len(p.bt)) if all(row[k] == 1 for row in p.at))

    def generate(cx, builder, _, args):
        n, table, weights, bias, slope, zero, out, below, count = args[4:]
        e = Emit(builder)
        shift, slope, offset = e.load(bias), e.splat(slope), e.splat(zero)
        beside = builder.ptrtoint(cgutils.alloca_once(builder, ir.VectorType(I8, pixel), e.whole(rows * width)), I64)

        def outputs(units: list[tuple[int, int]], at: Any) -> list[list[Any]]:
            """Four vectors for each of some tiles of a step, phase by phase."""
            y: list[list[Any]] = []
            for phase in phases:
                size = len(phase.bt)

                def turn(j: Any, sums: list[Any], start: int = phase.start, size: int = size) -> list[Any]:
                    place, panel = e.scaled(table, j, 16), e.scaled(weights, j, positions * BYTES)
                    lines = [builder.add(e.integer(e.at(place, 8 * row)), at) for row in range(2)]
                    sums = list(sums)
                    for k in range(size):
                        w = e.load(e.at(panel, (start + k) * BYTES))
                        for i, (row, tile) in enumerate(units):
                            x = e.splat(e.scalar(e.at(lines[row], (start + k) * BYTES + 4 * tile)))
                            sums[i * size + k] = e.fma(x, w, sums[i * size + k])
                    return sums

                first = [shift if phase.start + k == same else e.constant(0) for k in range(size)]
                sums = e.loop(n, first * len(units), turn)
                some = [emit_product(e, phase.at, sums[i * size : (i + 1) * size]) for i in range(len(units))]
                y = [[builder.fadd(a, b) for a, b in zip(*pair, strict=True)] for pair in zip(y, some, strict=True)
                     ] if y else some
            return y

        def step(i: Any, _: list[Any]) -> list[Any]:
            tile = builder.mul(i, e.whole(2))
            at = builder.add(builder.mul(builder.udiv(tile, e.whole(LANES)), e.whole(positions * BYTES)),
                             builder.mul(builder.urem(tile, e.whole(LANES)), e.whole(4)))
            found = [y for k in range(0, len(UNITS), many) for y in outputs(UNITS[k : k + many], at)]
            y = [found[0] + found[1], found[2] + found[3]]
            if pool:
                best = [e.constant(float(np.finfo(np.float32).min))] * width
                for row, k in product(range(2), range(2)):
                    best = [e.larger(y[row][2 * j + k], best[j]) for j in range(width)]
                y = [best]
            left = builder.sub(builder.udiv(count, e.whole(STEP // width)), builder.mul(i, e.whole(width)))
            whole = builder.icmp_signed(">=", left, e.whole(width))
            for row, (line, values) in enumerate(zip((out, below)[:rows], y, strict=True)):
                place = e.scaled(line, i, width * pixel)
                target = builder.select(whole, place, e.at(beside, row * width * pixel))
                for j, value in enumerate(values):
                    value = e.rectify(value, slope)
                    value = builder.fadd(value, offset) if stored == "uint8" else value
                    e.store(value, e.at(target, j * pixel), stored)
                with builder.if_then(builder.not_(whole)):
                    e.copy_pixels(place, target, pixel, left)
            return []

        e.loop(builder.udiv(e.at(count, STEP - 1), e.whole(STEP)), [], step)
        return cx.get_dummy_value()

    i64, f32 = types.int64, types.float32
    return types.void(size, stride, pooled, kind, i64, i64, i64, i64, f32, f32, i64, i64, i64), generate


@cache
def functions(size: int, stride: int, pooled: int, kind: str) -> tuple[Any, Any]:
    """The C functions of `_transform` and, for maps of a type, of `_rows`; arguments are those behind the constants."""

    @compiled("void(int64, int64, int64, int64)")
    def stem_transform(target, lines, pitch, runs):
        _transform(size, stride, target, lines, pitch, runs)

    @compiled("void(int64, int64, int64, int64, float32, float32, int64, int64, int64)")
    def stem_rows(n, table, weights, bias, slope, zero, out, below, count):
        _rows(size, stride, pooled, kind, n, table, weights, bias, slope, zero, out, below, count)

    return stem_transform, stem_rows


@njit
def take_apart(lines, pitch, source, width, pad, stride, phases):
    """A row of the image as lines of every stride-th number, the first of which is `pad` before the image.  What lies
    outside is not written."""
    for phase in range(phases):
        first = (max(pad - phase, 0) + stride - 1) // stride
        last = max((width + pad - phase + stride - 1) // stride, first)
        line = lines + phase * pitch
        place, i = source + (stride * first + phase - pad) * 4, first
        while stride == 1 and i + LANES <= last:
            copy_vector(line + i * 4, place)
            i, place = i + LANES, place + BYTES
        while i < last:
            put_float(line + i * 4, get_float(place))
            i, place = i + 1, place + stride * 4


@cache
def stem() -> Any:
    """Band `band` of `bands` of pairs of rows of one image.

    Arguments: weights, bytes of a block of them; bias; address of x (N, C, H, W), C, H, W; size and stride of the
    kernel; pad; dst (address of pixel 0,0; bytes from image to image, block to block, row to row); OH, OW before a
    pool; blocks of filters; bands; border (lead, trail) of dst; slope; what stands for 0 in dst; its bytes a pixel; 1
    where 2x2 pixels are pooled; the two functions; one for finished rows (0: none); bytes of a run of a transformed
    row; scratch memory and its bytes for each thread.
    """

    @task
    def stem(t, thread, p):
        weights, panel, bias, x, channels, h, w, size, stride, pad = ints(p, 0, 10)
        dst, dst_image, dst_block, dst_row = ints(p, 10, 4)
        oh, ow, blocks, bands, lead, trail = ints(p, 14, 6)
        slope = number(p, 20)
        zero, pixel, pooled, transform, rows, finish, run_bytes, scratch, spare = ints(p, 21, 9)
        image, band = t // bands, t % bands
        runs, phases = (ow + RUN - 1) // RUN, min(size, stride)
        ring_rows = size + stride
        plane = runs * run_bytes  # bytes of a transformed row of a channel
        table = scratch + thread * spare
        lines = table + channels * size * 16
        pitch = (runs * RUN + LANES) * 4
        ring = lines + phases * pitch
        beside = ring + ring_rows * channels * plane  # for the second row of a last pair that has only one
        fill_row(lines, phases * pitch, 0)
        high = 1 if pooled else 2
        dh, dw = (oh // 2, ow // 2) if pooled else (oh, ow)
        pairs = (oh + 1) // 2
        first, last = pairs * band // bands, pairs * (band + 1) // bands
        for pair in range(first, last):
            top = 2 * stride * pair - pad
            for row in range(top if pair == first else top + size - stride, top + ring_rows):
                for c in range(channels):
                    target = ring + (row % ring_rows * channels + c) * plane
                    if 0 <= row < h:
                        take_apart(lines, pitch, x + ((image * channels + c) * h + row) * w * 4, w, pad, stride, phases)
                        call(transform, (target, lines, pitch, runs))
                    else:
                        fill_row(target, plane, 0)
            for c in range(channels):
                for tap in range(size):
                    for k in range(2):
                        put_word(table + ((c * size + tap) * 2 + k) * 8,
                                 ring + ((top + tap + k * stride) % ring_rows * channels + c) * plane)
            for block in range(blocks):
                out = dst + image * dst_image + block * dst_block + pair * high * dst_row
                below = out + dst_row if 2 * pair + 1 < oh else beside
                call(rows, (channels * size, table, weights + block * panel, bias + block * BYTES, slope,
                            np.float32(zero), out, below, ow))
                if finish != 0:
                    call(finish, (out, out, ow))
                    call(finish, (below, below, ow))
        for block in range(blocks):
            clear_edges(dst + image * dst_image + block * dst_block, dst_row, dw, lead, trail, first * high,
                        min(last * high, dh), dh, pixel, zero)

    return stem


def scratch_bytes(channels: int, size: int, stride: int, width: int) -> int:
    """Bytes a thread needs for rows of `width` output pixels."""
    runs = -(-width // RUN)
    rows = (size + stride) * channels * runs * positions_of(size, stride) * BYTES
    return channels * size * 16 + min(size, stride) * (runs * RUN + LANES) * 4 + rows + width * BYTES


def pack(w: np.ndarray, factor: np.ndarray, stride: int) -> np.ndarray:
    """(blocks, C, K, positions, 16) from weights (F, C, K, K) times a factor per filter, in float64."""
    f, c, k, _ = w.shape
    wide = np.zeros((-(-f // LANES) * LANES, c, k, positions_of(k, stride)))
    for i, phase in enumerate(phases_of(k, stride)):
        taps = w[..., i::stride].astype(np.float64) * factor[:, None, None, None]
        wide[:f, ..., phase.start : phase.start + len(phase.g)] = taps @ np.array(phase.g, np.float64).T
    return np.ascontiguousarray(wide.reshape(-1, LANES, *wide.shape[1:]).transpose(0, 2, 3, 4, 1), np.float32)

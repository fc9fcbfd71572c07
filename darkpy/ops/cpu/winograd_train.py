"""Winograd's algorithm F(4 x 4, 3 x 3) for training: forward, gradient for the input, gradient for the weights.

    forward   Y  = A' [ (G g G') * (B' d B) ] A     summed over input channels
    input     the forward of dY with the filters turned by 180 degrees and the channels exchanged
    weights   dg = G' [ (A dY A') * (B' d B) ] G    summed over tiles

Each is 36 independent matrix products, one for each position of a tile.  Maps stay planar: a thread takes rows of 16
channels into a strip in its cache (ops/cpu/planar.py), transforms its tiles from there, and finished tiles go back
the same way.  Weights are transformed where they are used, since they change with every step.

Rows of tiles are counted through all images of the batch.  Two ways to share out the work:

- by bands (large maps): a task takes some rows of tiles through all steps, and its tiles never leave its cache;
- by filters (small maps, many filters): all tiles are transformed first, then each task takes a block of filters.

The sums do not depend on the number of threads.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import types

from darkpy.jit import intrinsic, njit, threads_allowed
from darkpy.ops.cpu.planar import load_rows, store_rows
from darkpy.ops.cpu.tasks import arguments, call, ints, run, task
from darkpy.ops.cpu.tile import BYTES, DEPTH, LANES, VECTORS, Shape, rows_for, tile_function
from darkpy.ops.cpu.transforms import cook_toom, emit_product
from darkpy.ops.cpu.vector import Emit
from darkpy.ops.cpu.workspace import workspace

M, T = 4, 6  # sides of a tile of outputs and of its patch of inputs
POSITIONS = T * T
TAPS = 9
AT, G, BT = cook_toom(M)
A, GT = ([list(column) for column in zip(*matrix, strict=True)] for matrix in (AT, G))
INPUT, OUTPUT, GRADIENT = 0, 1, 2
MATRICES = {INPUT: BT, OUTPUT: AT, GRADIENT: A}
CACHE = 3 << 18  # bytes of a second-level cache to fill with the tiles of a band



def emit_sandwich(e: Emit, matrix: Any, x: list[list[Any]]) -> list[list[Any]]:
    """matrix @ x @ matrix' for a square of vectors."""
    half = [emit_product(e, matrix, row) for row in x]
    columns = [emit_product(e, matrix, list(column)) for column in zip(*half, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


@intrinsic(prefer_literal=True)
def transform(context, which, source, row, pixel, target, target_row, target_pixel):
    """matrix @ X @ matrix' of the square of vectors at `source`, rows and pixels so many bytes apart, to `target`."""
    matrix = MATRICES[which.literal_value]

    def generate(cx, builder, _, args):
        _, source, row, pixel, target, target_row, target_pixel = args
        e = Emit(builder)
        n = range(len(matrix[0]))
        x = [[e.load(e.scaled(e.scaled(source, row, i), pixel, j)) for j in n] for i in n]
        for i, line in enumerate(emit_sandwich(e, matrix, x)):
            for j, value in enumerate(line):
                e.store(value, e.scaled(e.scaled(target, target_row, i), target_pixel, j))
        return cx.get_dummy_value()

    return types.void(which, *[types.int64] * 6), generate


@intrinsic(prefer_literal=True)
def transform_weights(context, flip, source, plane, count, target, position):
    """G g G' of `count` (at most 16) kernels, `plane` bytes apart, to 36 vectors; `flip` turns the kernels."""
    turned = bool(flip.literal_value)

    def generate(cx, builder, _, args):
        _, source, plane, count, target, position = args
        e = Emit(builder)
        rows = []
        for i in range(LANES):
            there = builder.select(builder.icmp_signed("<", e.whole(i), count), e.whole(TAPS), e.whole(0))
            rows.append(e.load_some(e.scaled(source, plane, i), e.below(there)))
        taps = e.transposed(rows)[:TAPS]
        if turned:
            taps.reverse()
        for i, line in enumerate(emit_sandwich(e, G, [taps[i : i + 3] for i in (0, 3, 6)])):
            for j, value in enumerate(line):
                e.store(value, e.scaled(target, position, i * T + j))
        return cx.get_dummy_value()

    return types.void(flip, *[types.int64] * 5), generate


@intrinsic
def finish_weights(context, source, position, target, plane, count):
    """G' U G of 36 vectors, a filter a lane, to the 3x3 kernels of `count` filters, `plane` bytes apart."""

    def generate(cx, builder, _, args):
        source, position, target, plane, count = args
        e = Emit(builder)
        u = [[e.load(e.scaled(source, position, i * T + j)) for j in range(T)] for i in range(T)]
        taps = [v for line in emit_sandwich(e, GT, u) for v in line]
        for i, row in enumerate(e.transposed(taps + [e.constant(0)] * (LANES - TAPS))):
            there = builder.select(builder.icmp_signed("<", e.whole(i), count), e.whole(TAPS), e.whole(0))
            e.store_some(row, e.scaled(target, plane, i), e.below(there))
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


@njit
def read_tiles(which, x, channels, height, width, pad, down, across, first, last, strip, target, block, apart,
               position):
    """Transform rows first..last of tiles of 16 channels from `block` on: tile i of the run to target + i * apart.

    `which`: INPUT takes patches that begin `pad` before the map, GRADIENT plain squares of 4 x 4."""
    more = 2 if which == INPUT else 0
    pitch = across * M + more
    planes = height * width * 4
    row = first
    while row < last:
        image, i = row // down, row % down
        count = min(last - row, down - i)
        load_rows(strip, pitch, x + (image * channels + block * LANES) * planes, min(LANES, channels - block * LANES),
                  height, width, i * M - pad, count * M + more, pad)
        for k in range(count):
            for j in range(across):
                source = strip + (k * M * pitch + j * M) * BYTES
                to = target + ((row - first + k) * across + j) * apart
                if which == INPUT:
                    transform(INPUT, source, pitch * BYTES, BYTES, to, T * position, position)
                else:
                    transform(GRADIENT, source, pitch * BYTES, BYTES, to, T * position, position)
        row += count


# -- forward, and the gradient for the input ------------------------------------------------------------------------
#
# Slots: 0 x, C, H, W, pad; 5 y, F, OH, OW; 9 weights, bytes from output to output, from input to input channel;
# 12 down, across, all rows of tiles, rows in a band; 16 U, bytes from position to position, from group to group of
# filters; 19 V, bytes from position to position, tiles it holds; 22 sums, bytes from position to position, tiles;
# 25 strip; 26 bytes of scratch memory a thread (U, V, sums and strip: those of thread 0, or of all);
# 27 table of offsets of groups of 4 channels, how many; 29 tiles for one and for VECTORS blocks of filters, pixels in
# them; 32 groups of filters.


@njit
def group_vectors(p, group):
    filters = ints(p, 6, 1)[0]
    return VECTORS if filters - group * VECTORS * LANES > LANES else 1


@njit
def prepare_weights(p, group, u, flip):
    """Transformed weights of a group of filters, zeros for channels that fill up the last four."""
    channels = ints(p, 1, 1)[0]
    filters = ints(p, 6, 1)[0]
    w, output, inner = ints(p, 9, 3)
    position = ints(p, 17, 1)[0]
    vectors = group_vectors(p, group)
    for c in range((channels + DEPTH - 1) // DEPTH * DEPTH):
        for v in range(vectors):
            f = (group * VECTORS + v) * LANES
            count = min(LANES, filters - f) if c < channels else 0
            at = u + (c * vectors + v) * BYTES
            if flip:
                transform_weights(1, w + f * output + c * inner, output, count, at, position)
            else:
                transform_weights(0, w + f * output + c * inner, output, count, at, position)


@njit
def read_band(p, block, first, last, values, strip):
    x, channels, h, w, pad = ints(p, 0, 5)
    down, across = ints(p, 12, 2)
    position, tiles = ints(p, 20, 2)
    read_tiles(INPUT, x, channels, h, w, pad, down, across, first, last, strip, values + block * tiles * BYTES, block,
               BYTES, position)


@njit
def write_band(p, group, first, last, u, values, sums, strip):
    """Multiply rows first..last of tiles, which begin at `values`, with a group of filters; finish and store them."""
    y, filters, oh, ow = ints(p, 5, 4)
    down, across = ints(p, 12, 2)
    u_step = ints(p, 17, 1)[0]
    v_step = ints(p, 20, 1)[0]
    s_step, s_tiles = ints(p, 23, 2)
    offsets, quads, single, double, rows = ints(p, 27, 5)
    vectors = group_vectors(p, group)
    tile = single if vectors == 1 else double
    count = (last - first) * across
    for q in range(POSITIONS):
        for i in range(0, count, rows):
            call(tile, (quads, offsets, values + q * v_step + i * BYTES, u + q * u_step, 0, np.float32(0), 0, 0,
                        np.float32(0), sums + q * s_step + i * BYTES, s_tiles * BYTES, min(rows, count - i)))
    pitch = across * M
    for v in range(vectors):
        f = (group * VECTORS + v) * LANES
        for row in range(first, last):
            image, i = row // down, row % down
            for j in range(across):
                transform(OUTPUT, sums + (v * s_tiles + (row - first) * across + j) * BYTES, T * s_step, s_step,
                          strip + j * M * BYTES, pitch * BYTES, BYTES)
            store_rows(y + (image * filters + f) * oh * ow * 4, min(LANES, filters - f), oh, ow, i * M,
                       min(M, oh - i * M), strip, pitch)


@cache
def weights_task(flip: int) -> Any:
    """Transformed weights of a group of filters into shared memory."""

    @task
    def winograd_train_weights(t, thread, p):
        u, _, group = ints(p, 16, 3)
        prepare_weights(p, t, u + t * group, flip)

    return winograd_train_weights


@cache
def bands_task() -> Any:
    """A band of rows of tiles through all steps."""

    @task
    def winograd_train_band(t, thread, p):
        channels = ints(p, 1, 1)[0]
        total, rows = ints(p, 14, 2)
        u, _, group_bytes, v, _, _, sums, _, _, strip, spare = ints(p, 16, 11)
        groups = ints(p, 32, 1)[0]
        mine = thread * spare
        first, last = t * rows, min(total, (t + 1) * rows)
        for block in range((channels + LANES - 1) // LANES):
            read_band(p, block, first, last, v + mine, strip + mine)
        for group in range(groups):
            write_band(p, group, first, last, u + group * group_bytes, v + mine, sums + mine, strip + mine)

    return winograd_train_band


@cache
def read_task() -> Any:
    """A band of a block of channels into shared memory."""

    @task
    def winograd_train_read(t, thread, p):
        channels = ints(p, 1, 1)[0]
        across, total, rows = ints(p, 13, 3)
        v = ints(p, 19, 1)[0]
        strip, spare = ints(p, 25, 2)
        blocks = (channels + LANES - 1) // LANES
        first = t // blocks * rows
        read_band(p, t % blocks, first, min(total, first + rows), v + first * across * BYTES, strip + thread * spare)

    return winograd_train_read


@cache
def filters_task(flip: int) -> Any:
    """All tiles, transformed already, for a group of filters."""

    @task
    def winograd_train_filters(t, thread, p):
        across, total, rows = ints(p, 13, 3)
        u, _, _, v, _, _, sums, _, _, strip, spare = ints(p, 16, 11)
        mine = thread * spare
        prepare_weights(p, t, u + mine, flip)
        for first in range(0, total, rows):
            write_band(p, t, first, min(total, first + rows), u + mine, v + first * across * BYTES, sums + mine,
                       strip + mine)

    return winograd_train_filters


def odd(vectors: int) -> int:
    """Bytes from position to position: an odd number of vectors, so that a tile's positions meet in no cache set."""
    return (vectors | 1) * BYTES


def band_rows(channels: int, across: int, total: int) -> int:
    """Rows of tiles in a band, whose transforms of so many channels fit the cache."""
    tiles = min(112, max(28, CACHE // (POSITIONS * 4 * channels)))
    return min(total, max(1, tiles // across))


def suits(x: tuple[int, ...], y: tuple[int, ...], kernel: int, stride: tuple[int, int], pad: int, dilation: int,
          groups: int) -> bool:
    """Whether this can do a convolution from a map of shape x to one of shape y, and faster than others."""
    return (kernel == 3 and tuple(stride) == (1, 1) and dilation == groups == 1 and pad <= 2
            and min(x[1], y[1]) >= LANES and min(y[2:]) >= M)


def correlate(y: np.ndarray, x: np.ndarray, w: np.ndarray, pad: int, flip: bool = False) -> None:
    """y (N, F, OH, OW) <- x (N, C, H, W) with weights w (F, C, 3, 3), stride 1.

    With `flip` w is (C, F, 3, 3) and each kernel is turned by 180 degrees: the gradient for the input.
    """
    n, c, h, width = x.shape
    _, f, oh, ow = y.shape
    output, inner = (TAPS * 4, f * TAPS * 4) if flip else (c * TAPS * 4, TAPS * 4)
    down, across = -(-oh // M), -(-ow // M)
    total, threads = n * down, threads_allowed()
    quads, blocks, filter_blocks = -(-c // DEPTH), -(-c // LANES), -(-f // LANES)
    groups = -(-filter_blocks // VECTORS)
    rows = band_rows(c + VECTORS * LANES, across, total)
    bands = -(-total // rows)
    u_step = odd(quads * DEPTH * VECTORS)
    u_bytes = POSITIONS * u_step
    by_bands = bands >= 2 * threads and (total * across >= f or groups < 2 * threads)
    tiles = (rows if by_bands else total) * across
    v_step, s_step = odd(blocks * tiles), odd(VECTORS * rows * across)
    slack = LANES * BYTES
    strip = ((rows * M + 2) * (across * M + 2)) * BYTES + slack
    mine = [POSITIONS * v_step + slack if by_bands else 0, 0 if by_bands else u_bytes, POSITIONS * s_step + slack,
            strip]
    shared = groups * u_bytes if by_bands else POSITIONS * v_step + slack
    spare = sum(mine)
    memory = workspace(shared + threads * spare)
    first = memory + shared
    v, u = (first, memory) if by_bands else (memory, first)
    sums = first + mine[0] + mine[1]
    quad = np.arange(quads)
    offsets = (quad * DEPTH // LANES * tiles * BYTES + quad * DEPTH % LANES * 4).astype(np.int64)
    pixels = rows_for(rows * across)
    single, double = (tile_function(Shape(pixels, vectors, epilogue=0)) for vectors in (1, VECTORS))
    slots = arguments(x.ctypes.data, c, h, width, pad, y.ctypes.data, f, oh, ow, w.ctypes.data, output, inner, down,
                      across, total, rows, u, u_step, u_bytes, v, v_step, tiles, sums, s_step, rows * across,
                      sums + mine[2], spare, offsets.ctypes.data, quads, single.address, double.address, pixels, groups)
    address = slots.ctypes.data
    if by_bands:
        run(groups, weights_task(int(flip)).address, address)
        run(bands, bands_task().address, address)
    else:
        run(bands * blocks, read_task().address, address)
        run(groups, filters_task(int(flip)).address, address)

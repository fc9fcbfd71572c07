"""Winograd's algorithm F(4 x 4, 3 x 3): the gradient for the weights (see winograd_train.py).

A task's sums are those of 16 channels and VECTORS * 16 filters, 36 positions.  By bands: the bands are cut into at
most PARTS runs, whatever the number of threads; each has sums of its own, which are added up in order.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from darkpy.jit import njit, threads_allowed
from darkpy.ops.cpu.blocked import add_vectors
from darkpy.ops.cpu.tasks import arguments, call, ints, run, task
from darkpy.ops.cpu.tile import BYTES, LANES, VECTORS, WIDE, Shape, tile_function
from darkpy.ops.cpu.winograd_train import (
    GRADIENT,
    INPUT,
    POSITIONS,
    TAPS,
    M,
    band_rows,
    finish_weights,
    odd,
    read_tiles,
)
from darkpy.ops.cpu.workspace import workspace

PARTS = 16
ROWS = 8 if WIDE else 4  # channels in a register tile

# Slots: 0 x, C, H, W, pad; 5 dy, F, OH, OW; 9 dw; 10 down, across, all rows of tiles, rows in a band; 14 V, bytes from
# position to position, tiles it holds; 17 the transformed dy, the same; 20 sums, bytes of them; 22 groups of filters,
# blocks of channels; 24 strip, bytes of scratch memory a thread; 26 offsets of tiles, register tile, bias of zeros;
# 29 parts, bands, vectors in a group of filters.


@njit
def read_x(p, block, first, last, values, strip):
    x, c, h, w, pad = ints(p, 0, 5)
    down, across = ints(p, 10, 2)
    position, tiles = ints(p, 15, 2)
    read_tiles(INPUT, x, c, h, w, pad, down, across, first, last, strip, values + block * tiles * BYTES, block, BYTES,
               position)


@njit
def read_dy(p, block, first, last, values, strip):
    dy, f, oh, ow = ints(p, 5, 4)
    down, across = ints(p, 10, 2)
    position, tiles = ints(p, 18, 2)
    vectors = ints(p, 31, 1)[0]
    target = values + (block // vectors * tiles * vectors + block % vectors) * BYTES
    read_tiles(GRADIENT, dy, f, oh, ow, 0, down, across, first, last, strip, target, block, vectors * BYTES, position)


@njit
def multiply(p, group, block, count, values, gradients, sums, again):
    """Sums over `count` tiles, added to what is there if `again`."""
    v_step, v_tiles, _, g_step, g_tiles = ints(p, 15, 5)
    offsets, tile, zeros = ints(p, 26, 3)
    vectors = ints(p, 31, 1)[0]
    piece = LANES * BYTES
    for q in range(POSITIONS):
        for c in range(0, LANES, ROWS):
            to = sums + q * vectors * piece + c * BYTES
            call(tile, (count, offsets, values + q * v_step + block * v_tiles * BYTES + c * 4,
                        gradients + q * g_step + group * g_tiles * vectors * BYTES, zeros, np.float32(1),
                        to if again else 0, piece, np.float32(1), to, piece, ROWS))


@njit
def finish(p, group, block, sums):
    channels, filters, dw = ints(p, 1, 1)[0], ints(p, 6, 1)[0], ints(p, 9, 1)[0]
    vectors = ints(p, 31, 1)[0]
    for v in range(vectors):
        f = (group * vectors + v) * LANES
        for c in range(block * LANES, min(channels, (block + 1) * LANES)):
            finish_weights(sums + (v * LANES + c % LANES) * BYTES, vectors * LANES * BYTES,
                           dw + (f * channels + c) * TAPS * 4, channels * TAPS * 4, min(LANES, filters - f))


@cache
def band_tasks() -> tuple[Any, Any]:
    """One part of the bands; one group of filters and block of channels of the parts' sums."""

    @task
    def winograd_dw_part(t, thread, p):
        across, total, rows, v = ints(p, 11, 4)
        g, _, _, sums, size, groups, blocks, strip, spare = ints(p, 17, 9)
        parts, bands, vectors = ints(p, 29, 3)
        mine = thread * spare
        for band in range(bands * t // parts, bands * (t + 1) // parts):
            first, last = band * rows, min(total, (band + 1) * rows)
            for block in range(blocks):
                read_x(p, block, first, last, v + mine, strip + mine)
            for block in range(groups * vectors):
                read_dy(p, block, first, last, g + mine, strip + mine)
            for group in range(groups):
                for block in range(blocks):
                    multiply(p, group, block, (last - first) * across, v + mine, g + mine,
                             sums + ((t * groups + group) * blocks + block) * size, band > bands * t // parts)

    @task
    def winograd_dw_sum(t, thread, p):
        sums, size, groups, blocks = ints(p, 20, 4)
        parts = ints(p, 29, 1)[0]
        for part in range(1, parts):
            for i in range(0, size, BYTES):
                at = sums + t * size + i
                add_vectors(at, at, at + part * groups * blocks * size, np.float32(1))
        finish(p, t // blocks, t % blocks, sums + t * size)

    return winograd_dw_part, winograd_dw_sum


@cache
def filter_tasks() -> tuple[Any, Any]:
    """A band of a block of channels or of filters into shared memory; a group of filters and a block of channels."""

    @task
    def winograd_dw_read(t, thread, p):
        across, total, rows, v = ints(p, 11, 4)
        g = ints(p, 17, 1)[0]
        groups, blocks, strip, spare = ints(p, 22, 4)
        vectors = ints(p, 31, 1)[0]
        both = blocks + groups * vectors
        block, first = t % both, t // both * rows
        last = min(total, first + rows)
        if block < blocks:
            read_x(p, block, first, last, v + first * across * BYTES, strip + thread * spare)
        else:
            read_dy(p, block - blocks, first, last, g + first * across * vectors * BYTES, strip + thread * spare)

    @task
    def winograd_dw_filters(t, thread, p):
        across, total, _, v = ints(p, 11, 4)
        g, _, _, sums, _, _, blocks, _, spare = ints(p, 17, 9)
        mine = sums + thread * spare
        multiply(p, t // blocks, t % blocks, total * across, v, g, mine, False)
        finish(p, t // blocks, t % blocks, mine)

    return winograd_dw_read, winograd_dw_filters


def conv_dw(dw: np.ndarray, dy: np.ndarray, x: np.ndarray, pad: int) -> None:
    """dw (F, C, 3, 3) <- sum over images and places of dy (N, F, OH, OW) and x (N, C, H, W), stride 1."""
    n, c, h, w = x.shape
    _, f, oh, ow = dy.shape
    down, across = -(-oh // M), -(-ow // M)
    total, threads = n * down, threads_allowed()
    blocks, vectors = -(-c // LANES), VECTORS if f > LANES else 1
    groups = -(-f // (LANES * vectors))
    wide = groups * vectors * LANES
    rows = band_rows(c + wide, across, total)
    bands = -(-total // rows)
    parts = min(PARTS, bands)
    # the sums of all parts, or the transforms of all tiles, go through memory: what is less
    by_bands = parts * c * wide < total * across * (c + wide)
    tiles = (rows if by_bands else total) * across
    v_step, g_step = odd(blocks * tiles), odd(groups * vectors * tiles)
    size = POSITIONS * vectors * LANES * BYTES
    slack = LANES * BYTES
    both = [POSITIONS * v_step + slack, POSITIONS * g_step + slack]
    shared = parts * groups * blocks * size if by_bands else sum(both)
    strip = (rows * M + 2) * (across * M + 2) * BYTES + slack
    spare = (sum(both) if by_bands else size) + strip
    memory = workspace(shared + threads * spare)
    mine = memory + shared
    v, sums = (mine, memory) if by_bands else (memory, mine)
    offsets = np.arange(tiles, dtype=np.int64) * BYTES
    zeros = np.zeros(vectors * LANES, np.float32)
    tile = tile_function(Shape(ROWS, vectors, depth=1, step=1))
    slots = arguments(x.ctypes.data, c, h, w, pad, dy.ctypes.data, f, oh, ow, dw.ctypes.data, down, across, total, rows,
                      v, v_step, tiles, v + both[0], g_step, tiles, sums, size, groups, blocks,
                      mine + spare - strip, spare, offsets.ctypes.data, tile.address, zeros.ctypes.data, parts, bands,
                      vectors)
    address = slots.ctypes.data
    if by_bands:
        part, add = band_tasks()
        run(parts, part.address, address)
        run(groups * blocks, add.address, address)
    else:
        read, filters = filter_tasks()
        run(bands * (blocks + groups * vectors), read.address, address)
        run(groups * blocks, filters.address, address)

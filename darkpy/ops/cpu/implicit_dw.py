"""Gradient of a convolution for its weights, by sums over pixels (see implicit.py).

A task takes some rows k of the windows and a run of pixels: a part of the sums.  Parts are cut by the shape alone,
whatever the number of threads, and added up in order.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from darkpy.jit import njit, threads_allowed
from darkpy.ops.cpu.blocked import add_vectors
from darkpy.ops.cpu.implicit import LANE_BYTES, Windows, conv_windows, flat_map, read_windows
from darkpy.ops.cpu.planar import load_pixels, store_pixels
from darkpy.ops.cpu.tasks import arguments, call, ints, run, task
from darkpy.ops.cpu.tile import BYTES, LANES, VECTORS, Shape, rows_for, tile_function
from darkpy.ops.cpu.workspace import workspace

PARTS = 16
PANELS = 1 << 19  # bytes of the panels of windows and of dy

# Slots beyond those of implicit.py: 14 dy, bytes of an image, of a plane, pixels of an image; 18 filters, blocks of
# them, vectors; 21 rows k of a task, blocks of k; 23 sums, bytes of a part; 25 offsets, tile, zeros, rows of the tile;
# 29 parts; 30 dw.


@njit
def read_gradients(p, first, last, target):
    """dy of pixels first..last: (pixel, filter), in groups of `vectors` blocks; zeros behind the last one."""
    dy, image_bytes, plane, size, filters, blocks, vectors = ints(p, 14, 7)
    chunk = ints(p, 11, 1)[0]
    for block in range(blocks):
        to = target + (block // vectors * (chunk + LANES) * vectors + block % vectors) * BYTES
        n = first
        while n < last:
            image, place = n // size, n % size
            count = min(LANES, last - n, size - place)
            load_pixels(to + (n - first) * vectors * BYTES, vectors * BYTES,
                        dy + image * image_bytes + block * LANES * plane + place * 4, plane, count,
                        min(LANES, filters - block * LANES))
            n += count


@cache
def sum_tasks() -> tuple[Any, Any]:
    """The sums of some rows k over a part of the pixels; the sum of the parts of 16 rows k and 16 filters."""

    @task
    def implicit_dw_part(t, thread, p):
        depth = ints(p, 5, 1)[0]
        total, chunk, scratch, spare = ints(p, 10, 4)
        blocks, vectors, ks, k_blocks, sums, size, offsets, tile, zeros, rows, parts = ints(p, 19, 11)
        lanes = scratch + thread * spare
        column = lanes + LANE_BYTES  # 16 pixels of the windows' rows
        pitch = (ks + LANES - 1) // LANES * LANES
        panel = column + pitch * BYTES
        gradients = panel + (chunk + LANES) * pitch * 4
        part, block = t // k_blocks, t % k_blocks
        k, count = block * ks, min(ks, depth - block * ks)
        out = sums + part * size + k * BYTES
        k_pitch = (depth + LANES - 1) // LANES * LANES * BYTES
        chunks = (total + chunk - 1) // chunk
        for c in range(chunks * part // parts, chunks * (part + 1) // parts):
            first, last = c * chunk, min(total, (c + 1) * chunk)
            for n in range(first, last, LANES):
                read_windows(p, n, lanes, k, k + count, column, BYTES)
                for i in range(0, count, LANES):
                    load_pixels(panel + (n - first) * pitch * 4 + i * 4, pitch * 4, column + i * BYTES, BYTES, LANES,
                                min(LANES, count - i))
            read_gradients(p, first, last, gradients)
            for f in range(0, blocks, vectors):
                for i in range(0, count, rows):
                    to = out + f * k_pitch + i * BYTES
                    call(tile, (last - first, offsets, panel + i * 4, gradients + f * (chunk + LANES) * BYTES, zeros,
                                np.float32(1), to if c > chunks * part // parts else 0, k_pitch, np.float32(1), to,
                                k_pitch, min(rows, count - i)))

    @task
    def implicit_dw_sum(t, thread, p):
        depth = ints(p, 5, 1)[0]
        filters = ints(p, 18, 1)[0]
        sums, size = ints(p, 23, 2)
        parts, dw = ints(p, 29, 2)
        k_blocks = (depth + LANES - 1) // LANES
        block, k = t // k_blocks, t % k_blocks * LANES
        mine = sums + t * LANES * BYTES
        for part in range(1, parts):
            for i in range(0, LANES * BYTES, BYTES):
                add_vectors(mine + i, mine + i, mine + part * size + i, np.float32(1))
        store_pixels(dw + (block * LANES * depth + k) * 4, mine, depth * 4, min(LANES, depth - k),
                     min(LANES, filters - block * LANES))

    return implicit_dw_part, implicit_dw_sum


def sum_windows(dw: np.ndarray, dy: np.ndarray, x: np.ndarray, windows: Windows) -> None:
    """dw (F, K) <- sum over pixels of dy (N, F, ...) and the windows of x."""
    f, depth = dw.shape
    total, threads = x.shape[0] * windows.out[0] * windows.out[1], threads_allowed()
    vectors = VECTORS if f > LANES else 1
    blocks = -(-f // (LANES * vectors)) * vectors
    rows = rows_for(depth)
    ks = max(rows, 144 // rows * rows) if depth > 144 else depth
    k_blocks = -(-depth // ks)
    pitch, k_pitch = -(-ks // LANES) * LANES, -(-depth // LANES) * LANES
    chunk = min(-(-total // LANES), max(4, PANELS // (4 * LANES * (pitch + blocks * LANES)))) * LANES
    parts = min(max(1, PARTS // k_blocks), -(-total // chunk))
    size = blocks * k_pitch * BYTES
    spare = LANE_BYTES + pitch * BYTES + (chunk + LANES) * (pitch + blocks * LANES) * 4 + BYTES
    memory = workspace(parts * size + threads * spare)
    offsets = np.arange(chunk, dtype=np.int64) * (pitch * 4)
    zeros = np.zeros(vectors * LANES, np.float32)
    tile = tile_function(Shape(rows, vectors, depth=1, step=1))
    table = np.ascontiguousarray(windows.table, np.int64)
    slots = arguments(x.ctypes.data, x.strides[0], x.shape[2:], table.ctypes.data, depth, windows.out, windows.stride,
                      total, chunk, memory + parts * size, spare, dy.ctypes.data, dy.strides[0], dy.strides[1],
                      windows.out[0] * windows.out[1], f, blocks, vectors, ks, k_blocks, memory, size,
                      offsets.ctypes.data, tile.address, zeros.ctypes.data, rows, parts, dw.ctypes.data)
    part, add = sum_tasks()
    run(parts * k_blocks, part.address, slots.ctypes.data)
    run(-(-f // LANES) * (k_pitch // LANES), add.address, slots.ctypes.data)


def conv_dw(dw: np.ndarray, dy: np.ndarray, x: np.ndarray, stride: tuple[int, int], pad: int, dilation: int,
            groups: int) -> None:
    """dw (F, C/groups, K, K) <- dy (N, F, OH, OW), x (N, C, H, W); see ops/spec."""
    f, c, k, _ = dw.shape
    f //= groups
    for g in range(groups):
        part = x[:, g * c : (g + 1) * c]
        windows = conv_windows(part, dy.shape[2:], k, stride, pad, dilation)
        sum_windows(dw[g * f : (g + 1) * f].reshape(f, -1), dy[:, g * f : (g + 1) * f],
                    flat_map(part) if windows.out[0] == 1 < dy.shape[2] else part, windows)

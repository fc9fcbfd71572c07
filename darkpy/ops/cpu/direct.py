"""Direct convolution on blocked maps: no im2col, the micro-kernel walks the rows of the input itself.

A blocked map keeps 16 channels of a pixel side by side: layout (N, C/16, H, W, 16) with a border of zeros around each
plane, so that taps outside the image read zeros and the kernel needs no case for edges.  Who writes a map also clears
its border (memory is shared, see plan/memory.py).

Weights are packed once as (blocks of 16*vectors filters, taps and groups of 4 channels, 4, 16*vectors).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from darkpy.jit import njit, prange
from darkpy.ops.cpu.tasks import ints, number, task
from darkpy.ops.cpu.tile import BYTES, DEPTH, LANES, rows_of, tile, tile_shape, vectors_of, zero_vector


@njit(inline="always")
def clear_row(address, pixels):
    for i in range(pixels):
        zero_vector(address + i * BYTES)


@njit(inline="always")
def clear_edges(base, row, width, lead, trail, first, last, height):
    """Zero the border of one plane beside rows first..last, and above and below it where these rows touch its ends.

    `base` is the address of pixel (0, 0), `row` the bytes of a row; `lead` pixels before, `trail` behind the image."""
    if first == 0:
        for i in range(-lead, 0):
            clear_row(base + i * row - lead * BYTES, lead + width + trail)
    for i in range(first, last):
        clear_row(base + i * row - lead * BYTES, lead)
        clear_row(base + i * row + width * BYTES, trail)
    if last == height:
        for i in range(height, height + trail):
            clear_row(base + i * row - lead * BYTES, lead + width + trail)


@njit(inline="always")
def direct_part(shape, t, p):
    """Rows `band` of `bands` of the blocks `group` of `groups` of one image; the arguments are those of `arguments`."""
    rows, vectors = rows_of(shape), vectors_of(shape)
    weights, wbytes, offsets, n, per_block, bias = ints(p, 0, 6)
    src, src_image, src_pixel, src_row = ints(p, 6, 4)
    dst, dst_image, dst_block, dst_row = ints(p, 10, 4)
    res, res_image, res_block, res_row = ints(p, 14, 4)
    oh, ow, blocks, bands, groups, lead, trail = ints(p, 18, 7)
    slope, after = number(p, 25), number(p, 26)
    image, group, band = t // (groups * bands), t // bands % groups, t % bands
    row0, row1 = oh * band // bands, oh * (band + 1) // bands
    for block in range(blocks * group // groups, blocks * (group + 1) // groups):
        plane = dst + image * dst_image + block * vectors * dst_block
        for v in range(vectors):
            clear_edges(plane + v * dst_block, dst_row, ow, lead, trail, row0, row1, oh)
        for i in range(row0, row1):
            a = src + image * src_image + i * src_row
            out = plane + i * dst_row
            extra = res + image * res_image + block * vectors * res_block + i * res_row if res != 0 else 0
            for j in range(0, ow, rows):
                tile(shape, n, offsets + block * per_block, a + j * src_pixel, weights + block * wbytes,
                     bias + block * vectors * BYTES, slope, extra + j * BYTES if extra != 0 else 0, res_block, after,
                     out + j * BYTES, dst_block, min(rows, ow - j))


@cache
def kernel(rows: int, vectors: int, depth: int, step: int, depthwise: int = 0) -> Any:
    """The task of a direct convolution with this tile.

    Arguments: weights, bytes of a block of them; table of n input offsets (bytes), n, bytes from one block's table to
    the next (0: all the same); bias; src (address of the first tap's pixel, bytes from image to image, output pixel to
    output pixel, output row to output row); dst and res (address of pixel 0,0; bytes from image to image, block to
    block, row to row; res 0: none); OH, OW, blocks of filters; bands of rows and groups of blocks the work is cut in;
    border (lead, trail) of dst; the two slopes.
    """
    shape = tile_shape(rows, vectors, depth, step, depthwise=depthwise)

    @task
    def direct(t, thread, p):
        direct_part(shape, t, p)

    return direct


@njit(parallel=True)
def pack_dense(packed, w, factor, vectors):
    """packed (blocks, K, K, quads, 4, 16*vectors) <- w (F, C, K, K) times a factor per filter; what is missing
    is 0."""
    f, c, k, _ = w.shape
    blocks, quads = packed.shape[0], packed.shape[3]
    for index in prange(blocks * vectors * LANES):
        o = np.int64(index)
        block, lane = o // (vectors * LANES), o % (vectors * LANES)
        for p in range(k):
            for q in range(k):
                for quad in range(quads):
                    for d in range(DEPTH):
                        i = quad * DEPTH + d
                        packed[block, p, q, quad, d, lane] = w[o, i, p, q] * factor[o] if o < f and i < c else 0


@njit(parallel=True)
def pack_planar(packed, w, factor, vectors):
    """packed (blocks, C*K*K, 16*vectors) <- w (F, C, K, K), for planar input and depth 1."""
    f, c, k, _ = w.shape
    for index in prange(packed.shape[0] * vectors * LANES):
        o = np.int64(index)
        block, lane = o // (vectors * LANES), o % (vectors * LANES)
        for i in range(c * k * k):
            packed[block, i, lane] = w[o, i // (k * k), i // k % k, i % k] * factor[o] if o < f else 0


def grouped_dense(w: np.ndarray, groups: int, vectors: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of a grouped convolution as dense blocks: (blocked weights, first channel quad of each block).

    A block of 16*vectors filters needs the channels of its groups only; they are spread over a dense (F', C', K, K)
    piece with zeros where a filter does not see a channel.  Returns packed (blocks, K, K, quads, 4, 16*vectors).
    """
    f, cg, k, _ = w.shape
    per_group = f // groups
    width = vectors * LANES
    blocks = -(-f // width)
    spans = []
    for block in range(blocks):
        first = block * width // per_group * cg
        last = ((min(f, (block + 1) * width) - 1) // per_group + 1) * cg
        spans.append((first // DEPTH, -(-last // DEPTH)))
    quads = max(b - a for a, b in spans)
    starts = np.array([a for a, _ in spans], np.int64)
    packed = np.zeros((blocks, k, k, quads, DEPTH, width), np.float32)
    for o in range(f):
        block, lane = divmod(o, width)
        channels = o // per_group * cg + np.arange(cg) - starts[block] * DEPTH
        packed[block, :, :, channels // DEPTH, channels % DEPTH, lane] = w[o]
    return packed, starts

"""Direct convolution on blocked maps: no im2col, the micro-kernel walks the rows of the input itself.

A blocked map keeps 16 channels of a pixel side by side: layout (N, C/16, H, W, 16) with a border of zeros around each
plane, so that taps outside the image read zeros and the kernel needs no case for edges.  Who writes a map also clears
its border (memory is shared, see plan/memory.py).

Weights are packed once as (blocks of 16*vectors filters, taps and groups of 4 channels, 4, 16*vectors).
"""

from __future__ import annotations

import numpy as np

from darkpy.jit import njit, prange
from darkpy.ops.cpu.tile import BYTES, DEPTH, LANES, rows_of, tile, vectors_of, zero_vector


@njit
def clear_row(address, pixels):
    for i in range(pixels):
        zero_vector(address + i * BYTES)


@njit
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


@njit(parallel=True)
def direct(shape, weights, wbytes, offsets, n, per_block, bias, slopes, src, dst, res, images, size, blocks, split,
           border):
    """Convolution of `images` maps.

    src, dst, res: (address of pixel 0,0; bytes from image to image, block to block, row to row), res[0] = 0: none.
    src's row step already counts the stride.  offsets: table of n input offsets (bytes), `per_block` bytes further for
    each block of filters (0: all the same); weights: `wbytes` a block.  size (OH, OW); split (bands of rows, groups of
    filter blocks) is how the work is cut for the threads; border (lead, trail) of dst.
    """
    rows, vectors = rows_of(shape), vectors_of(shape)
    oh, ow = size
    bands, groups = split
    slope, after = np.float32(slopes[0]), np.float32(slopes[1])
    for task in prange(images * groups * bands):
        t = np.int64(task)
        image, group, band = t // (groups * bands), t // bands % groups, t % bands
        row0, row1 = oh * band // bands, oh * (band + 1) // bands
        for block in range(blocks * group // groups, blocks * (group + 1) // groups):
            plane = dst[0] + image * dst[1] + block * vectors * dst[2]
            for v in range(vectors):
                clear_edges(plane + v * dst[2], dst[3], ow, border[0], border[1], row0, row1, oh)
            table = offsets + block * per_block
            panel = weights + block * wbytes
            shift = bias + block * vectors * BYTES
            for i in range(row0, row1):
                a = src[0] + image * src[1] + i * src[3]
                out = plane + i * dst[3]
                extra = res[0] + image * res[1] + block * vectors * res[2] + i * res[3] if res[0] != 0 else 0
                for j in range(0, ow, rows):
                    r = extra + j * BYTES if extra != 0 else 0
                    tile(shape, n, table, a + j * src[2], panel, shift, slope, r, res[2], after, out + j * BYTES,
                         dst[2], min(rows, ow - j))


@njit(parallel=True)
def pack_dense(packed, w, factor, vectors):
    """packed (blocks, K, K, quads, 4, 16*vectors) <- w (F, C, K, K) times a factor per filter; what is missing
    is 0."""
    f, c, k, _ = w.shape
    blocks, quads = packed.shape[0], packed.shape[3]
    for task in prange(blocks * vectors * LANES):
        o = np.int64(task)
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
    for task in prange(packed.shape[0] * vectors * LANES):
        o = np.int64(task)
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

"""Direct convolution on blocked maps: no im2col, the micro-kernel walks the rows of the input itself.

A blocked map keeps 16 channels of a pixel side by side: layout (N, C/16, H, W, 16) with a border of zeros around each
plane, so that taps outside the image read zeros and the kernel needs no case for edges.  Who writes a map also clears
its border (memory is shared, see plan/memory.py).

Weights are packed once as (blocks of 16*vectors filters, taps, groups of 4 channels, 4, 16*vectors).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from darkpy.jit import njit
from darkpy.ops.cpu.pairs import pool_pairs
from darkpy.ops.cpu.tasks import arguments, call, get_float, ints, number, put_float, run, task
from darkpy.ops.cpu.tile import BYTES, DEPTH, GROUP, LANES, fill


@njit
def fill_row(address, size, value):
    for i in range(0, size, GROUP):
        fill(address + i, value)


@njit
def clear_row(address, pixels):
    fill_row(address, pixels * BYTES, 0)


@njit
def clear_edges(base, row, width, lead, trail, first, last, height, pixel=BYTES, zero=0):
    """Zero the border of one plane beside rows first..last, and above and below it where these rows touch its ends.

    `base` is the address of pixel (0, 0), `row` the bytes of a row, `pixel` those of a pixel, `zero` what stands for 0;
    `lead` pixels before, `trail` behind the image."""
    if first == 0:
        for i in range(-lead, 0):
            fill_row(base + i * row - lead * pixel, (lead + width + trail) * pixel, zero)
    for i in range(first, last):
        fill_row(base + i * row - lead * pixel, lead * pixel, zero)
        fill_row(base + i * row + width * pixel, trail * pixel, zero)
    if last == height:
        for i in range(height, height + trail):
            fill_row(base + i * row - lead * pixel, (lead + width + trail) * pixel, zero)


@cache
def direct() -> Any:
    """Rows `band` of `bands` of the blocks `group` of `groups` of one image.

    Arguments: weights, bytes of a block of them; table of n input offsets (bytes), n, bytes from one block's table to
    the next (0: all the same); records of the epilogue; src (address of the first tap's pixel, bytes from image to
    image, output row to output row); dst and res (address of pixel 0,0; bytes from image to image, block to block, row
    to row; res 0: none); OH, OW, blocks of filters; bands and groups the work is cut in; border (lead, trail) of dst;
    the two slopes; the tile function and its vectors; bytes of a record and of a pixel of dst, and what stands for 0
    there; a function for the finished rows (0: none); where 2x2 pixels are pooled, memory for two rows of a group of
    blocks and its bytes for each thread (0: no pool).  Of weights of one bit also: the function that unpacks them,
    scratch memory and its bytes for each thread, factors, vectors in a block (else 0).
    """

    @task
    def direct(t, thread, p):
        weights, wbytes, offsets, n, per_block, records = ints(p, 0, 6)
        src, src_image, src_row = ints(p, 6, 3)
        dst, dst_image, dst_block, dst_row = ints(p, 9, 4)
        res, res_image, res_block, res_row = ints(p, 13, 4)
        oh, ow, blocks, bands, groups, lead, trail = ints(p, 17, 7)
        slope, after = number(p, 24), number(p, 25)
        tile, vectors, record, pixel, zero, finish = ints(p, 26, 6)
        pairs, pbytes, unpack, scratch, spare, factors, count = ints(p, 32, 7)
        image, group, band = t // (groups * bands), t // bands % groups, t % bands
        high = 2 if pairs != 0 else 1  # rows of the convolution in a row of dst
        dh, dw = oh // high, ow // high
        row0, row1 = dh * band // bands, dh * (band + 1) // bands
        for block in range(blocks * group // groups, blocks * (group + 1) // groups):
            panel = weights + block * wbytes
            if unpack != 0:
                panel = scratch + thread * spare
                call(unpack, (panel, weights + block * wbytes, factors + block * vectors * BYTES, count))
            plane = dst + image * dst_image + block * vectors * dst_block
            for v in range(vectors):
                clear_edges(plane + v * dst_block, dst_row, dw, lead, trail, row0, row1, dh, pixel, zero)
            for i in range(row0 * high, row1 * high):
                a = src + image * src_image + i * src_row
                out, out_block = plane + i * dst_row, dst_block
                if pairs != 0:
                    out, out_block = pairs + thread * pbytes + i % 2 * ow * BYTES, 2 * ow * BYTES
                extra = res + image * res_image + block * vectors * res_block + i * res_row if res != 0 else 0
                call(tile, (n, offsets + block * per_block, a, panel, records + block * vectors * record, slope,
                            extra, res_block, after, out, out_block, ow))
                if finish != 0:
                    for v in range(vectors):
                        call(finish, (out + v * out_block, out + v * out_block, ow))
                if pairs != 0 and i % 2:
                    for v in range(vectors):
                        pool_pairs(plane + v * dst_block + i // 2 * dst_row, out - ow * BYTES + v * out_block,
                                   ow * BYTES, dw)

    return direct


@cache
def pack_task() -> Any:
    """One block of filters: addresses of packed, w, factor; F, C, taps, quads, width of a block; depth (1: planar)."""

    @task
    def pack(t, thread, p):
        packed, w, factor, filters, channels, taps, quads, width, depth = ints(p, 0, 9)
        out = packed + t * taps * quads * depth * width * 4
        for tap in range(taps):
            for i in range(quads * depth):
                # planar: channels outside, taps inside, one after the other
                place = tap * quads * depth + i if depth > 1 else i * taps + tap
                for lane in range(width):
                    o = t * width + lane
                    v = np.float32(0)
                    if o < filters and i < channels:
                        v = get_float(w + ((o * channels + i) * taps + tap) * 4) * get_float(factor + o * 4)
                    put_float(out + (place * width + lane) * 4, v)

    return pack


def pack(packed: np.ndarray, w: np.ndarray, factor: np.ndarray, planar: bool) -> None:
    """Weights w (F, C, K, K) times a factor per filter; filters and channels that are missing are 0.

    packed: (blocks, K*K, quads, 4, filters in a block), or if planar (blocks, C*K*K, filters in a block).
    """
    f, c, k, _ = w.shape
    slots = arguments(packed.ctypes.data, w.ctypes.data, factor.ctypes.data, f, c, k * k,
                      c if planar else packed.shape[2], packed.shape[-1], 1 if planar else DEPTH)
    run(packed.shape[0], pack_task().address, slots.ctypes.data)


def grouped_dense(w: np.ndarray, groups: int, vectors: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of a grouped convolution as dense blocks: (blocked weights, first channel quad of each block).

    A block of 16*vectors filters needs the channels of its groups only; they are spread over a dense (F', C', K, K)
    piece with zeros where a filter does not see a channel.  Returns packed (blocks, K*K, quads, 4, 16*vectors).
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
    return packed.reshape(blocks, k * k, quads, DEPTH, width), starts

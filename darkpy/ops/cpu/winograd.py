"""Winograd convolution: the tasks around the transforms of `transforms.py`.

Tiles of the input are transformed, multiplied with the transformed weights of each position, and the sums transformed
back to output tiles.  Three ways to share the work out: by tiles, by filters, and by filters with weights that are
transformed while the convolution runs, so that no more than the raw ones are kept and read.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from darkpy.jit import njit
from darkpy.ops.cpu.direct import clear_edges
from darkpy.ops.cpu.narrow import PER_WORD, put_weight
from darkpy.ops.cpu.pairs import pool_pairs
from darkpy.ops.cpu.tasks import arguments, call, get_float, ints, number, run, task
from darkpy.ops.cpu.tile import BYTES, DEPTH, GROUP, copy_group, prefetch
from darkpy.ops.cpu.transforms import Scheme
from darkpy.ops.cpu.vector import SIZES

# Arguments of the tasks, slots 0 to 5 as in `direct` (per_block is unused); src, which starts one pixel before the
# image, dst and res (address; bytes from image to image, block to block, row to row; res 0: none); H, W; images, blocks
# of filters, blocks of input, tiles in a batch; scratch memory and bytes of it a thread; border (lead, trail); the two
# slopes; number of batches and of tiles; the functions of the tile and of the two transforms; vectors of the tile; m,
# t, input pixels from tile to tile, unique weights; bytes from position to position of the transformed input and of the
# sums; a function for finished rows (0: none); of untransformed weights: the function that transforms them, for how
# many quads of channels at a time, and how many blocks of filters in a task; bytes of a pixel of src, of the
# transformed input, of dst and res; 1 where 2x2 pixels are pooled, else 0.


@njit
def copy_patch(target, trow, source, srow, height, size):
    for i in range(height):
        for j in range(0, size, GROUP):
            copy_group(target + i * trow + j, source + i * srow + j)


@njit
def read_tiles(p, block, first, last, values):
    """Transform tiles first..last of one block of input channels to `values` (position, block, tile)."""
    src, src_image, src_block, src_row = ints(p, 6, 4)
    h, w, _, _, _, batch = ints(p, 18, 6)
    transform = ints(p, 33, 1)[0]
    m, _, reach, _, step, _ = ints(p, 36, 6)
    pixel, vpixel = ints(p, 46, 2)
    across, down = (w + m - 1) // m, (h + m - 1) // m
    for i in range(first, last):
        image, y, x = i // (across * down), i // across % down * reach, i % across * reach
        call(transform, (src + image * src_image + block * src_block + y * src_row + x * pixel, src_row,
                         values + (block * batch + i - first) * vpixel, step))


@njit
def put_tile(finish, m, pixel, sums, position, bias, slope, after, res, res_row, out, out_row, height, width, spare):
    """Finish one output tile of which height x width pixels lie in the image; partial ones go through `spare`."""
    whole = height == m and width == m
    extra, erow = res, res_row
    if res != 0 and not whole:
        extra, erow = spare + m * m * pixel, m * pixel
        copy_patch(extra, erow, res, res_row, height, width * pixel)
    target, row = (out, out_row) if whole else (spare, m * pixel)
    call(finish, (sums, position, bias, slope, extra, erow, after, target, row))
    if not whole:
        copy_patch(out, out_row, spare, m * pixel, height, width * pixel)


@njit
def multiply_tiles(p, block, first, last, values, sums):
    """Products of tiles first..last with one block of filters to `sums` (position, block, tile)."""
    weights, panel, offsets, n = ints(p, 0, 4)
    batch = ints(p, 23, 1)[0]
    tile = ints(p, 32, 1)[0]
    _, t, _, unique, step, sum_step = ints(p, 36, 6)
    for q in range(t * t):
        # with stride 2 the last positions share the middle tap's weights
        piece = (block * unique + min(q // t, unique - 1)) * unique + min(q % t, unique - 1)
        call(tile, (n, offsets, values + q * step, weights + piece * panel, 0, np.float32(0), 0, 0, np.float32(0),
                    sums + q * sum_step, batch * BYTES, last - first))


@njit
def multiply_fresh(p, first, last, values, sums, each, fresh):
    """The same for all tiles with untransformed weights of blocks first..last, whose sums are `each` bytes apart: those
    of some channels at a time are transformed to `fresh` (position, channel), stay in cache for their products, and the
    sums grow from turn to turn."""
    weights, panel, offsets, n = ints(p, 0, 4)
    batch = ints(p, 23, 1)[0]
    tile, _, _, vectors = ints(p, 32, 4)
    _, t, _, unique, step, sum_step = ints(p, 36, 6)
    transform, turn = ints(p, 43, 2)
    unit, factors = ints(p, 50, 2)
    quad_bytes = DEPTH * 9 * vectors * unit  # of untransformed weights
    piece = (turn * DEPTH * vectors | 1) * BYTES  # odd, so that a channel's positions meet in no cache set
    for quad in range(0, n, turn):
        quads = min(turn, n - quad)
        lines = quads * quad_bytes // BYTES // (t * t) + 1  # of the weights that come next, fetched meanwhile
        for block in range(first, last):
            call(transform, (weights + block * panel + quad * quad_bytes, quads * DEPTH,
                             factors + block * vectors * BYTES, fresh, piece))
            following = weights + (block + 1) * panel + quad * quad_bytes
            if block + 1 == last:
                following = weights + first * panel + (quad + quads) * quad_bytes
            for q in range(t * t):
                for line in range(q * lines, (q + 1) * lines):
                    prefetch(following + line * BYTES)
                place = fresh + (min(q // t, unique - 1) * unique + min(q % t, unique - 1)) * piece
                out = sums + (block - first) * each + q * sum_step
                call(tile, (quads, offsets + quad * 8, values + q * step, place, 0, np.float32(0),
                            out if quad > 0 else 0, batch * BYTES, np.float32(0), out, batch * BYTES, batch))


@njit
def finish_tiles(p, block, first, last, sums):
    """Transform the sums of tiles first..last of one block of filters back, and put them into the map."""
    bias = ints(p, 5, 1)[0]
    dst, dst_image, dst_block, dst_row = ints(p, 10, 4)
    res, res_image, res_block, res_row = ints(p, 14, 4)
    h, w, _, _, _, batch = ints(p, 18, 6)
    slope, after = number(p, 28), number(p, 29)
    finish, vectors, m, t = ints(p, 34, 4)
    sum_step, function = ints(p, 41, 2)
    pixel, pooled = ints(p, 48, 2)
    across, down = (w + m - 1) // m, (h + m - 1) // m
    spare = sums + t * t * sum_step
    for v in range(vectors):
        b = block * vectors + v
        for i in range(first, last):
            image, y, x = i // (across * down), i // across % down * m, i % across * m
            extra = res + image * res_image + b * res_block + y * res_row + x * pixel if res != 0 else 0
            source, shift = sums + (v * batch + i - first) * BYTES, bias + b * BYTES
            plane = dst + image * dst_image + b * dst_block
            height, width = min(m, h - y), min(m, w - x)
            out, row = plane + y * dst_row + x * pixel, dst_row
            if pooled:
                out, row = spare, m * BYTES
                call(finish, (source, sum_step, shift, slope, 0, 0, after, out, row))
            else:
                put_tile(finish, m, pixel, source, sum_step, shift, slope, after, extra, res_row, out, row, height,
                         width, spare)
            if function != 0:
                for k in range(height):
                    call(function, (out + k * row, out + k * row, width))
            if pooled:
                for k in range(height // 2):
                    pool_pairs(plane + (y // 2 + k) * dst_row + x // 2 * BYTES, out + 2 * k * row, row, width // 2)


@njit
def clear_block(p, block, image):
    """Zero the border of one block of filters of one image."""
    dst, dst_image, dst_block, dst_row = ints(p, 10, 4)
    h, w = ints(p, 18, 2)
    lead, trail = ints(p, 26, 2)
    vectors, (pixel, pooled) = ints(p, 35, 1)[0], ints(p, 48, 2)
    if pooled:
        h, w = h // 2, w // 2
    for b in range(block * vectors, (block + 1) * vectors):
        clear_edges(dst + image * dst_image + b * dst_block, dst_row, w, lead, trail, 0, h, h, pixel)


@cache
def by_tiles() -> Any:
    """Task for many tiles: a thread transforms a batch of tiles of all input blocks, multiplies them with all weights
    and finishes them, in scratch memory of its own that stays in its cache."""

    @task
    def winograd_tiles(t, thread, p):
        images, blocks, inputs, _, scratch, spare = ints(p, 20, 6)
        chunks, total = ints(p, 30, 2)
        side, step = ints(p, 37, 1)[0], ints(p, 40, 1)[0]
        values = scratch + thread * spare
        sums = values + side * side * step
        first, last = total * t // chunks, total * (t + 1) // chunks
        for block in range(inputs):
            read_tiles(p, block, first, last, values)
        for block in range(blocks):
            multiply_tiles(p, block, first, last, values, sums)
            finish_tiles(p, block, first, last, sums)
            for image in range(t, images, chunks):
                clear_block(p, block, image)

    return winograd_tiles


@cache
def by_filters() -> tuple[Any, Any]:
    """Two tasks for few tiles and many weights: first all tiles are transformed into shared memory, a block of input
    each, then multiplied, a block of filters each, so that the weights are read once in all.  `batch` is the number of
    tiles."""

    @task
    def winograd_read(t, thread, p):
        read_tiles(p, t, 0, ints(p, 23, 1)[0], ints(p, 24, 1)[0])

    @task
    def winograd_write(t, thread, p):
        images, _, _, batch, scratch, spare = ints(p, 20, 6)
        side, step = ints(p, 37, 1)[0], ints(p, 40, 1)[0]
        sums = scratch + side * side * step + thread * spare
        multiply_tiles(p, t, 0, batch, scratch, sums)
        finish_tiles(p, t, 0, batch, sums)
        for image in range(images):
            clear_block(p, t, image)

    return winograd_read, winograd_write


@cache
def by_fresh_filters() -> Any:
    """The second task of `by_filters`, for untransformed weights: some blocks of filters, which share what the cache
    holds of the transformed input."""

    @task
    def winograd_fresh(t, thread, p):
        images, blocks, _, batch, scratch, spare = ints(p, 20, 6)
        m, side, _, _, step, sum_step = ints(p, 36, 6)
        together = ints(p, 45, 1)[0]
        first, last = t * together, min((t + 1) * together, blocks)
        sums = scratch + side * side * step + thread * spare
        each = side * side * sum_step + 3 * m * m * BYTES
        multiply_fresh(p, first, last, scratch, sums, each, sums + together * each)
        for block in range(first, last):
            finish_tiles(p, block, 0, batch, sums + (block - first) * each)
            for image in range(images):
                clear_block(p, block, image)

    return winograd_fresh


@cache
def expand() -> Any:
    """Transform one block of filters for `by_tiles` from bits: weights, bytes of a block of them; channels; factors;
    address of the transformed ones, bytes from position to position; positions; vectors of a block; the function."""

    @task
    def winograd_expand(t, thread, p):
        weights, panel, channels, factors, target, step, positions, vectors, transform = ints(p, 0, 9)
        call(transform, (weights + t * panel, channels, factors + t * vectors * BYTES, target + t * positions * step,
                         step))

    return winograd_expand


@cache
def pack_task(kind: str) -> Any:
    """One block of filters: addresses of packed, w, factor and G (float32); F, C, words of channels, filters in a
    block, unique."""
    per, size = PER_WORD[kind], SIZES[kind]

    @task
    def pack(t, thread, p):
        packed, w, factor, g, filters, channels, words, width, n = ints(p, 0, 9)
        depth = words * per
        half = np.empty((n, 3), np.float32)
        for i in range(depth):
            for lane in range(width):
                o = t * width + lane
                known = o < filters and i < channels
                source = w + (o * channels + i) * 36
                for a in range(n):
                    for q in range(3):
                        v = np.float32(0)
                        for r in range(3):
                            if known:
                                v += get_float(g + (a * 3 + r) * 4) * get_float(source + (r * 3 + q) * 4)
                        half[a, q] = v
                last = get_float(factor + o * 4) if known else np.float32(0)
                for a in range(n):
                    for b in range(n):
                        v = np.float32(0)
                        for r in range(3):
                            v += half[a, r] * get_float(g + (b * 3 + r) * 4)
                        word = (((t * n + a) * n + b) * words + i // per) * width + lane
                        put_weight(kind, packed + (word * per + i % per) * size, v * last)

    return pack


def pack(w: np.ndarray, factor: np.ndarray, scheme: Scheme, packed: np.ndarray, kind: str) -> None:
    """packed (blocks, unique^2, words of channels, filters in a block, channels in a word) <- G g G' of w (F, C, 3, 3)
    times a factor per filter."""
    f, c = w.shape[:2]
    g = np.array(scheme.taps(), np.float32)
    slots = arguments(packed.ctypes.data, w.ctypes.data, factor.ctypes.data, g.ctypes.data, f, c, packed.shape[2],
                      packed.shape[3], scheme.unique)
    run(packed.shape[0], pack_task(kind).address, slots.ctypes.data)

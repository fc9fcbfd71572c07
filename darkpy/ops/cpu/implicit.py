"""Convolutions of every kind as matrix products whose right side is never written out as a whole ("implicit GEMM").

    y[f, pixel] = sum over k of  w[f, k] * x[place(k) + place(pixel)]         k: an input channel and a tap

A thread takes some hundreds of pixels, gathers the rows k of their windows into a panel that stays in its cache, and
multiplies it with the packed weights in register tiles: filters x 32 pixels.  Pixels are counted through all images.

The gradient for the input is the same with the channels exchanged.  With stride s its pixels fall into s x s phases;
those of a phase see the same taps, and each phase is a convolution with stride 1.

The gradient for the weights sums over pixels: panels of dy and of windows are turned, so that a pixel's numbers lie
side by side, and register tiles hold k x filters.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from darkpy.jit import intrinsic, njit, prange, threads_allowed
from darkpy.ops.cpu.tasks import arguments, call, ints, put_word, run, task
from darkpy.ops.cpu.tile import BYTES, LANES, VECTORS, Shape, copy_vector, rows_for, tile_function
from darkpy.ops.cpu.vector import F32, I32, I64, VECTOR, Emit
from darkpy.ops.cpu.workspace import workspace

PANEL = 3 << 17  # bytes of a panel, a part of a second-level cache
DEPTH = 512  # rows k of a panel at most
LANE_BYTES = 3 * LANES * 8  # addresses, rows and columns of 16 pixels
OUTSIDE = -(1 << 40)


class Windows(NamedTuple):
    """Where the numbers of windows lie: pixel (i, j) and row k at x[i * stride_y + dy[k], j * stride_x + dx[k]].

    table (K, 3): bytes from the window's own place, rows and columns from it.
    """

    table: np.ndarray
    out: tuple[int, int]  # pixels of an image, vertically and horizontally
    stride: tuple[int, int]


@intrinsic
def gather(context, target, lanes, offset, down, right, height, width):
    """The numbers `offset` bytes from the places of 16 pixels; 0 where `down` and `right` of them is no map."""

    def generate(cx, builder, _, args):
        target, lanes, offset, down, right, height, width = args
        e = Emit(builder)
        wide = ir.VectorType(I64, LANES)

        def vector(index):
            value = builder.load(builder.inttoptr(e.at(lanes, index * LANES * 8), wide.as_pointer()))
            value.align = 8
            return value

        def same(number):
            undefined = ir.Constant(wide, ir.Undefined)
            first = builder.insert_element(undefined, number, ir.Constant(I32, 0))
            return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, LANES), [0] * LANES))

        rows, columns = builder.add(vector(1), same(down)), builder.add(vector(2), same(right))
        mask = builder.and_(builder.icmp_unsigned("<", rows, same(height)),
                            builder.icmp_unsigned("<", columns, same(width)))
        pointers = builder.inttoptr(builder.add(vector(0), same(offset)), ir.VectorType(F32.as_pointer(), LANES))
        kind = ir.FunctionType(VECTOR, [pointers.type, I32, mask.type, VECTOR])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.masked.gather.v16f32.v16p0")
        e.store(builder.call(function, [pointers, ir.Constant(I32, 4), mask, e.constant(0)]), target)
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 7), generate


@intrinsic
def copy_some(context, target, source, count):
    """The first `count` floats of a vector."""

    def generate(cx, builder, _, args):
        e = Emit(builder)
        e.store_some(e.load(args[1]), args[0], e.below(args[2]))
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 3), generate


@njit(parallel=True)
def pack_rows(packed, w, places, step, filters):
    """packed (tiles, K, rows) <- w[places[k] + f * step], w flat; 0 where f is not below `filters`."""
    tiles, depth, rows = packed.shape
    for t in prange(tiles):
        for k in range(depth):
            for r in range(rows):
                f = t * rows + r
                packed[t, k, r] = w[places[k] + f * step] if f < filters else np.float32(0)


# Slots of the tasks: 0 x, bytes of an image, H, W; 4 table, its length K; 6 OH, OW, strides; 10 all pixels, pixels in a
# chunk; 12 scratch memory, bytes of it a thread.


@njit
def read_windows(p, pixel, lanes, first, last, target, apart):
    """Rows first..last of the table for 16 pixels from `pixel` on: vectors `apart` bytes apart."""
    x, image_bytes, h, w, table, _, oh, ow, sy, sx, total = ints(p, 0, 11)
    for lane in range(LANES):
        n = pixel + lane
        image, i, j = n // (oh * ow), n // ow % oh * sy, n % ow * sx
        put_word(lanes + lane * 8, x + image * image_bytes + (i * w + j) * 4)
        put_word(lanes + (LANES + lane) * 8, i if n < total else OUTSIDE)
        put_word(lanes + (2 * LANES + lane) * 8, j)
    image, i, j = pixel // (oh * ow), pixel // ow % oh * sy, pixel % ow
    straight = sx == 1 and j + LANES <= ow and pixel + LANES <= total
    base = x + image * image_bytes + (i * w + j) * 4
    for k in range(first, last):
        offset, down, right = ints(table + k * 24, 0, 3)
        to = target + (k - first) * apart
        if straight and 0 <= i + down < h and j + right >= 0 and j + right + LANES <= w:
            copy_vector(to, base + offset)
        else:
            gather(to, lanes, offset, down, right, h, w)


# -- forward, and the gradient for the input ------------------------------------------------------------------------
#
# 14 y, bytes of an image, of a plane, of a row, from pixel to pixel; 19 packed weights, F, tiles of filters, filters in
# a tile; 23 offsets of the register tile, the tile, a bias of zeros; 26 rows k in a panel.


@njit
def write_pixels(p, pixel, filters, f, result, rows):
    """Results (vector, filter, pixel) of a register tile to their places in y."""
    oh, ow = ints(p, 6, 2)
    total = ints(p, 10, 1)[0]
    y, image_bytes, plane, row, step = ints(p, 14, 5)
    for v in range(VECTORS):
        n = pixel + v * LANES
        done = 0
        while done < LANES and n + done < total:
            image, i, j = (n + done) // (oh * ow), (n + done) // ow % oh, (n + done) % ow
            here = y + image * image_bytes + f * plane + i * row + j * step
            # a plane without gaps is one long row
            long = step == 4 and row == ow * 4
            count = min(LANES - done, (oh - i) * ow - j if long else ow - j)
            for r in range(min(rows, filters - f)):
                source = result + (v * rows + r) * BYTES + done * 4
                if long and count == LANES:
                    copy_vector(here + r * plane, source)
                elif step == 4:
                    copy_some(here + r * plane, source, count)
                else:
                    for c in range(count):
                        copy_some(here + r * plane + c * step, source + c * 4, 1)
            done += count


@cache
def multiply_task() -> Any:
    """A chunk of pixels of y."""

    @task
    def implicit_multiply(t, thread, p):
        depth = ints(p, 5, 1)[0]
        total, chunk, scratch, spare = ints(p, 10, 4)
        weights, filters, tiles, rows, offsets, tile, zeros, most = ints(p, 19, 8)
        lanes = scratch + thread * spare
        panel = lanes + LANE_BYTES
        wide = VECTORS * LANES
        first, last = t * chunk, min(total, (t + 1) * chunk)
        panels = (last - first + wide - 1) // wide
        results = panel + (chunk + wide - 1) // wide * min(depth, most) * VECTORS * BYTES
        size = VECTORS * rows * BYTES
        for k in range(0, depth, most):
            count = min(most, depth - k)
            for v in range((last - first + LANES - 1) // LANES):
                read_windows(p, first + v * LANES, lanes, k, k + count,
                             panel + (v // VECTORS * count * VECTORS + v % VECTORS) * BYTES, VECTORS * BYTES)
            for f in range(tiles):
                for i in range(panels):
                    result = results + ((f * panels + i) * size if depth > most else 0)
                    call(tile, (count, offsets, weights + (f * depth + k) * rows * 4,
                                panel + i * count * VECTORS * BYTES, zeros, np.float32(1), result if k > 0 else 0,
                                rows * BYTES, np.float32(1), result, rows * BYTES, rows))
                    if k + count == depth:
                        write_pixels(p, first + i * wide, filters, f * rows, result, rows)

    return implicit_multiply


def multiply(y: np.ndarray, x: np.ndarray, w: np.ndarray, windows: Windows, packing: tuple[np.ndarray, int],
             filters: int, place: tuple[int, int, int]) -> None:
    """y[f, pixel] = sum over k of w.flat[places[k] + f * step] * window number k of the pixel, for `filters` f.

    x, y: maps (N, C, H, W), views of some channels of larger ones too.  packing: (places, step).  place: bytes from
    y's first number to that of pixel (0, 0), from row to row and from pixel to pixel.
    """
    places, step = packing
    depth, (oh, ow) = len(places), windows.out
    total, threads = x.shape[0] * oh * ow, threads_allowed()
    wide = VECTORS * LANES
    rows = rows_for(filters)
    tiles = -(-filters // rows)
    packed = np.empty((tiles, depth, rows), np.float32)
    pack_rows(packed, w.reshape(-1), places, step, filters)
    most = min(DEPTH, depth)
    chunk = max(1, min(PANEL // (most * wide * 4), -(-total // (4 * threads * wide)))) * wide
    results = VECTORS * rows * BYTES * (tiles * chunk // wide if depth > most else 1)
    spare = LANE_BYTES + chunk * most * 4 + results
    spare += -spare % BYTES
    offsets = np.arange(most, dtype=np.int64) * (rows * 4)
    zeros = np.zeros(wide, np.float32)
    tile = tile_function(Shape(rows, VECTORS, depth=1, step=1, epilogue=int(depth > most)))
    table = np.ascontiguousarray(windows.table, np.int64)
    start, row, pixel = place
    slots = arguments(x.ctypes.data, x.strides[0], x.shape[2:], table.ctypes.data, depth, oh, ow, windows.stride, total,
                      chunk, workspace(threads * spare), spare, y.ctypes.data + start, y.strides[0], y.strides[1], row,
                      pixel, packed.ctypes.data, filters, tiles, rows, offsets.ctypes.data, tile.address,
                      zeros.ctypes.data, most)
    run(-(-total // chunk), multiply_task().address, slots.ctypes.data)


def conv_windows(x: np.ndarray, out: tuple[int, int], kernel: int, stride: tuple[int, int], pad: int,
                 dilation: int) -> Windows:
    """The windows of a convolution, k ordered as weights are: channel, tap."""
    _, c, h, w = x.shape
    if kernel == 1 and stride == (1, 1) and pad == 0:  # one long row: no edges in between
        channel = np.arange(c)
        return Windows(np.stack([channel * x.strides[1], 0 * channel, 0 * channel], 1), (1, h * w), (1, 1))
    channel, p, q = np.indices((c, kernel, kernel)).reshape(3, -1)
    down, right = p * dilation - pad, q * dilation - pad
    return Windows(np.stack([channel * x.strides[1] + (down * w + right) * 4, down, right], 1), out, stride)


def flat_map(x: np.ndarray) -> np.ndarray:
    """A map (N, C, H, W) as one row a channel."""
    return x.reshape(*x.shape[:2], 1, -1)


def conv(y: np.ndarray, x: np.ndarray, w: np.ndarray, stride: tuple[int, int], pad: int, dilation: int,
         groups: int) -> None:
    """y (N, F, OH, OW) <- x (N, C, H, W), w (F, C/groups, K, K); see ops/spec."""
    f, c, k, _ = w.shape
    f //= groups
    oh, ow = y.shape[2:]
    places = np.arange(c * k * k)
    for g in range(groups):
        part = x[:, g * c : (g + 1) * c]
        windows = conv_windows(part, (oh, ow), k, stride, pad, dilation)
        multiply(y[:, g * f : (g + 1) * f], flat_map(part) if windows.out[0] == 1 < oh else part,
                 w[g * f : (g + 1) * f], windows, (places, c * k * k), f, (0, windows.out[1] * 4, 4))


def conv_dx(dx: np.ndarray, dy: np.ndarray, w: np.ndarray, stride: tuple[int, int], pad: int, dilation: int,
            groups: int) -> None:
    """dx (N, C, H, W) <- dy (N, F, OH, OW), w (F, C/groups, K, K); see ops/spec."""
    f, c, k, _ = w.shape
    f //= groups
    h, width = dx.shape[2:]
    if k == 1 and stride == (1, 1) and pad == 0:
        dx, dy = flat_map(dx), flat_map(dy)
        h, width = 1, h * width
    ow, (sy, sx) = dy.shape[3], stride
    taps = np.arange(k) * dilation - pad
    for i0 in range(min(sy, h)):
        for j0 in range(min(sx, width)):
            # pixels i0 + sy*i, j0 + sx*j of dx: tap p brings them to row (i0 + pad - p*dilation) / sy + i of dy
            p, q = np.flatnonzero((i0 - taps) % sy == 0), np.flatnonzero((j0 - taps) % sx == 0)
            if not (p.size and q.size):
                dx[:, :, i0::sy, j0::sx] = 0
                continue
            channel, a, b = np.indices((f, p.size, q.size)).reshape(3, -1)
            a, b = p[a], q[b]
            down, right = (i0 - taps[a]) // sy, (j0 - taps[b]) // sx
            table = np.stack([channel * dy.strides[1] + (down * ow + right) * 4, down, right], 1)
            windows = Windows(table, (-(-(h - i0) // sy), -(-(width - j0) // sx)), (1, 1))
            places = (channel * c * k + a) * k + b
            for g in range(groups):
                multiply(dx[:, g * c : (g + 1) * c], dy[:, g * f : (g + 1) * f], w[g * f : (g + 1) * f], windows,
                         (places, k * k), c, ((i0 * width + j0) * 4, sy * width * 4, sx * 4))

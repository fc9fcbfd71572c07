"""Convolutions and their gradients: as products (unfold.py), or, where a group has few filters, a thread for each
result."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from darkpy.cuda import TEAM, cuda, kernel
from darkpy.ops.cuda import tile
from darkpy.ops.cuda.basic import fill
from darkpy.ops.cuda.gemm import split
from darkpy.ops.cuda.memory import Array
from darkpy.ops.cuda.places import place
from darkpy.ops.cuda.reduce import add_parts, team_sum
from darkpy.ops.cuda.tile import MATRIX, STRIDED, UNFOLD, filled
from darkpy.ops.cuda.unfold import KEPT, classes, layout, pack, table

ZERO = np.float32(0)
FEW = 4  # filters of a group: fewer waste most of a tile
FAR = 1 << 14  # a window that reaches further does not fit the table of a product


def by_thread(few: int, kernel: int, dilation: int, groups: int) -> bool:
    """Whether a convolution is better, or only, done without a product; `few` results share an input."""
    return (groups > 1 and few < FEW) or dilation * kernel > FAR


@kernel("FFFT14i")
def _direct(y, x, w, g, n):
    c, h, width, f, oh, ow, kernel, sy, sx, pad, dilation, groups, cg, m = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        plane, row, column = place(i, oh, ow)
        image = plane // f
        filter_ = plane - image * f
        top, left = row * sy - pad, column * sx - pad
        base = (image * c + filter_ // m * cg) * h
        total = ZERO
        for k in range(cg):
            for p in range(kernel):
                r = top + p * dilation
                if 0 <= r < h:
                    for q in range(kernel):
                        s = left + q * dilation
                        if 0 <= s < width:
                            total += (x[(base + k * h + r) * width + s]
                                      * w[((filter_ * cg + k) * kernel + p) * kernel + q])
        y[i] = total


@kernel("FFFT14i")
def _direct_dx(dx, dy, w, g, n):
    c, h, width, f, oh, ow, kernel, sy, sx, pad, dilation, groups, cg, m = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        plane, row, column = place(i, h, width)
        row, column = row + pad, column + pad
        image = plane // c
        channel = plane - image * c
        group = channel // cg
        total = ZERO
        for k in range(m):
            filter_ = group * m + k
            for p in range(kernel):
                r = row - p * dilation
                if r >= 0 and r % sy == 0 and r // sy < oh:
                    for q in range(kernel):
                        s = column - q * dilation
                        if s >= 0 and s % sx == 0 and s // sx < ow:
                            total += (dy[((image * f + filter_) * oh + r // sy) * ow + s // sx]
                                      * w[((filter_ * cg + channel - group * cg) * kernel + p) * kernel + q])
        dx[i] = total


@kernel("FFFT14i", TEAM)
def _direct_dw(dw, dy, x, g, images):
    """A team for each weight."""
    c, h, width, f, oh, ow, kernel, sy, sx, pad, dilation, groups, cg, m = g
    scratch = cuda.shared.array(TEAM, np.float32)
    t = cuda.threadIdx.x
    q = cuda.blockIdx.x % kernel
    rest = cuda.blockIdx.x // kernel
    p, rest = rest % kernel, rest // kernel
    filter_ = rest // cg
    channel = filter_ // m * cg + rest - filter_ * cg
    total = ZERO
    for i in range(t, images * oh * ow, TEAM):
        image, row, column = place(i, oh, ow)
        r, s = row * sy - pad + p * dilation, column * sx - pad + q * dilation
        if 0 <= r < h and 0 <= s < width:
            total += dy[(image * f + filter_) * oh * ow + i - image * oh * ow] * x[
                ((image * c + channel) * h + r) * width + s]
    total = team_sum(scratch, t, total)
    if t == 0:
        dw[cuda.blockIdx.x] = total


@kernel("FFFT10i")
def _local(y, x, w, g, n):
    c, h, width, f, oh, ow, kernel, stride, pad, _ = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        plane, row, column = place(i, oh, ow)
        image = plane // f
        base = ((row * ow + column) * f + plane - image * f) * c * kernel * kernel
        total = ZERO
        for k in range(c):
            for p in range(kernel):
                for q in range(kernel):
                    r, s = row * stride - pad + p, column * stride - pad + q
                    if 0 <= r < h and 0 <= s < width:
                        total += x[((image * c + k) * h + r) * width + s] * w[base + (k * kernel + p) * kernel + q]
        y[i] = total


@kernel("FFFT10i")
def _local_dx(dx, dy, w, g, n):
    c, h, width, f, oh, ow, kernel, stride, pad, _ = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        plane, row, column = place(i, h, width)
        image = plane // c
        row, column, channel = row + pad, column + pad, plane - image * c
        total = ZERO
        for p in range(kernel):
            for q in range(kernel):
                r, s = row - p, column - q
                if r >= 0 and s >= 0 and r % stride == 0 and s % stride == 0 and r // stride < oh and s // stride < ow:
                    pixel = r // stride * ow + s // stride
                    for k in range(f):
                        total += dy[(image * f + k) * oh * ow + pixel] * w[
                            (((pixel * f + k) * c + channel) * kernel + p) * kernel + q]
        dx[i] = total


@kernel("FFFT10ii")
def _local_dw(dw, dy, x, g, images, n):
    c, h, width, f, oh, ow, kernel, stride, pad, _ = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        q, rest = i % kernel, i // kernel
        p, rest = rest % kernel, rest // kernel
        channel, rest = rest % c, rest // c
        filter_, pixel = rest % f, rest // f
        row = pixel // ow
        r, s = row * stride - pad + p, (pixel - row * ow) * stride - pad + q
        total = ZERO
        if 0 <= r < h and 0 <= s < width:
            for image in range(images):
                total += dy[(image * f + filter_) * oh * ow + pixel] * x[((image * c + channel) * h + r) * width + s]
        dw[i] = total


def geometry(x: Array, y: Array, kernel: int, stride: tuple[int, int], pad: int, dilation: int,
             groups: int) -> tuple[int, ...]:
    """What the kernels of a thread for each result take; x, y the shapes of the forward."""
    c, f = x.shape[1], y.shape[1]
    return (*x.shape[1:], *y.shape[1:], kernel, *stride, pad, dilation, groups, c // groups, f // groups)


def conv(y: Array, x: Array, w: Array, *, stride: tuple[int, int] = (1, 1), pad: int = 0, dilation: int = 1,
         groups: int = 1) -> None:
    kernel = w.shape[2]
    if by_thread(w.shape[0] // groups, kernel, dilation, groups):
        _direct(y.size, y.data, x.data, w.data, geometry(x, y, kernel, stride, pad, dilation, groups), y.size)
    else:
        product = layout(x.shape, y.shape, kernel, tuple(stride), pad, dilation, groups)
        product(y, x, pack(product, w))


@kernel("FFT8i")
def _put(y, x, g, n):
    """Pixels of x to one of so many rows and columns of y."""
    h, w, oh, ow, top, left, sy, sx = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        plane, row, column = place(i, h, w)
        y[(plane * oh + top + row * sy) * ow + left + column * sx] = x[i]


def conv_dx(dx: Array, dy: Array, w: Array, *, size: tuple[int, int], stride: tuple[int, int] = (1, 1), pad: int = 0,
            dilation: int = 1, groups: int = 1) -> None:
    kernel = w.shape[2]
    if by_thread(w.shape[1], kernel, dilation, groups):
        _direct_dx(dx.size, dx.data, dy.data, w.data, geometry(dx, dy, kernel, stride, pad, dilation, groups), dx.size)
    else:
        found = classes(dy.shape, dx.shape, kernel, tuple(stride), pad, dilation, groups)
        if len(found) < math.prod(stride):  # some pixels meet no weight
            fill(dx, 0)
        for part in found:
            whole = part.size == dx.shape[2:]
            to = dx if whole else Array((*dx.shape[:2], *part.size))
            part.product(to, dy, pack(part.product, w, part.taps, back=True))
            if not whole:
                _put(to.size, dx.data, to.data, (*part.size, *dx.shape[2:], *part.first, *stride), to.size)


@lru_cache(maxsize=KEPT)
def weight_table(channels: int, plane: int, kernel: int, dilation: int) -> Array:
    taps = range(0, kernel * dilation, dilation)
    return table(channels, plane, taps, taps, channels * kernel * kernel)


def conv_dw(dw: Array, dy: Array, x: Array, *, kernel: int, stride: tuple[int, int] = (1, 1), pad: int = 0,
            dilation: int = 1, groups: int = 1) -> None:
    images, c, h, w = x.shape
    _, f, oh, ow = dy.shape
    cg, m = c // groups, f // groups
    if by_thread(min(m, cg), kernel, dilation, groups):
        _direct_dw.blocks(dw.size, dw.data, dy.data, x.data, geometry(x, dy, kernel, stride, pad, dilation, groups),
                          images)
        return
    n, pixels = cg * kernel * kernel, oh * ow
    chosen = tile.SMALL
    along = (filled(n, chosen.n) // chosen.n, filled(m, chosen.m) // chosen.m)
    pieces, splits = split(along[0] * along[1] * groups, images * (filled(pixels, chosen.k) // chosen.k))
    parts = dw if splits == 1 else Array((splits, dw.size))
    run = tile.product(chosen, STRIDED, UNFOLD, MATRIX, True, True)
    run.blocks((*along, groups * splits), parts.data, dy.data, x.data, weight_table(cg, h * w, kernel, dilation).data,
               dy.data, dy.data, (m, n, pixels, images, pieces, splits), (pixels, 1, f * pixels, m * pixels),
               (c * h * w, cg * h * w, h, w, oh, ow, *stride, pad, 0), (n, 1, dw.size, m * n, 0),
               np.float32(1), np.float32(1))
    if splits > 1:
        add_parts(dw, parts)


def deconv(y: Array, x: Array, w: Array, *, stride: int = 1, pad: int = 0) -> None:
    conv_dx(y, x, w, size=(y.shape[2], y.shape[3]), stride=(stride, stride), pad=pad)


def local_geometry(x: Array, y: Array, kernel: int, stride: int, pad: int) -> tuple[int, ...]:
    return (*x.shape[1:], *y.shape[1:], kernel, stride, pad, 0)


def local(y: Array, x: Array, w: Array, *, stride: int = 1, pad: int = 0, out: tuple[int, int]) -> None:
    _local(y.size, y.data, x.data, w.data, local_geometry(x, y, w.shape[3], stride, pad), y.size)


def local_dx(dx: Array, dy: Array, w: Array, *, size: tuple[int, int], stride: int = 1, pad: int = 0) -> None:
    _local_dx(dx.size, dx.data, dy.data, w.data, local_geometry(dx, dy, w.shape[3], stride, pad), dx.size)


def local_dw(dw: Array, dy: Array, x: Array, *, kernel: int, stride: int = 1, pad: int = 0) -> None:
    _local_dw(dw.size, dw.data, dy.data, x.data, local_geometry(x, dy, kernel, stride, pad), len(x), dw.size)


KERNELS = {"conv": conv, "conv_dx": conv_dx, "conv_dw": conv_dw, "deconv": deconv, "local": local,
           "local_dx": local_dx, "local_dw": local_dw}

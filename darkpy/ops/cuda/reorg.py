"""Ops that only move numbers on the map: a thread finds for each number of the result where it comes from."""

from __future__ import annotations

import numpy as np

from darkpy.cuda import cuda, kernel
from darkpy.ops.cuda.basic import columns, copy_rows, fill, scale
from darkpy.ops.cuda.memory import Array
from darkpy.ops.cuda.places import place
from darkpy.ops.spec import Shape

ZERO = np.float32(0)


@kernel("FFT6T6i")
def _transpose(y, x, shape, strides, n):
    """y, of a shape of six axes, reads x with the given strides."""
    a, b, c, d, e, f = shape
    sa, sb, sc, sd, se, sf = strides
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        k = i // f
        at = (i - k * f) * sf
        i5 = k // e
        at += (k - i5 * e) * se
        i4 = i5 // d
        at += (i5 - i4 * d) * sd
        i3 = i4 // c
        at += (i4 - i3 * c) * sc
        i2 = i3 // b
        y[i] = x[at + (i3 - i2 * b) * sb + i2 * sa]


@kernel("FFiiifi")
def _upsample(y, x, h, w, s, factor, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image, row, column = place(i, h * s, w * s)
        y[i] = x[(image * h + row // s) * w + column // s] * factor


@kernel("FFT4ifi")
def _downsample(y, x, g, s, factor, n):
    h, w, oh, ow = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image, row, column = place(i, oh, ow)
        total = ZERO
        for p in range(s):
            for q in range(s):
                total += x[(image * h + row * s + p) * w + column * s + q]
        y[i] = total * factor


@kernel("FFFT6T6ffi")
def _shortcut(z, x, y, here, there, alpha, beta, n):
    """here and there: (C, H, W) of x and y, then the common channels, rows and columns; or y's C, H, W, steps."""
    c1, h1, w1, c, h, w = here
    c2, h2, w2, sample, stride, _ = there
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        plane, p, q = place(i, h1, w1)
        image = plane // c1
        k = plane - image * c1
        v = x[i]
        if k < c and p % sample == 0 and q % sample == 0 and p // sample < h and q // sample < w:
            v = alpha * v + beta * y[((image * c2 + k) * h2 + p // sample * stride) * w2 + q // sample * stride]
        z[i] = v


@kernel("FFT6T6fi")
def _shortcut_dy(dy, dz, here, there, beta, n):
    c1, h1, w1, c, h, w = here
    c2, h2, w2, sample, stride, _ = there
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        plane, p, q = place(i, h2, w2)
        image = plane // c2
        k = plane - image * c2
        v = ZERO
        if k < c and p % stride == 0 and q % stride == 0 and p // stride < h and q // stride < w:
            v = beta * dz[((image * c1 + k) * h1 + p // stride * sample) * w1 + q // stride * sample]
        dy[i] = v


@kernel("FFT6iffi")
def _crop(y, x, g, flip, factor, shift, n):
    h, w, oh, ow, top, left = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image, p, q = place(i, oh, ow)
        if flip:
            q = ow - 1 - q
        y[i] = x[(image * h + p + top) * w + left + q] * factor + shift


@kernel("FFT6ifi")
def _crop_dx(dx, dy, g, flip, factor, n):
    """g as in _crop: h and w of dx, then those of dy."""
    h, w, oh, ow, top, left = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image, p, q = place(i, h, w)
        p, q = p - top, q - left
        v = ZERO
        if 0 <= p < oh and 0 <= q < ow:
            v = dy[(image * oh + p) * ow + (ow - 1 - q if flip else q)] * factor
        dx[i] = v


def transpose(y: Array, x: Array, shape: Shape, order: tuple[int, ...]) -> None:
    """y = x, read with that shape, with its axes in another order."""
    strides = [1] * len(shape)
    for k in range(len(shape) - 2, -1, -1):
        strides[k] = strides[k + 1] * shape[k + 1]
    fill_up = 6 - len(shape)
    _transpose(y.size, y.data, x.data, (1,) * fill_up + tuple(shape[k] for k in order),
               (0,) * fill_up + tuple(strides[k] for k in order), y.size)


def reorg(y: Array, x: Array, *, stride: int) -> None:
    n, c, h, w = x.shape
    s = stride
    transpose(y, x, (n, c // (s * s), h, s, w, s), (0, 3, 5, 1, 2, 4))


def reorg_reverse(y: Array, x: Array, *, stride: int) -> None:
    n, c, h, w = x.shape
    s = stride
    transpose(y, x, (n, s, s, c // (s * s), h, w), (0, 3, 4, 1, 5, 2))


def reorg_reverse_dx(dx: Array, dy: Array, *, stride: int) -> None:
    n, c, h, w = dy.shape
    s = stride
    transpose(dx, dy, (n, c, h // s, s, w // s, s), (0, 3, 5, 1, 2, 4))


def channels_last(y: Array, x: Array) -> None:
    transpose(y, x, x.shape, (0, 2, 3, 1))


def channels_first(y: Array, x: Array) -> None:
    n, c, h, w = x.shape
    transpose(y, x, (n, h, w, c), (0, 3, 1, 2))


def pad_tail(y: Array, x: Array, *, extra: int) -> None:
    fill(y, 0)
    copy_rows(columns(y, start=0, stop=x.item), x)


def upsample(y: Array, x: Array, *, stride: int, factor: float = 1.0) -> None:
    _upsample(y.size, y.data, x.data, *x.shape[2:], stride, np.float32(factor), y.size)


def downsample(y: Array, x: Array, *, stride: int, factor: float = 1.0) -> None:
    _downsample(y.size, y.data, x.data, (*x.shape[2:], *y.shape[2:]), stride, np.float32(factor), y.size)


def overlap(x: Shape, y: Shape) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What `_shortcut` takes for (C, H, W) maps x and y."""
    (c1, h1, w1), (c2, h2, w2) = x, y
    sample, stride = max(w1 // w2, 1), max(w2 // w1, 1)
    return (*x, min(c1, c2), min(h1, h2), min(w1, w2)), (*y, sample, stride, 0)


def shortcut(z: Array, x: Array, y: Array, *, alpha: float = 1.0, beta: float = 1.0) -> None:
    _shortcut(z.size, z.data, x.data, y.data, *overlap(x.shape[1:], y.shape[1:]), np.float32(alpha), np.float32(beta),
              z.size)


def shortcut_dx(dx: Array, dz: Array, *, alpha: float) -> None:
    scale(dx, dz, factor=alpha)


def shortcut_dy(dy: Array, dz: Array, *, shape: Shape, beta: float) -> None:
    _shortcut_dy(dy.size, dy.data, dz.data, *overlap(dz.shape[1:], tuple(shape)), np.float32(beta), dy.size)


def crop(y: Array, x: Array, *, top: int, left: int, size: tuple[int, int], flip: bool = False, factor: float = 1.0,
         shift: float = 0.0) -> None:
    _crop(y.size, y.data, x.data, (*x.shape[2:], *size, top, left), int(flip), np.float32(factor), np.float32(shift),
          y.size)


def crop_dx(dx: Array, dy: Array, *, top: int, left: int, size: tuple[int, int], flip: bool = False,
            factor: float = 1.0) -> None:
    _crop_dx(dx.size, dx.data, dy.data, (*size, *dy.shape[2:], top, left), int(flip), np.float32(factor), dx.size)


KERNELS = {"reorg": reorg, "reorg_reverse": reorg_reverse, "reorg_reverse_dx": reorg_reverse_dx,
           "channels_last": channels_last, "channels_first": channels_first, "pad_tail": pad_tail, "upsample": upsample,
           "downsample": downsample, "shortcut": shortcut, "shortcut_dx": shortcut_dx, "shortcut_dy": shortcut_dy,
           "crop": crop, "crop_dx": crop_dx}

"""Maps of halves (ops/halves.py) from and to planar maps of float32, and what is done to them between convolutions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from darkpy.cuda import cuda, kernel, load4, store4
from darkpy.ops.cuda.activations import KIND, activate
from darkpy.ops.cuda.instructions import join, split
from darkpy.ops.cuda.memory import Array
from darkpy.ops.cuda.places import place
from darkpy.ops.cuda.pool import LOWEST
from darkpy.ops.halves import EIGHT

ZERO = np.float32(0)


@kernel("UFT4i")
def _to_half(y, x, g, n):
    """A thread for eight channels of a pixel; neighbours have neighbouring pixels."""
    channels, plane, parts, y_words = g
    v = cuda.local.array(EIGHT, np.float32)
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image, part, pixel = place(i, parts, plane)
        first = part * EIGHT
        for k in range(EIGHT):
            v[k] = x[(image * channels + first + k) * plane + pixel] if first + k < channels else ZERO
        store4(y, (image * plane + pixel) * y_words + first // 2,
               join(v[0], v[1]), join(v[2], v[3]), join(v[4], v[5]), join(v[6], v[7]))


@kernel("FUT4i")
def _from_half(y, x, g, n):
    channels, plane, parts, x_words = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image, part, pixel = place(i, parts, plane)
        first = part * EIGHT
        at = (image * channels + first) * plane + pixel
        four = load4(x, (image * plane + pixel) * x_words + first // 2)
        for k in range(4):
            low, high = split(four[k])
            if first + 2 * k < channels:
                y[at + 2 * k * plane] = low
            if first + 2 * k + 1 < channels:
                y[at + (2 * k + 1) * plane] = high


@kernel("UUT9i")
def _maxpool(y, x, g, n):
    """A thread for eight channels of a pixel; neighbours have neighbouring channels."""
    h, w, oh, ow, size, sy, sx, front, x_words = g
    best = cuda.local.array(EIGHT, np.float32)
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        pixel = i * 4 // x_words
        at = i * 4 - pixel * x_words
        image, row, column = place(pixel, oh, ow)
        top, left = row * sy - front, column * sx - front
        for k in range(EIGHT):
            best[k] = LOWEST
        for p in range(max(top, 0), min(top + size, h)):
            for q in range(max(left, 0), min(left + size, w)):
                four = load4(x, ((image * h + p) * w + q) * x_words + at)
                for k in range(4):
                    low, high = split(four[k])
                    if low > best[2 * k] or low != low:
                        best[2 * k] = low
                    if high > best[2 * k + 1] or high != high:
                        best[2 * k + 1] = high
        store4(y, i * 4, join(best[0], best[1]), join(best[2], best[3]), join(best[4], best[5]),
               join(best[6], best[7]))


@kernel("UUT6i")
def _copy(y, x, g, n):
    """Channels of x to those of y from a word on, each pixel to a square of `stride`."""
    oh, ow, stride, y_words, x_words, first = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        pixel = i * 4 // x_words
        at = i * 4 - pixel * x_words
        image, row, column = place(pixel, oh, ow)
        source = (image * (oh // stride) + row // stride) * (ow // stride) + column // stride
        v0, v1, v2, v3 = load4(x, source * x_words + at)
        store4(y, pixel * y_words + first + at, v0, v1, v2, v3)


@kernel("UUii")
def _activation(y, x, kind, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        low, high = split(x[i])
        y[i] = join(activate(low, kind), activate(high, kind))


@kernel("UUUffi")
def _shortcut(z, x, y, alpha, beta, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        low, high = split(x[i])
        low2, high2 = split(y[i])
        z[i] = join(alpha * low + beta * low2, alpha * high + beta * high2)


def to_half(y: Array, x: Array) -> None:
    n, c, h, w = x.shape
    parts = -(-c // EIGHT)
    _to_half(n * parts * h * w, y.data, x.data, (c, h * w, parts, y.shape[3]), n * parts * h * w)


def from_half(y: Array, x: Array) -> None:
    n, c, h, w = y.shape
    parts = -(-c // EIGHT)
    _from_half(n * parts * h * w, y.data, x.data, (c, h * w, parts, x.shape[3]), n * parts * h * w)


def maxpool(y: Array, x: Array, *, size: int, stride: tuple[int, int], pad: int) -> None:
    g = (*x.shape[1:3], *y.shape[1:3], size, *stride, pad // 2, x.shape[3])
    _maxpool(y.size // 4, y.data, x.data, g, y.size // 4)


def copy(y: Array, x: Array, stride: int, first: int) -> None:
    n = y.size // y.shape[3] * x.shape[3] // 4
    _copy(n, y.data, x.data, (*y.shape[1:3], stride, y.shape[3], x.shape[3], first), n)


def upsample(y: Array, x: Array, *, stride: int, factor: float = 1.0) -> None:
    """`factor` is 1."""
    copy(y, x, stride, 0)


def concat(y: Array, *xs: Array, axis: int = 1) -> None:
    """Along channels; those of all but the last fill whole words."""
    at = 0
    for x in xs:
        copy(y, x, 1, at)
        at += x.shape[3]


def activation(y: Array, x: Array, *, kind: str) -> None:
    """What fills up a pixel need not stay zero: its weights are."""
    _activation(x.size, y.data, x.data, KIND[kind], x.size)


def shortcut(z: Array, x: Array, y: Array, *, alpha: float = 1.0, beta: float = 1.0) -> None:
    """Of maps of one shape."""
    _shortcut(z.size, z.data, x.data, y.data, np.float32(alpha), np.float32(beta), z.size)


KERNELS: dict[str, Callable[..., None]] = {
    "to_half": to_half, "from_half": from_half, "maxpool": maxpool, "upsample": upsample, "concat": concat,
    "activation": activation, "shortcut": shortcut}

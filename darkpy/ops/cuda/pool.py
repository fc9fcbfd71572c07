"""Pooling: a thread for each number of the result, the mean a block for each channel."""

from __future__ import annotations

import numpy as np

from darkpy.cuda import cuda, kernel
from darkpy.ops.cuda.basic import plane
from darkpy.ops.cuda.memory import Array
from darkpy.ops.cuda.places import place
from darkpy.ops.cuda.reduce import row_sums

LOWEST = np.float32(np.finfo(np.float32).min)


@kernel("FFT8i")
def _maxpool(y, x, g, n):
    h, w, oh, ow, size, sy, sx, front = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image, row, column = place(i, oh, ow)
        top, left = row * sy - front, column * sx - front
        best = LOWEST
        for p in range(max(top, 0), min(top + size, h)):
            for q in range(max(left, 0), min(left + size, w)):
                v = x[(image * h + p) * w + q]
                if v > best or v != v:
                    best = v
        y[i] = best


@kernel("FFFT8i")
def _maxpool_dx(dx, dy, x, g, n):
    """Each number of x looks at the windows it lies in: whether it is the first of the largest there."""
    h, w, oh, ow, size, sy, sx, front = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image, row, column = place(i, h, w)
        r, c = row + front, column + front
        own = x[i]
        total = np.float32(0)
        for a in range(max(r - size + sy, 0) // sy, min(r // sy, oh - 1) + 1):
            for b in range(max(c - size + sx, 0) // sx, min(c // sx, ow - 1) + 1):
                top, left = a * sy - front, b * sx - front
                wins = True
                for p in range(max(top, 0), min(top + size, h)):
                    for q in range(max(left, 0), min(left + size, w)):
                        j = (image * h + p) * w + q
                        if x[j] > own or (x[j] == own and j < i):
                            wins = False
                if wins:
                    total += dy[(image * oh + a) * ow + b]
        dx[i] = total


@kernel("FFiif")
def _spread(dx, dy, size, n, factor):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        dx[i] = dy[i // size] * factor


def geometry(x: Array, y: Array, size: int, stride: tuple[int, int], pad: int) -> tuple[int, ...]:
    return (*x.shape[2:], *y.shape[2:], size, *stride, pad // 2)


def maxpool(y: Array, x: Array, *, size: int, stride: tuple[int, int], pad: int) -> None:
    _maxpool(y.size, y.data, x.data, geometry(x, y, size, stride, pad), y.size)


def maxpool_dx(dx: Array, dy: Array, x: Array, *, size: int, stride: tuple[int, int], pad: int) -> None:
    _maxpool_dx(dx.size, dx.data, dy.data, x.data, geometry(x, dy, size, stride, pad), dx.size)


def avgpool(y: Array, x: Array) -> None:
    row_sums(y, x, plane(x), 1 / plane(x))


def avgpool_dx(dx: Array, dy: Array, *, size: tuple[int, int]) -> None:
    count = size[0] * size[1]
    _spread(dx.size, dx.data, dy.data, count, dx.size, np.float32(1 / count))


KERNELS = {"maxpool": maxpool, "maxpool_dx": maxpool_dx, "avgpool": avgpool, "avgpool_dx": avgpool_dx}

"""Max pooling, channels in parallel."""

import numpy as np

from darkpy.jit import njit, prange


@njit(parallel=True)
def _maxpool(y, x, size, sy, sx, front):
    n, c, h, w = x.shape
    oh, ow = y.shape[2], y.shape[3]
    lowest = np.finfo(np.float32).min
    for t in prange(n * c):
        image, channel = t // c, t % c
        for i in range(oh):
            y[image, channel, i, :] = lowest
            for p in range(max(0, front - i * sy), min(size, h + front - i * sy)):
                row = i * sy + p - front
                for q in range(size):
                    first = max(0, (front - q + sx - 1) // sx)
                    last = min(ow, (w - 1 + front - q) // sx + 1)
                    for j in range(first, last):
                        v = x[image, channel, row, j * sx + q - front]
                        if v > y[image, channel, i, j]:
                            y[image, channel, i, j] = v


def maxpool(y, x, *, size, stride, pad):
    _maxpool(y, x, size, stride[0], stride[1], pad // 2)


@njit(parallel=True)
def _maxpool_dx(dx, dy, x, size, sy, sx, front):
    n, c, h, w = x.shape
    oh, ow = dy.shape[2], dy.shape[3]
    for t in prange(n * c):
        image, channel = t // c, t % c
        dx[image, channel, :, :] = 0
        for i in range(oh):
            top, bottom = max(0, i * sy - front), min(h, i * sy - front + size)
            for j in range(ow):
                best, row, column = np.float32(-np.inf), -1, -1
                for p in range(top, bottom):
                    for q in range(max(0, j * sx - front), min(w, j * sx - front + size)):
                        v = x[image, channel, p, q]
                        if v > best or row < 0:
                            best, row, column = v, p, q
                if row >= 0:  # a window wholly in the padding has no winner
                    dx[image, channel, row, column] += dy[image, channel, i, j]


def maxpool_dx(dx, dy, x, *, size, stride, pad):
    _maxpool_dx(dx, dy, x, size, stride[0], stride[1], pad // 2)


KERNELS = {"maxpool": maxpool, "maxpool_dx": maxpool_dx}

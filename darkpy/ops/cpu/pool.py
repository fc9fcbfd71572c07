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


KERNELS = {"maxpool": maxpool}

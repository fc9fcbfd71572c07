"""Max pooling, channels in parallel."""

import numpy as np

from darkpy.jit import njit, prange


@njit(parallel=True)
def _maxpool(y, x, size, sy, sx, front):
    n, c, h, w = x.shape
    oh, ow = y.shape[2], y.shape[3]
    lowest = np.finfo(np.float32).min
    for t in prange(n * c):
        source, target = x[t // c, t % c], y[t // c, t % c]
        line = np.empty(w, np.float32)
        for i in range(oh):
            line[:] = lowest  # the largest of each column, then of its neighbours
            for p in range(max(0, front - i * sy), min(size, h + front - i * sy)):
                row = source[i * sy + p - front]
                for j in range(w):
                    line[j] = row[j] if row[j] > line[j] else line[j]
            out = target[i]
            out[:] = lowest
            for q in range(size):
                first = max(0, (front - q + sx - 1) // sx)
                last = min(ow, (w - 1 + front - q) // sx + 1)
                for j in range(first, last):
                    v = line[j * sx + q - front]
                    out[j] = v if v > out[j] else out[j]


def maxpool(y, x, *, size, stride, pad):
    _maxpool(y, x, size, stride[0], stride[1], pad // 2)


@njit
def give(dx, d, x, top, bottom, left, right):
    """Add d to the place of dx where x is largest first in a window; one wholly in the padding has none."""
    best, row, column = np.float32(-np.inf), -1, -1
    for p in range(top, bottom):
        for q in range(left, right):
            v = x[p, q]
            if v > best or row < 0:
                best, row, column = v, p, q
    if row >= 0:
        dx[row, column] += d


@njit
def give_pairs(upper, lower, d, a, b):
    """Two whole rows of dx from a row of dy, whose 2x2 windows lie side by side in rows a and b of x."""
    for j in range(d.size):
        x0, x1, x2, x3 = a[2 * j], a[2 * j + 1], b[2 * j], b[2 * j + 1]
        second, fourth = x1 > x0, x3 > x2
        above, below = x1 if second else x0, x3 if fourth else x2
        down = below > above
        v, zero = d[j], np.float32(0)
        up_value, down_value = zero if down else v, v if down else zero
        upper[2 * j] = zero if second else up_value
        upper[2 * j + 1] = up_value if second else zero
        lower[2 * j] = zero if fourth else down_value
        lower[2 * j + 1] = down_value if fourth else zero


@njit(parallel=True)
def _maxpool_dx(dx, dy, x, size, sy, sx, front):
    n, c, h, w = x.shape
    oh, ow = dy.shape[2], dy.shape[3]
    pairs = size == sy == sx == 2 and front == 0
    for t in prange(n * c):
        target, source, d = dx[t // c, t % c], x[t // c, t % c], dy[t // c, t % c]
        target[:, :] = 0
        for i in range(oh):
            top, bottom = max(0, i * sy - front), min(h, i * sy - front + size)
            done = 0
            if pairs and bottom - top == 2:
                done = min(ow, w // 2)
                give_pairs(target[top], target[top + 1], d[i, :done], source[top], source[top + 1])
            for j in range(done, ow):
                give(target, d[i, j], source, top, bottom, max(0, j * sx - front), min(w, j * sx - front + size))


def maxpool_dx(dx, dy, x, *, size, stride, pad):
    _maxpool_dx(dx, dy, x, size, stride[0], stride[1], pad // 2)


KERNELS = {"maxpool": maxpool, "maxpool_dx": maxpool_dx}

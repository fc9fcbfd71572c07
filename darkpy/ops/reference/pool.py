"""Pooling: the largest or the mean value of a window, and its gradients."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["avgpool", "avgpool_dx", "maxpool", "maxpool_dx"]


def pool_windows(x, size, stride, pad, fill):
    """View (N, C, OH, OW, size, size) of the windows of x, padded by `pad // 2` in front and the rest behind."""
    n, c, h, w = x.shape
    oh, ow = (h + pad - size) // stride[0] + 1, (w + pad - size) // stride[1] + 1
    front = pad // 2
    below = max((oh - 1) * stride[0] + size - front - h, 0)
    right = max((ow - 1) * stride[1] + size - front - w, 0)
    x = np.pad(x, ((0, 0), (0, 0), (front, below), (front, right)), constant_values=fill)
    return sliding_window_view(x, (size, size), axis=(2, 3))[:, :, :: stride[0], :: stride[1]][:, :, :oh, :ow]


def maxpool(x, *, size, stride, pad):
    lowest = np.finfo(x.dtype).min
    return pool_windows(x, size, stride, pad, lowest).max((4, 5))


def maxpool_dx(dy, x, *, size, stride, pad):
    n, c, oh, ow = dy.shape
    h, w = x.shape[2:]
    view = pool_windows(x, size, stride, pad, -np.inf)
    first = view.reshape(n, c, oh, ow, size * size).argmax(4)
    i = np.arange(oh)[:, None] * stride[0] - pad // 2 + first // size
    j = np.arange(ow)[None, :] * stride[1] - pad // 2 + first % size
    dx = np.zeros_like(x)
    inside = (i >= 0) & (i < h) & (j >= 0) & (j < w)  # a window wholly in the padding has no winner
    a, b, _, _ = np.nonzero(inside)
    np.add.at(dx, (a, b, i[inside], j[inside]), dy[inside])
    return dx


def avgpool(x):
    return x.mean((2, 3), keepdims=True)


def avgpool_dx(dy, *, size):
    h, w = size
    return np.broadcast_to(dy / (h * w), (*dy.shape[:2], h, w)).copy()

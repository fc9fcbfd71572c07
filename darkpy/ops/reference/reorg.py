"""Layers that only move numbers: reorg, up- and downsampling, shortcut, crop."""

import numpy as np

__all__ = ["channels_first", "channels_last", "crop", "crop_dx", "downsample", "pad_tail", "reorg", "reorg_reverse",
           "reorg_reverse_dx", "shortcut", "shortcut_dx", "shortcut_dy", "upsample"]


def reorg(x, *, stride):
    n, c, h, w = x.shape
    s = stride
    # the input read as (C/s^2, H*s, W*s): split rows and columns by s, bring the s*s offsets to the front
    pretended = x.reshape(n, c // (s * s), h, s, w, s)
    return np.ascontiguousarray(pretended.transpose(0, 3, 5, 1, 2, 4)).reshape(n, c * s * s, h // s, w // s)


def reorg_reverse(x, *, stride):
    n, c, h, w = x.shape
    s = stride
    offsets = x.reshape(n, s, s, c // (s * s), h, w)
    return np.ascontiguousarray(offsets.transpose(0, 3, 4, 1, 5, 2)).reshape(n, c // (s * s), h * s, w * s)


def reorg_reverse_dx(dy, *, stride):
    n, c, h, w = dy.shape
    s = stride
    squares = dy.reshape(n, c, h // s, s, w // s, s)
    return np.ascontiguousarray(squares.transpose(0, 3, 5, 1, 2, 4)).reshape(n, c * s * s, h // s, w // s)


def channels_last(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(x.shape)


def channels_first(x):
    n, c, h, w = x.shape
    return np.ascontiguousarray(x.reshape(n, h, w, c).transpose(0, 3, 1, 2))


def pad_tail(x, *, extra):
    x = x.reshape(x.shape[0], -1)
    return np.concatenate([x, np.zeros((x.shape[0], extra), x.dtype)], 1)


def upsample(x, *, stride, factor=1.0):
    return x.repeat(stride, 2).repeat(stride, 3) * x.dtype.type(factor)


def downsample(x, *, stride, factor=1.0):
    n, c, h, w = x.shape
    s = stride
    x = x[:, :, : h // s * s, : w // s * s].reshape(n, c, h // s, s, w // s, s)
    return x.sum((3, 5)) * x.dtype.type(factor)


def overlap(x_shape, y_shape):
    """Slices of (C, H, W) maps x and y at which a shortcut joins them, for sizes that differ by an integer ratio."""
    (c1, h1, w1), (c2, h2, w2) = x_shape, y_shape
    channels = slice(0, min(c1, c2))
    sample, stride = max(w1 // w2, 1), max(w2 // w1, 1)
    h, w = min(h1, h2), min(w1, w2)
    return ((slice(None), channels, slice(0, h * sample, sample), slice(0, w * sample, sample)),
            (slice(None), channels, slice(0, h * stride, stride), slice(0, w * stride, stride)))


def shortcut(x, y, *, alpha=1.0, beta=1.0):
    here, there = overlap(x.shape[1:], y.shape[1:])
    z = x.copy()
    z[here] = x.dtype.type(alpha) * x[here] + x.dtype.type(beta) * y[there]
    return z


def shortcut_dx(dz, *, alpha):
    return dz * dz.dtype.type(alpha)


def shortcut_dy(dz, *, shape, beta):
    here, there = overlap(dz.shape[1:], shape)
    dy = np.zeros((dz.shape[0], *shape), dz.dtype)
    dy[there] = dz.dtype.type(beta) * dz[here]
    return dy


def crop(x, *, top, left, size, flip=False, factor=1.0, shift=0.0):
    window = x[:, :, top : top + size[0], left : left + size[1]]
    if flip:
        window = window[..., ::-1]
    return np.ascontiguousarray(window * x.dtype.type(factor) + x.dtype.type(shift))


def crop_dx(dy, *, top, left, size, flip=False, factor=1.0):
    dx = np.zeros((*dy.shape[:2], *size), dy.dtype)
    h, w = dy.shape[2:]
    dx[:, :, top : top + h, left : left + w] = (dy[..., ::-1] if flip else dy) * dy.dtype.type(factor)
    return dx

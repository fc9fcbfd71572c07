"""Binary weights and inputs as plain floats (Rastegari et al., "XNOR-Net", 2016): what packed kernels equal."""

import numpy as np

from darkpy.ops.reference.conv import conv, conv_dx

__all__ = ["binarize_gradient", "binary_dw", "center_weights", "filter_dot", "filter_scales", "hardtan_gate",
           "input_scales", "input_scales_dx", "quantize", "quantize_weights", "scale_filters", "scale_maps",
           "scale_maps_dk"]


def quantize(x, *, bits=1):
    if bits == 1:
        return np.where(x >= 0, x.dtype.type(1), x.dtype.type(-1))
    steps = x.dtype.type(2**bits - 1)
    return 2 * (np.floor(steps * (np.clip(x, -1, 1) + 1) / 2 + x.dtype.type(0.5)) / steps) - 1


def quantize_weights(w, *, bits=1):
    if bits == 1:
        return np.where(w > 0, w.dtype.type(1), w.dtype.type(-1))
    root = np.sqrt(np.square(w).mean(axis=tuple(range(1, w.ndim)), keepdims=True))
    return quantize(w / np.where(root > 0, root * ((bits + 1) / 2), 1), bits=bits)


def filter_scales(w, q):
    return filter_dot(w, q) / filter_dot(q, q)  # no level of q is 0, so neither is the divisor


def filter_dot(a, b):
    return (a * b).sum(axis=tuple(range(1, a.ndim)))


def scale_filters(q, alpha):
    return q * by_filter(alpha, q)


def by_filter(numbers, w):
    """Numbers (F,) so that they multiply filters w (F, ...)."""
    return numbers.reshape(-1, *[1] * (w.ndim - 1))


def center_weights(w):
    return w - w.mean(axis=1, keepdims=True)


def binary_dw(dw, w, alpha, *, share):
    return dw * (w.dtype.type(share) + by_filter(alpha, w) * (np.abs(w) <= 1))


def hardtan_gate(dy, x, *, closed=False):
    return dy * (np.abs(x) <= 1 if closed else np.abs(x) < 1)


def box(groups, kernel, dtype):
    """Weights of a convolution that takes means over its window."""
    return np.full((groups, 1, kernel, kernel), 1 / kernel**2, dtype)


def input_scales(x, *, kernel, stride=(1, 1), pad=0, dilation=1, groups=1):
    n, _, h, w = x.shape
    means = np.abs(x).reshape(n, groups, -1, h, w).mean(axis=2)
    return conv(means, box(groups, kernel, x.dtype), stride=stride, pad=pad, dilation=dilation, groups=groups)


def input_scales_dx(dk, x, *, kernel, stride=(1, 1), pad=0, dilation=1, groups=1):
    n, c, h, w = x.shape
    dmeans = conv_dx(dk, box(groups, kernel, x.dtype), size=(h, w), stride=stride, pad=pad, dilation=dilation,
                     groups=groups)
    by_group = np.sign(x).reshape(n, groups, -1, h, w) * dmeans[:, :, None]
    return by_group.reshape(x.shape) / x.dtype.type(c // groups)


def scale_maps(z, k):
    n, groups, h, w = k.shape
    return (z.reshape(n, groups, -1, h, w) * k[:, :, None]).reshape(z.shape)


def scale_maps_dk(dy, z, *, groups=1):
    n, _, h, w = z.shape
    return (dy * z).reshape(n, groups, -1, h, w).sum(axis=2)


def binarize_gradient(dy):
    size = np.abs(dy)
    maps = size.max(axis=(2, 3), keepdims=True)
    largest = maps.max(axis=1, keepdims=True)
    shares = maps / np.where(largest > 0, largest, 1)  # M, so that its squares are no smaller than they must be
    squares = (shares**2 * (size > 0)).sum(axis=1, keepdims=True)
    places = (size * shares).sum(axis=1, keepdims=True) / np.where(squares > 0, squares, 1)
    return np.sign(dy) * shares * places

"""Batch normalisation (Ioffe & Szegedy, 2015), Darknet's local response normalisation, l2 norm and softmax."""

import numpy as np

from darkpy.ops.reference.activations import activation, activation_dx
from darkpy.ops.reference.basic import per_channel

__all__ = ["batch_statistics", "batchnorm", "batchnorm_dx", "batchnorm_rectified", "batchnorm_rectified_dx",
           "l2norm", "lrn", "lrn_dx", "softmax"]


def batchnorm(x, mean, variance, scales, biases, *, eps):
    factor = scales / np.sqrt(variance + x.dtype.type(eps))
    return (x - per_channel(mean, x)) * per_channel(factor, x) + per_channel(biases, x)


def batch_statistics(x):
    axes = (0, *range(2, x.ndim))
    n = x.size // x.shape[1]
    mean = x.mean(axes)
    squares = ((x - per_channel(mean, x)) ** 2).sum(axes)
    # a single number has no unbiased variance; the original yields NaN there, and so do we
    return mean, squares / (n - 1) if n > 1 else np.full_like(mean, np.nan)


def batchnorm_dx(dy, x, mean, variance, scales, *, eps, exact):
    axes = (0, *range(2, x.ndim))
    n = x.size // x.shape[1]
    root = np.sqrt(variance + x.dtype.type(eps))
    centred = x - per_channel(mean, x)
    dbiases = dy.sum(axes)
    dscales = (dy * centred).sum(axes) / root
    g = dy * per_channel(scales, x)
    dvariance = (g * centred).sum(axes) * -0.5 / root**3
    dmean = -g.sum(axes) / root
    divisor = n - 1 if exact else n
    dx = g / per_channel(root, x) + per_channel(dvariance * 2 / divisor, x) * centred + per_channel(dmean / n, x)
    return dx, dscales, dbiases


def batchnorm_rectified(x, mean, variance, scales, biases, *, eps, kind):
    return activation(batchnorm(x, mean, variance, scales, biases, eps=eps), kind=kind)


def batchnorm_rectified_dx(dy, y, x, mean, variance, scales, *, eps, exact, kind):
    return batchnorm_dx(activation_dx(dy, y, None, kind=kind), x, mean, variance, scales, eps=eps, exact=exact)


def lrn(x, *, size, alpha, beta, kappa):
    """norm[k] = kappa + alpha * (sum of x^2 over channels k-(size-1)//2 .. k+size//2, less x[size//2]^2).

    The original sums the first window without its last channel and later subtracts that channel nonetheless; networks
    trained with it learned around this, so every window here lacks alpha * x[size//2]^2 too.
    """
    squares = x * x
    c = x.shape[1]
    norms = np.full_like(x, kappa)
    for k in range(c):
        low, high = max(0, k - (size - 1) // 2), min(c, k + size // 2 + 1)
        norms[:, k] += alpha * squares[:, low:high].sum(1)
        if size // 2 < c:
            norms[:, k] -= alpha * squares[:, size // 2]
    with np.errstate(invalid="ignore", divide="ignore"):  # what lacks may exceed the sum: NaN, as in the original
        return x * norms**-beta, norms


def lrn_dx(dy, norms, *, beta):
    return dy * norms**-beta


def l2norm(x):
    length = np.sqrt((x * x).sum(1, keepdims=True))
    return x / np.where(length == 0, 1, length)


def softmax(x, *, sizes, temperature=1.0):
    y = x.copy()
    start = 0
    for size in sizes:
        part = x[:, start : start + size] / x.dtype.type(temperature)
        e = np.exp(part - part.max(1, keepdims=True))
        y[:, start : start + size] = e / e.sum(1, keepdims=True)
        start += size
    return y

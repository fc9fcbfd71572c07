"""Batch normalisation and bias in one pass over memory: y = x * factor + offset per channel."""

import numpy as np

from darkpy.jit import njit, prange
from darkpy.ops.spec import SLOPES


@njit(parallel=True)
def scale_channels(y, x, factor, offset, slope):
    """y, x (N, C, n): y = v where v = x * factor + offset is above 0, else slope * v."""
    n, c, size = x.shape
    for t in prange(n * c):
        image, channel = t // c, t % c
        for i in range(size):
            v = x[image, channel, i] * factor[channel] + offset[channel]
            y[image, channel, i] = v if v > 0 else slope * v


@njit(parallel=True, fastmath={"reassoc"})
def channel_statistics(mean, squares, x):
    """Mean, and sum of squares of what differs from it, of x (N, C, n) by channel.  Rows are summed up in float64."""
    n, c, size = x.shape
    for channel in prange(c):
        total = 0.0
        for image in range(n):
            part = np.float32(0)
            for i in range(size):
                part += x[image, channel, i]
            total += part
        mean[channel] = centre = np.float32(total / (n * size))
        total = 0.0
        for image in range(n):
            part = np.float32(0)
            for i in range(size):
                part += (x[image, channel, i] - centre) ** 2
            total += part
        squares[channel] = total


def batch_statistics(mean, variance, x):
    numbers = x.size // x.shape[1]
    channel_statistics(mean, variance, x.reshape(*x.shape[:2], -1))
    if numbers > 1:
        variance /= np.float32(numbers - 1)
    else:
        variance.fill(np.nan)


@njit(parallel=True, fastmath={"reassoc"})
def channels_dx(dx, dscales, dbiases, dy, y, x, slope, mean, root, scales, divisor):
    """dx = d * s/root - s/root^3 * sum(d * (x-mean)) / divisor * (x-mean) - s/root * sum(d) / numbers.

    d is dy where y > 0, else slope * dy: what came through the rectifier behind.
    """
    n, c, size = x.shape
    one = np.float32(1)
    for channel in prange(c):
        centre, r = mean[channel], root[channel]
        sum_dy = sum_dot = 0.0
        for image in range(n):
            part = dot = np.float32(0)
            for i in range(size):
                d = dy[image, channel, i] * (one if y[image, channel, i] > 0 else slope)
                part += d
                dot += d * (x[image, channel, i] - centre)
            sum_dy += part
            sum_dot += dot
        dbiases[channel], dscales[channel] = sum_dy, sum_dot / r
        factor = scales[channel] / r
        tilt = np.float32(-factor / (r * r) * sum_dot / divisor)
        offset = np.float32(-factor * sum_dy / (n * size))
        for image in range(n):
            for i in range(size):
                d = dy[image, channel, i] * (one if y[image, channel, i] > 0 else slope)
                dx[image, channel, i] = d * factor + (x[image, channel, i] - centre) * tilt + offset


def batchnorm_rectified(y, x, mean, variance, scales, biases, *, eps, kind):
    factor = scales / np.sqrt(variance + np.float32(eps))
    shape = (*x.shape[:2], -1)
    scale_channels(y.reshape(shape), x.reshape(shape), factor, biases - mean * factor, np.float32(SLOPES[kind]))


def batchnorm(y, x, mean, variance, scales, biases, *, eps):
    batchnorm_rectified(y, x, mean, variance, scales, biases, eps=eps, kind="linear")


def add_bias(y, x, b):
    shape = (*x.shape[:2], -1)
    scale_channels(y.reshape(shape), x.reshape(shape), np.ones_like(b), b, np.float32(1))


def batchnorm_rectified_dx(dx, dscales, dbiases, dy, y, x, mean, variance, scales, *, eps, exact, kind):
    shape = (*x.shape[:2], -1)
    numbers = x.size // x.shape[1]
    channels_dx(dx.reshape(shape), dscales, dbiases, dy.reshape(shape), y.reshape(shape), x.reshape(shape),
                np.float32(SLOPES[kind]), mean, np.sqrt(variance + np.float32(eps)), scales,
                numbers - 1 if exact else numbers)


def batchnorm_dx(dx, dscales, dbiases, dy, x, mean, variance, scales, *, eps, exact):
    batchnorm_rectified_dx(dx, dscales, dbiases, dy, x, x, mean, variance, scales, eps=eps, exact=exact, kind="linear")


KERNELS = {"batchnorm": batchnorm, "add_bias": add_bias, "batch_statistics": batch_statistics,
           "batchnorm_dx": batchnorm_dx, "batchnorm_rectified": batchnorm_rectified,
           "batchnorm_rectified_dx": batchnorm_rectified_dx}

"""Batch normalisation, Darknet's local response normalisation, l2 norm and softmax."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from darkpy.cuda import TEAM, cuda, exp, kernel, power, sqrt
from darkpy.ops.cuda.activations import activation_dx
from darkpy.ops.cuda.basic import assign, fill, plane
from darkpy.ops.cuda.memory import Array, upload
from darkpy.ops.cuda.reduce import channel_products, channel_squares, channel_sums, team_max, team_sum
from darkpy.ops.spec import SLOPES

ZERO, ONE = np.float32(0), np.float32(1)


@kernel("FFFFFFffiii")
def _batchnorm(y, x, mean, variance, scales, biases, eps, slope, channels, size, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        c = (i // size) % channels
        v = (x[i] - mean[c]) * (scales[c] / sqrt(variance[c] + eps)) + biases[c]
        y[i] = v if v > ZERO else v * slope


@kernel("FFFFFFFffiii")
def _batchnorm_dx(dx, dy, x, mean, scales, variance, products, eps, divisor, channels, size, n):
    """products: behind the sums of dy * (x - mean) of all channels those of dy."""
    count = np.float32(n // channels)
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        c = (i // size) % channels
        root = sqrt(variance[c] + eps)
        s = scales[c]
        share = s * products[c] / (root * root * root) / divisor
        dx[i] = dy[i] * s / root - share * (x[i] - mean[c]) - s * products[channels + c] / root / count


@kernel("FFFfi")
def _dscales(dscales, products, variance, eps, n):
    for c in range(cuda.grid(1), n, cuda.gridsize(1)):
        dscales[c] = products[c] / sqrt(variance[c] + eps)


@kernel("FFFiiifffi")
def _lrn(y, norms, x, channels, size, window, alpha, beta, kappa, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        plane = i // size
        image = plane // channels
        k = plane - image * channels
        base = image * channels * size + i - plane * size
        total = ZERO
        for c in range(max(k - (window - 1) // 2, 0), min(k + window // 2 + 1, channels)):
            v = x[base + c * size]
            total += v * v
        if window // 2 < channels:
            v = x[base + window // 2 * size]
            total -= v * v
        norm = kappa + alpha * total
        norms[i] = norm
        y[i] = x[i] * power(norm, -beta)


@kernel("FFFfi")
def _lrn_dx(dx, dy, norms, beta, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        dx[i] = dy[i] * power(norms[i], -beta)


@kernel("FFiii")
def _l2norm(y, x, channels, size, n):
    """A thread for each of n pixels of all images."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image = i // size
        base = image * channels * size + i - image * size
        total = ZERO
        for c in range(channels):
            v = x[base + c * size]
            total += v * v
        length = sqrt(total)
        if length == ZERO:
            length = ONE
        for c in range(channels):
            y[base + c * size] = x[base + c * size] / length


@kernel("FFIiiifi")
def _softmax_pixels(y, x, bounds, groups, channels, size, temperature, n):
    """A thread for each pixel and group; bounds: where groups begin, and the end of the last."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        rest = i // size
        image = rest // groups
        group = rest - image * groups
        base = image * channels * size + i - rest * size
        first, last = bounds[group], bounds[group + 1]
        highest = x[base + first * size] / temperature
        for c in range(first + 1, last):
            highest = max(highest, x[base + c * size] / temperature)
        total = ZERO
        for c in range(first, last):
            e = exp(x[base + c * size] / temperature - highest)
            y[base + c * size] = e
            total += e
        for c in range(first, last):
            y[base + c * size] /= total


@kernel("FFIif", TEAM)
def _softmax_rows(y, x, bounds, channels, temperature):
    """A team for each row and group."""
    scratch = cuda.shared.array(TEAM, np.float32)
    t, row = cuda.threadIdx.x, cuda.blockIdx.x
    base = row * channels
    first, last = bounds[cuda.blockIdx.y], bounds[cuda.blockIdx.y + 1]
    highest = x[base + first] / temperature
    for c in range(first + t, last, TEAM):
        highest = max(highest, x[base + c] / temperature)
    highest = team_max(scratch, t, highest)
    total = ZERO
    for c in range(first + t, last, TEAM):
        e = exp(x[base + c] / temperature - highest)
        y[base + c] = e
        total += e
    total = team_sum(scratch, t, total)
    for c in range(first + t, last, TEAM):
        y[base + c] /= total


@kernel("FFiii")
def _tail(y, x, first, item, n):
    """The numbers of each item from `first` on as they are; n of them in all."""
    left = item - first
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        row = i // left
        at = row * item + first + i - row * left
        y[at] = x[at]


def normalise(y: Array, x: Array, mean: Array, variance: Array, scales: Array, biases: Array, eps: float,
              slope: float) -> None:
    """Batch normalisation, then v or slope * v."""
    _batchnorm(y.size, y.data, x.data, mean.data, variance.data, scales.data, biases.data, np.float32(eps),
               np.float32(slope), x.shape[1], plane(x), y.size)


def batchnorm(y: Array, x: Array, mean: Array, variance: Array, scales: Array, biases: Array, *, eps: float) -> None:
    normalise(y, x, mean, variance, scales, biases, eps, 1.0)


def batch_statistics(mean: Array, variance: Array, x: Array) -> None:
    count = x.size // x.shape[1]
    channel_sums(mean, x, 1 / count)
    if count > 1:
        channel_squares(variance, x, mean, 1 / (count - 1))
    else:
        fill(variance, math.nan)


def batchnorm_dx(dx: Array, dscales: Array, dbiases: Array, dy: Array, x: Array, mean: Array, variance: Array,
                 scales: Array, *, eps: float, exact: bool) -> None:
    c = x.shape[1]
    count = x.size // c
    both = Array((2 * c,))
    channel_products(both, both.view((c,), c), dy, x, mean)
    _dscales(c, dscales.data, both.data, variance.data, np.float32(eps), c)
    divisor = count - 1 if exact else count
    _batchnorm_dx(dx.size, dx.data, dy.data, x.data, mean.data, scales.data, variance.data, both.data, np.float32(eps),
                  np.float32(divisor), c, plane(x), dx.size)
    assign(dbiases, both.view((c,), c))


def batchnorm_rectified(y: Array, x: Array, mean: Array, variance: Array, scales: Array, biases: Array, *, eps: float,
                        kind: str) -> None:
    normalise(y, x, mean, variance, scales, biases, eps, SLOPES[kind])


def batchnorm_rectified_dx(dx: Array, dscales: Array, dbiases: Array, dy: Array, y: Array, x: Array, mean: Array,
                           variance: Array, scales: Array, *, eps: float, exact: bool, kind: str) -> None:
    activation_dx(dx, dy, y, y, kind=kind)  # of the result alone, for these kinds
    batchnorm_dx(dx, dscales, dbiases, dx, x, mean, variance, scales, eps=eps, exact=exact)


def lrn(y: Array, norms: Array, x: Array, *, size: int, alpha: float, beta: float, kappa: float) -> None:
    _lrn(y.size, y.data, norms.data, x.data, x.shape[1], plane(x), size, np.float32(alpha), np.float32(beta),
         np.float32(kappa), y.size)


def lrn_dx(dx: Array, dy: Array, norms: Array, *, beta: float) -> None:
    _lrn_dx(dx.size, dx.data, dy.data, norms.data, np.float32(beta), dx.size)


def l2norm(y: Array, x: Array) -> None:
    pixels = x.size // x.shape[1]
    _l2norm(pixels, y.data, x.data, x.shape[1], plane(x), pixels)


@lru_cache(maxsize=64)
def group_bounds(sizes: tuple[int, ...]) -> Array:
    """int32 (groups + 1,): where each group begins, and the end of the last."""
    return upload(np.cumsum((0, *sizes), dtype=np.int32))


def softmax_pixels(y: Array, x: Array, bounds: Array, n: int, channels: int, size: int, temperature: float) -> None:
    """Softmax of x (n, channels, size) over the groups between the `bounds`, pixel by pixel."""
    groups = bounds.size - 1
    count = n * groups * size
    _softmax_pixels(count, y.data, x.data, bounds.data, groups, channels, size, np.float32(temperature), count)


def softmax(y: Array, x: Array, *, sizes: tuple[int, ...], temperature: float = 1.0) -> None:
    channels, size, n = x.shape[1], plane(x), x.shape[0]
    bounds, total = group_bounds(tuple(sizes)), sum(sizes)
    if size == 1 and channels // len(sizes) >= TEAM // 8:
        _softmax_rows.blocks((n, len(sizes)), y.data, x.data, bounds.data, channels, np.float32(temperature))
    else:
        softmax_pixels(y, x, bounds, n, channels, size, temperature)
    rest = n * (channels - total) * size
    _tail(rest, y.data, x.data, total * size, channels * size, rest)


KERNELS = {"batchnorm": batchnorm, "batch_statistics": batch_statistics, "batchnorm_dx": batchnorm_dx,
           "batchnorm_rectified": batchnorm_rectified, "batchnorm_rectified_dx": batchnorm_rectified_dx, "lrn": lrn,
           "lrn_dx": lrn_dx, "l2norm": l2norm, "softmax": softmax}

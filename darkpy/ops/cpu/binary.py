"""Binary inputs in training: one pass over memory each, in parallel.  Weights are few: the reference serves them."""

import numpy as np

from darkpy.jit import njit, prange
from darkpy.ops.cpu import conv
from darkpy.ops.reference import binary as reference

BLOCK = 1 << 14  # numbers a thread takes at a time


@njit(parallel=True)
def signs(y, x):
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        for i in range(block * BLOCK, min(x.size, (block + 1) * BLOCK)):
            y[i] = np.float32(1) if x[i] >= 0 else np.float32(-1)


def quantize(y, x, *, bits=1):
    if bits == 1:
        signs(y.reshape(-1), x.reshape(-1))
    else:
        y[...] = reference.quantize(x, bits=bits)


@njit(parallel=True)
def gate(dx, dy, x, largest):
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        for i in range(block * BLOCK, min(x.size, (block + 1) * BLOCK)):
            dx[i] = dy[i] if abs(x[i]) <= largest else np.float32(0)


def hardtan_gate(dx, dy, x, *, closed=False):
    one = np.float32(1)
    gate(dx.reshape(-1), dy.reshape(-1), x.reshape(-1), one if closed else np.nextafter(one, np.float32(0)))


@njit(parallel=True)
def mean_sizes(means, x):
    """means (M, n) <- the mean of |x| (M, C, n) over C."""
    m, c, size = x.shape
    for t in prange(m):
        means[t, :] = 0
        for channel in range(c):
            for i in range(size):
                means[t, i] += abs(x[t, channel, i])
        for i in range(size):
            means[t, i] /= np.float32(c)


def input_scales(k, x, *, kernel, groups=1, **window):
    n, c, h, w = x.shape
    means = np.empty((n, groups, h, w), np.float32)
    mean_sizes(means.reshape(n * groups, h * w), x.reshape(n * groups, c // groups, h * w))
    conv.conv(k, means, reference.box(groups, kernel, x.dtype), groups=groups, **window)


@njit(parallel=True)
def spread_signs(dx, dmeans, x):
    """dx (M, C, n) <- sign(x) * dmeans (M, n) / C."""
    m, c, size = x.shape
    for t in prange(m * c):
        row, channel = t // c, t % c
        for i in range(size):
            v, share = x[row, channel, i], dmeans[row, i] / np.float32(c)
            dx[row, channel, i] = share if v > 0 else -share if v < 0 else np.float32(0)


def input_scales_dx(dx, dk, x, *, kernel, groups=1, **window):
    n, c, h, w = x.shape
    dmeans = np.empty((n, groups, h, w), np.float32)
    conv.conv_dx(dmeans, dk, reference.box(groups, kernel, x.dtype), size=(h, w), groups=groups, **window)
    parts = (n * groups, c // groups, h * w)
    spread_signs(dx.reshape(parts), dmeans.reshape(n * groups, h * w), x.reshape(parts))


@njit(parallel=True)
def multiply(y, z, k):
    """y (M, C, n) <- z (M, C, n) * k (M, n)."""
    m, c, size = z.shape
    for t in prange(m * c):
        row, channel = t // c, t % c
        for i in range(size):
            y[row, channel, i] = z[row, channel, i] * k[row, i]


def scale_maps(y, z, k):
    n, groups, h, w = k.shape
    parts = (n * groups, z.shape[1] // groups, h * w)
    multiply(y.reshape(parts), z.reshape(parts), k.reshape(n * groups, h * w))


@njit(parallel=True)
def dots(dk, dy, z):
    """dk (M, n) <- the sum of dy * z (M, C, n) over C."""
    m, c, size = z.shape
    for t in prange(m):
        dk[t, :] = 0
        for channel in range(c):
            for i in range(size):
                dk[t, i] += dy[t, channel, i] * z[t, channel, i]


def scale_maps_dk(dk, dy, z, *, groups=1):
    n, f, h, w = z.shape
    parts = (n * groups, f // groups, h * w)
    dots(dk.reshape(n * groups, h * w), dy.reshape(parts), z.reshape(parts))


@njit(parallel=True)
def gradient_signs(y, dy):
    """y (N, C, n) <- the signs of dy times a number for each map and one for each place."""
    n, c, size = dy.shape
    for image in prange(n):
        shares = np.zeros(c, np.float32)
        for channel in range(c):
            for i in range(size):
                shares[channel] = max(shares[channel], abs(dy[image, channel, i]))
        largest = shares.max()
        if largest > 0:
            shares /= largest
        products, squares = np.zeros(size, np.float32), np.zeros(size, np.float32)
        for channel in range(c):
            share = shares[channel]
            for i in range(size):
                v = abs(dy[image, channel, i])
                products[i] += share * v
                squares[i] += share * share if v > 0 else np.float32(0)
        for i in range(size):
            products[i] /= squares[i] if squares[i] > 0 else np.float32(1)
        for channel in range(c):
            for i in range(size):
                v, number = dy[image, channel, i], shares[channel] * products[i]
                y[image, channel, i] = number if v > 0 else -number if v < 0 else np.float32(0)


def binarize_gradient(y, dy):
    shape = (*dy.shape[:2], -1)
    gradient_signs(y.reshape(shape), dy.reshape(shape))


KERNELS = {"quantize": quantize, "hardtan_gate": hardtan_gate, "input_scales": input_scales,
           "input_scales_dx": input_scales_dx, "scale_maps": scale_maps, "scale_maps_dk": scale_maps_dk,
           "binarize_gradient": binarize_gradient}

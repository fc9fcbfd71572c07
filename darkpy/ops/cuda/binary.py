"""Binary weights and inputs in training, as plain floats."""

from __future__ import annotations

import numpy as np

from darkpy.cuda import TEAM, cuda, device, floor, kernel, sqrt
from darkpy.ops.cuda.basic import plane
from darkpy.ops.cuda.memory import Array
from darkpy.ops.cuda.places import place
from darkpy.ops.cuda.reduce import team_max, team_sum

ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)


@device
def level(x, steps):
    """The nearest of steps + 1 levels from -1 to 1."""
    x = -ONE if x < -ONE else ONE if x > ONE else x
    return TWO * (floor(steps * (x + ONE) / TWO + HALF) / steps) - ONE


@device
def sign(x):
    return ONE if x > ZERO else -ONE if x < ZERO else ZERO


@kernel("FFfi")
def _quantize(y, x, steps, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        if steps == ONE:
            y[i] = ONE if x[i] >= ZERO else -ONE
        else:
            y[i] = level(x[i], steps)


@kernel("FFffi", TEAM)
def _quantize_weights(q, w, steps, reach, item):
    """A team for each filter."""
    scratch = cuda.shared.array(TEAM, np.float32)
    t, base = cuda.threadIdx.x, cuda.blockIdx.x * item
    total = ZERO
    for i in range(t, item, TEAM):
        total += w[base + i] * w[base + i]
    root = sqrt(team_sum(scratch, t, total) / np.float32(item)) * reach
    if root == ZERO:
        root = ONE
    for i in range(t, item, TEAM):
        if steps == ONE:
            q[base + i] = ONE if w[base + i] > ZERO else -ONE
        else:
            q[base + i] = level(w[base + i] / root, steps)


@kernel("FFFii", TEAM)
def _filter_dot(y, a, b, item, relative):
    """A team for each filter: a . b, and where `relative`, divided by b . b."""
    scratch = cuda.shared.array(TEAM, np.float32)
    t, base = cuda.threadIdx.x, cuda.blockIdx.x * item
    products, squares = ZERO, ZERO
    for i in range(t, item, TEAM):
        products += a[base + i] * b[base + i]
        squares += b[base + i] * b[base + i]
    products = team_sum(scratch, t, products)
    squares = team_sum(scratch, t, squares)
    if t == 0:
        y[cuda.blockIdx.x] = products / squares if relative else products


@kernel("FFFii")
def _scale_filters(y, q, alpha, item, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = q[i] * alpha[i // item]


@kernel("FFiii")
def _center(y, w, channels, taps, n):
    """A thread for each filter and tap."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        base = i // taps * channels * taps + i % taps
        total = ZERO
        for c in range(channels):
            total += w[base + c * taps]
        mean = total / np.float32(channels)
        for c in range(channels):
            y[base + c * taps] = w[base + c * taps] - mean


@kernel("FFFFfii")
def _binary_dw(y, dw, w, alpha, share, item, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = dw[i] * (share + (alpha[i // item] if abs(w[i]) <= ONE else ZERO))


@kernel("FFFii")
def _gate(dx, dy, x, closed, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        size = abs(x[i])
        dx[i] = dy[i] if size < ONE or (closed and size == ONE) else ZERO


@kernel("FFiii")
def _mean_sizes(means, x, channels, size, n):
    """The mean of |x| over the channels of a group; n numbers in all."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        base = i // size * channels * size + i % size
        total = ZERO
        for c in range(channels):
            total += abs(x[base + c * size])
        means[i] = total / np.float32(channels)


@kernel("FFT10i")
def _box(k, means, g, n):
    h, w, oh, ow, kernel, sy, sx, pad, dilation, _ = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image, row, column = place(i, oh, ow)
        top, left = row * sy - pad, column * sx - pad
        total = ZERO
        for p in range(kernel):
            for q in range(kernel):
                r, s = top + p * dilation, left + q * dilation
                if 0 <= r < h and 0 <= s < w:
                    total += means[(image * h + r) * w + s]
        k[i] = total / np.float32(kernel * kernel)


@kernel("FFFT10ii")
def _box_dx(dx, dk, x, g, channels, n):
    """A thread for each pixel of each group; n of them, x has `channels` for each."""
    h, w, oh, ow, kernel, sy, sx, pad, dilation, _ = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        group, row, column = place(i, h, w)
        row, column = row + pad, column + pad
        total = ZERO
        for p in range(kernel):
            for q in range(kernel):
                r, s = row - p * dilation, column - q * dilation
                if r >= 0 and s >= 0 and r % sy == 0 and s % sx == 0 and r // sy < oh and s // sx < ow:
                    total += dk[(group * oh + r // sy) * ow + s // sx]
        total /= np.float32(kernel * kernel * channels)
        at = group * channels * h * w + i - group * h * w
        for _c in range(channels):
            dx[at] = sign(x[at]) * total
            at += h * w


@kernel("FFFiii")
def _scale_maps(y, z, k, channels, size, n):
    """`channels`: of a group."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = z[i] * k[i // (channels * size) * size + i % size]


@kernel("FFFiii")
def _scale_maps_dk(dk, dy, z, channels, size, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        base = i // size * channels * size + i % size
        total = ZERO
        for c in range(channels):
            total += dy[base + c * size] * z[base + c * size]
        dk[i] = total


@kernel("FFi", TEAM)
def _map_sizes(largest, dy, size):
    """A team for each map: its largest |dy|."""
    scratch = cuda.shared.array(TEAM, np.float32)
    t, base = cuda.threadIdx.x, cuda.blockIdx.x * size
    best = ZERO
    for i in range(t, size, TEAM):
        best = max(best, abs(dy[base + i]))
    largest[cuda.blockIdx.x] = team_max(scratch, t, best)


@kernel("FFFiii")
def _binarize_gradient(y, dy, maps, channels, size, n):
    """A thread for each place of each image."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        first = i // size * channels
        base = first * size + i % size
        largest = ZERO
        for c in range(channels):
            largest = max(largest, maps[first + c])
        if largest == ZERO:
            largest = ONE
        product, square = ZERO, ZERO
        for c in range(channels):
            size_of, share = abs(dy[base + c * size]), maps[first + c] / largest
            product += share * size_of
            if size_of > ZERO:
                square += share * share
        number = product / square / largest if square > ZERO else ZERO
        for c in range(channels):
            y[base + c * size] = sign(dy[base + c * size]) * maps[first + c] * number


def quantize(y: Array, x: Array, *, bits: int = 1) -> None:
    _quantize(x.size, y.data, x.data, np.float32(2**bits - 1), x.size)


def quantize_weights(q: Array, w: Array, *, bits: int = 1) -> None:
    _quantize_weights.blocks(w.shape[0], q.data, w.data, np.float32(2**bits - 1), np.float32((bits + 1) / 2), w.item)


def filter_scales(alpha: Array, w: Array, q: Array) -> None:
    _filter_dot.blocks(w.shape[0], alpha.data, w.data, q.data, w.item, 1)


def filter_dot(y: Array, a: Array, b: Array) -> None:
    _filter_dot.blocks(a.shape[0], y.data, a.data, b.data, a.item, 0)


def scale_filters(y: Array, q: Array, alpha: Array) -> None:
    _scale_filters(q.size, y.data, q.data, alpha.data, q.item, q.size)


def center_weights(y: Array, w: Array) -> None:
    taps = plane(w)
    count = w.shape[0] * taps
    _center(count, y.data, w.data, w.shape[1], taps, count)


def binary_dw(y: Array, dw: Array, w: Array, alpha: Array, *, share: float) -> None:
    _binary_dw(w.size, y.data, dw.data, w.data, alpha.data, np.float32(share), w.item, w.size)


def hardtan_gate(dx: Array, dy: Array, x: Array, *, closed: bool = False) -> None:
    _gate(x.size, dx.data, dy.data, x.data, int(closed), x.size)


def window(x: Array, k: Array, kernel: int, stride: tuple[int, int], pad: int, dilation: int) -> tuple[int, ...]:
    return (*x.shape[2:], *k.shape[2:], kernel, *stride, pad, dilation, 0)


def input_scales(k: Array, x: Array, *, kernel: int, stride: tuple[int, int] = (1, 1), pad: int = 0, dilation: int = 1,
                 groups: int = 1) -> None:
    n, c, h, w = x.shape
    means = Array((n, groups, h, w))
    _mean_sizes(means.size, means.data, x.data, c // groups, h * w, means.size)
    _box(k.size, k.data, means.data, window(x, k, kernel, stride, pad, dilation), k.size)


def input_scales_dx(dx: Array, dk: Array, x: Array, *, kernel: int, stride: tuple[int, int] = (1, 1), pad: int = 0,
                    dilation: int = 1, groups: int = 1) -> None:
    n, c, h, w = x.shape
    count = n * groups * h * w
    _box_dx(count, dx.data, dk.data, x.data, window(x, dk, kernel, stride, pad, dilation), c // groups, count)


def scale_maps(y: Array, z: Array, k: Array) -> None:
    _scale_maps(z.size, y.data, z.data, k.data, z.shape[1] // k.shape[1], plane(z), z.size)


def scale_maps_dk(dk: Array, dy: Array, z: Array, *, groups: int = 1) -> None:
    _scale_maps_dk(dk.size, dk.data, dy.data, z.data, z.shape[1] // groups, plane(z), dk.size)


def binarize_gradient(y: Array, dy: Array) -> None:
    images, channels = dy.shape[:2]
    maps = Array((images, channels))
    _map_sizes.blocks(images * channels, maps.data, dy.data, plane(dy))
    _binarize_gradient(images * plane(dy), y.data, dy.data, maps.data, channels, plane(dy), images * plane(dy))


KERNELS = {"quantize": quantize, "quantize_weights": quantize_weights, "filter_scales": filter_scales,
           "filter_dot": filter_dot, "scale_filters": scale_filters, "center_weights": center_weights,
           "binary_dw": binary_dw, "hardtan_gate": hardtan_gate, "input_scales": input_scales,
           "input_scales_dx": input_scales_dx, "scale_maps": scale_maps, "scale_maps_dk": scale_maps_dk,
           "binarize_gradient": binarize_gradient}

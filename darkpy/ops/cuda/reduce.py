"""Sums over channels and over rows.

A team is a block whose threads add up what they found in memory they share.  A channel's numbers, spread over all
images, are first summed in parts by many teams, then the parts by one thread for each channel: always in the same
order, so that a result does not vary from run to run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from darkpy.cuda import SIMULATED, TEAM, cuda, device, kernel
from darkpy.ops.cuda.memory import Array

ZERO, INF = np.float32(0), np.float32(np.inf)
CHUNK = 8 if SIMULATED else 4096  # numbers of a plane a team takes at a time
SPLITS = 3 if SIMULATED else 64  # at most so many parts of a channel


@device
def team_result(scratch, t, value, largest):
    """The sum, or the largest, of the values of all threads of the block, for each of them; scratch holds TEAM
    numbers."""
    scratch[t] = value
    cuda.syncthreads()
    width = TEAM // 2
    while width > 0:
        if t < width:
            other = scratch[t + width]
            scratch[t] = max(scratch[t], other) if largest else scratch[t] + other
        cuda.syncthreads()
        width //= 2
    total = scratch[0]
    cuda.syncthreads()
    return total


@device
def team_sum(scratch, t, value):
    return team_result(scratch, t, value, False)


@device
def team_max(scratch, t, value):
    return team_result(scratch, t, value, True)


@kernel("FFiii", TEAM)
def _sums(parts, x, channels, plane, pieces):
    """parts[split, c]: the sum of x in the pieces split, split + splits, ... of channel c; a piece is a chunk of one
    image's plane."""
    scratch = cuda.shared.array(TEAM, np.float32)
    t, c, split = cuda.threadIdx.x, cuda.blockIdx.x, cuda.blockIdx.y
    chunks = (plane + CHUNK - 1) // CHUNK
    total = ZERO
    for piece in range(split, pieces, cuda.gridDim.y):
        image = piece // chunks
        first = (piece - image * chunks) * CHUNK
        at = (image * channels + c) * plane
        for i in range(first + t, min(first + CHUNK, plane), TEAM):
            total += x[at + i]
    total = team_sum(scratch, t, total)
    if t == 0:
        parts[split * channels + c] = total


@kernel("FFFiii", TEAM)
def _squares(parts, x, mean, channels, plane, pieces):
    """The same for (x - mean)^2."""
    scratch = cuda.shared.array(TEAM, np.float32)
    t, c, split = cuda.threadIdx.x, cuda.blockIdx.x, cuda.blockIdx.y
    chunks = (plane + CHUNK - 1) // CHUNK
    m = mean[c]
    total = ZERO
    for piece in range(split, pieces, cuda.gridDim.y):
        image = piece // chunks
        first = (piece - image * chunks) * CHUNK
        at = (image * channels + c) * plane
        for i in range(first + t, min(first + CHUNK, plane), TEAM):
            d = x[at + i] - m
            total += d * d
    total = team_sum(scratch, t, total)
    if t == 0:
        parts[split * channels + c] = total


@kernel("FFFFiii", TEAM)
def _products(parts, dy, x, mean, channels, plane, pieces):
    """The same for dy * (x - mean), and behind all those, for dy."""
    scratch = cuda.shared.array(TEAM, np.float32)
    t, c, split = cuda.threadIdx.x, cuda.blockIdx.x, cuda.blockIdx.y
    chunks = (plane + CHUNK - 1) // CHUNK
    m = mean[c]
    products, total = ZERO, ZERO
    for piece in range(split, pieces, cuda.gridDim.y):
        image = piece // chunks
        first = (piece - image * chunks) * CHUNK
        at = (image * channels + c) * plane
        for i in range(first + t, min(first + CHUNK, plane), TEAM):
            g = dy[at + i]
            total += g
            products += g * (x[at + i] - m)
    products = team_sum(scratch, t, products)
    total = team_sum(scratch, t, total)
    if t == 0:
        parts[split * channels + c] = products
        parts[(cuda.gridDim.y + split) * channels + c] = total


@kernel("FFiiif")
def _gather(y, parts, start, splits, n, factor):
    """y[c] = factor * sum over splits of parts[start + split, c]."""
    for c in range(cuda.grid(1), n, cuda.gridsize(1)):
        total = ZERO
        for k in range(splits):
            total += parts[(start + k) * n + c]
        y[c] = total * factor


@kernel("FFif", TEAM)
def _row_sums(y, x, item, factor):
    scratch = cuda.shared.array(TEAM, np.float32)
    t, row = cuda.threadIdx.x, cuda.blockIdx.x
    total = ZERO
    for i in range(t, item, TEAM):
        total += x[row * item + i]
    total = team_sum(scratch, t, total)
    if t == 0:
        y[row] = total * factor


def layout(x: Array) -> tuple[int, int, int, int]:
    """Channels, plane, pieces and splits of a map or of rows."""
    channels = x.shape[1]
    plane = math.prod(x.shape[2:])
    pieces = x.shape[0] * -(-plane // CHUNK)
    return channels, plane, pieces, min(pieces, SPLITS)


def channel_sums(y: Array, x: Array, factor: float = 1.0) -> None:
    """y (C,) = factor * the sum of each channel (second axis) of x."""
    c, plane, pieces, splits = layout(x)
    parts = Array((splits, c))
    _sums.blocks((c, splits), parts.data, x.data, c, plane, pieces)
    _gather(c, y.data, parts.data, 0, splits, c, np.float32(factor))


def channel_squares(y: Array, x: Array, mean: Array, factor: float) -> None:
    """y (C,) = factor * the sum of (x - mean)^2 of each channel."""
    c, plane, pieces, splits = layout(x)
    parts = Array((splits, c))
    _squares.blocks((c, splits), parts.data, x.data, mean.data, c, plane, pieces)
    _gather(c, y.data, parts.data, 0, splits, c, np.float32(factor))


def channel_products(products: Array, sums: Array, dy: Array, x: Array, mean: Array) -> None:
    """For each channel the sums of dy * (x - mean), and of dy."""
    c, plane, pieces, splits = layout(x)
    parts = Array((2 * splits, c))
    _products.blocks((c, splits), parts.data, dy.data, x.data, mean.data, c, plane, pieces)
    _gather(c, products.data, parts.data, 0, splits, c, np.float32(1))
    _gather(c, sums.data, parts.data, splits, splits, c, np.float32(1))


def row_sums(y: Array, x: Array, item: int, factor: float = 1.0) -> None:
    """Each number of y = factor * the sum of the next `item` numbers of x."""
    _row_sums.blocks(y.size, y.data, x.data, item, np.float32(factor))


def add_parts(y: Array, parts: Array) -> None:
    """y = the sum of the rows of parts."""
    n = parts.shape[1]
    _gather(n, y.data, parts.data, 0, parts.shape[0], n, np.float32(1))


@kernel("IFi")
def _find_bad(found, x, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        if not abs(x[i]) < INF:
            found[0] = 1  # by several threads perhaps, all the same number


@kernel("Iii")
def fill_whole(y, value, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = value


def finite(arrays: Iterable[Array]) -> bool:
    """Whether all numbers of float32 arrays are."""
    found = Array((1,), "int32")
    fill_whole(1, found.data, 0, 1)
    for x in arrays:
        _find_bad(x.size, found.data, x.data, x.size)
    return not found.host()[0]

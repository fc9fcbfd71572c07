"""Activations of the detection heads.  The planes of an entry are contiguous, so all inner loops run along them."""

import math
from functools import cache
from typing import Any

import numpy as np
from numba import carray

from darkpy.jit import njit, prange
from darkpy.ops.cpu.tasks import floats, get_word, ints, task

LOG2_E = np.float32(1 / math.log(2))
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(math.log(2) - 0.693359375)  # the first has few digits: exact n*
LOWEST, HIGHEST = np.float32(-87), np.float32(88)  # where exp leaves the normal numbers
PIECE = 128  # pixels of a map a thread takes at a time
SERIES = tuple(np.float32(1 / math.factorial(k)) for k in range(8))


@njit
def exp(x):
    """e^x to about 1e-7: 2^n * e^r with |r| <= ln(2)/2, e^r by its series.  Unlike the library's it vectorises."""
    x = HIGHEST if x > HIGHEST else LOWEST if x < LOWEST else x
    n = np.floor(x * LOG2_E + np.float32(0.5))
    r = x - n * LN2_HIGH - n * LN2_LOW
    p = SERIES[7]
    p = p * r + SERIES[6]
    p = p * r + SERIES[5]
    p = p * r + SERIES[4]
    p = p * r + SERIES[3]
    p = p * r + SERIES[2]
    p = p * r + SERIES[1]
    p = p * r + SERIES[0]
    power = np.int32((np.int32(n) + 127) << 23).view(np.float32)
    return x if x != x else p * power  # NaN stays


@njit
def logistic(y, x, factor, shift):
    """y = factor * logistic(x) + shift, vectors."""
    one = np.float32(1)
    for i in range(x.size):
        y[i] = factor * (one / (one + exp(-x[i]))) + shift


@njit
def affine(y, x, factor, shift):
    """y = factor * x + shift."""
    for i in range(x.size):
        y[i] = factor * x[i] + shift


@njit
def softmax(y, x, start, stop, a, b, highest, total):
    """Softmax over the entries start to stop of x (entries, n), for its columns a to b; highest, total are scratch.

    Each row is taken as a vector by itself: of a slice along two axes the compiler does not know that it is contiguous.
    """
    highest[:] = x[start, a:b]
    total[:] = 0
    for k in range(start + 1, stop):
        row = x[k, a:b]
        for i in range(row.size):
            highest[i] = row[i] if row[i] > highest[i] else highest[i]
    for k in range(start, stop):
        row, out = x[k, a:b], y[k, a:b]
        for i in range(row.size):
            e = exp(row[i] - highest[i])
            out[i] = e
            total[i] += e
    for i in range(total.size):
        total[i] = np.float32(1) / total[i]
    for k in range(start, stop):
        out = y[k, a:b]
        for i in range(out.size):
            out[i] *= total[i]


@njit(parallel=True)
def _yolo(y, x, entries, factor, shift, logistic_already):
    """y, x (planes, H*W)."""
    one, zero = np.float32(1), np.float32(0)
    for plane in prange(x.shape[0]):
        entry = plane % entries
        if logistic_already or entry == 2 or entry == 3:
            raw = entry >= 2
            affine(y[plane], x[plane], one if raw else factor, zero if raw else shift)
        elif entry < 2:
            logistic(y[plane], x[plane], factor, shift)
        else:
            logistic(y[plane], x[plane], one, zero)


def yolo_activate(y, x, *, anchors, classes, scale_x_y=1.0, new_coords=False):
    planes = (x.shape[0] * x.shape[1], -1)
    shift = np.float32(-(scale_x_y - 1) / 2)
    _yolo(y.reshape(planes), x.reshape(planes), 5 + classes, np.float32(scale_x_y), shift, new_coords)


@njit(parallel=True)
def _region(y, x, coords, first, groups):
    """y, x (N*anchors, entries, H*W): groups of entries from `first` on go through a softmax each, the entries before
    it through the logistic, but for w and h.  Some pixels of the map are one thread's piece of work."""
    n, _, size = x.shape
    one, zero = np.float32(1), np.float32(0)
    pieces = (size + PIECE - 1) // PIECE
    for p in prange(n * pieces):
        i, a = p // pieces, p % pieces * PIECE
        b = min(a + PIECE, size)
        highest, total = np.empty(b - a, np.float32), np.empty(b - a, np.float32)
        for entry in range(first):
            if entry == 2 or entry == 3:
                affine(y[i, entry, a:b], x[i, entry, a:b], one, zero)
            else:
                logistic(y[i, entry, a:b], x[i, entry, a:b], one, zero)
        start = first
        for count in groups:
            softmax(y[i], x[i], start, start + count, a, b, highest, total)
            start += count


@njit(parallel=True)
def _region_logistic(y, x, raw):
    """y, x (N*anchors, entries, H*W): logistic but for w, h and, if it is not 0, the entry `raw`."""
    n, entries, _ = x.shape
    one, zero = np.float32(1), np.float32(0)
    for piece in prange(n * entries):
        i, entry = piece // entries, piece % entries
        if entry == 2 or entry == 3 or (raw and entry == raw):
            affine(y[i, entry], x[i, entry], one, zero)
        else:
            logistic(y[i, entry], x[i, entry], one, zero)


@cache
def softmax_groups() -> Any:
    """Task of plans: softmax in place over each group of entries, for up to PIECE pixels of an anchor: address of
    y (N*anchors, entries, pixels); entries; pixels; first entry of the first group; address of the groups' sizes, and
    how many."""

    @task
    def softmax_groups(t, thread, p):
        y, entries, size, start, groups, count = ints(p, 0, 6)
        pieces = (size + PIECE - 1) // PIECE
        i, a = t // pieces, t % pieces * PIECE
        b = min(a + PIECE, size)
        highest, total = np.empty(b - a, np.float32), np.empty(b - a, np.float32)
        planes = carray(floats(y + i * entries * size * 4), (entries, size))
        for g in range(count):
            stop = start + get_word(groups + g * 8)
            softmax(planes, planes, start, stop, a, b, highest, total)
            start = stop

    return softmax_groups


def region_activate(y, x, *, anchors, coords, classes, softmax_classes, background, groups=()):
    n, _, h, w = x.shape
    entries = coords + 1 + classes
    shape = (n * anchors, entries, h * w)
    if groups or softmax_classes:
        first = coords if background and softmax_classes else coords + 1
        sizes = np.array(groups or (entries - first,), np.int64)
        _region(y.reshape(shape), x.reshape(shape), coords, first, sizes)
    else:
        _region_logistic(y.reshape(shape), x.reshape(shape), coords if background else 0)


KERNELS = {"yolo_activate": yolo_activate, "region_activate": region_activate}

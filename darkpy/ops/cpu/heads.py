"""Activations of the detection heads.  The planes of an entry are contiguous, so all inner loops run along them."""

import math
from functools import cache
from typing import Any

import numpy as np
from numba import types

from darkpy.jit import intrinsic, njit, prange
from darkpy.ops.cpu.functions import Functions
from darkpy.ops.cpu.tasks import arguments, get_word, ints, run, task
from darkpy.ops.cpu.vector import LANES

LOG2_E = np.float32(1 / math.log(2))
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(math.log(2) - 0.693359375)  # the first has few digits: exact n*
LOWEST, HIGHEST = np.float32(-87), np.float32(88)  # where exp leaves the normal numbers
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


@intrinsic
def softmax_columns(context, address, row, rows, columns):
    """Softmax, in place, over each of the first `columns` of a matrix of `rows` rows, `row` bytes apart; at most 16
    columns are done, however many there are."""

    def generate(cx, builder, _, args):
        address, row, rows, columns = args
        f = Functions(builder)
        mask, one = f.below(columns), f.constant(1)

        def at(k: Any) -> Any:
            return builder.add(address, builder.mul(k, row))

        def power(k: Any, total: list[Any]) -> list[Any]:
            y = f.exp(builder.fsub(f.load_some(at(k), mask), highest))
            f.store_some(y, at(k), mask)
            return [builder.fadd(total[0], y)]

        def scale(k: Any, _: list[Any]) -> list[Any]:
            f.store_some(builder.fmul(f.load_some(at(k), mask), share), at(k), mask)
            return []

        (highest,) = f.loop(rows, [f.load_some(address, mask)], lambda k, best: [
            f.larger(f.load_some(at(k), mask), best[0])])
        (total,) = f.loop(rows, [f.constant(0)], power)
        share = builder.fdiv(one, total)
        f.loop(rows, [], scale)
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


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
def _region(y, x, background, first):
    """y, x (N*anchors, entries, H*W): logistic but for w, h, the entry `background` (0: none) and those from `first`
    on, which are copied."""
    n, entries, _ = x.shape
    one, zero = np.float32(1), np.float32(0)
    for piece in prange(n * entries):
        i, entry = piece // entries, piece % entries
        if entry == 2 or entry == 3 or entry >= first or (background and entry == background):
            affine(y[i, entry], x[i, entry], one, zero)
        else:
            logistic(y[i, entry], x[i, entry], one, zero)


@cache
def softmax_groups() -> Any:
    """Task: softmax in place over each group of entries, for 16 pixels of an anchor: address of y (N*anchors, entries,
    pixels); entries; pixels; first entry of the first group; address of the groups' sizes, and how many."""

    @task
    def softmax_groups(t, thread, p):
        y, entries, size, start, groups, count = ints(p, 0, 6)
        pieces = (size + LANES - 1) // LANES
        i, a = t // pieces, t % pieces * LANES
        column = y + (i * entries * size + a) * 4
        for g in range(count):
            rows = get_word(groups + g * 8)
            softmax_columns(column + start * size * 4, size * 4, rows, size - a)
            start += rows

    return softmax_groups


def region_activate(y, x, *, anchors, coords, classes, softmax_classes, background, groups=()):
    n, _, h, w = x.shape
    entries = coords + 1 + classes
    size = h * w
    shape = (n * anchors, entries, size)
    first, sizes = entries, np.zeros(0, np.int64)
    if groups or softmax_classes:
        first = coords if background and softmax_classes else coords + 1
        sizes = np.array(groups or (entries - first,), np.int64)
    _region(y.reshape(shape), x.reshape(shape), coords if background else 0, first)
    if len(sizes):
        slots = arguments(y.ctypes.data, entries, size, first, sizes.ctypes.data, len(sizes))
        run(n * anchors * -(-size // LANES), softmax_groups().address, slots.ctypes.data)


KERNELS = {"yolo_activate": yolo_activate, "region_activate": region_activate}

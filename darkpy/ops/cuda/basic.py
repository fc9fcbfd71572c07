"""Views, moves and elementwise arithmetic.

A view of some columns is the one kind of array whose rows do not lie close together; `dense` copies it where an op
wants them to, and what copies rows takes it as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from darkpy.cuda import cuda, kernel
from darkpy.ops.cuda.memory import Array, upload
from darkpy.ops.cuda.reduce import channel_sums
from darkpy.ops.spec import Shape

ONE = np.float32(1)


@kernel("FFiiiif")
def _rows(y, x, ys, xs, item, n, keep):
    """y = keep * y + x for n numbers in rows of `item`, ys and xs apart."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        row = i // item
        at = i - row * item
        k = row * ys + at
        v = x[row * xs + at]
        y[k] = v if keep == 0 else y[k] + v


@kernel("Ffi")
def _fill(y, value, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = value


@kernel("FFFi")
def _add(y, a, b, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = a[i] + b[i]


@kernel("FFFi")
def _mul(y, a, b, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = a[i] * b[i]


@kernel("FFfi")
def _scale(y, x, factor, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = x[i] * factor


@kernel("FFFFi")
def _mix(y, z, a, b, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = z[i] * a[i] + (ONE - z[i]) * b[i]


@kernel("FFFiii")
def _add_bias(y, x, b, channels, size, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = x[i] + b[(i // size) % channels]


@kernel("FFffi")
def _mask(y, draws, probability, value, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = value if draws[i] >= probability else np.float32(0)


def copy_rows(y: Array, x: Array, add: bool = False) -> None:
    """y = x, or y += x, where either may be a view of columns; both hold as many numbers in as many rows."""
    n = x.size
    if y.dense and x.dense:
        _rows(n, y.data, x.data, n, n, max(n, 1), n, np.float32(add))
    else:
        _rows(n, y.data, x.data, y.pitch, x.pitch, x.item, n, np.float32(add))


def dense(x: Array) -> Array:
    """x itself, or a copy of a view whose rows are apart."""
    if x.dense:
        return x
    y = Array(x.shape)
    copy_rows(y, x)
    return y


def reshape(x: Array, *, shape: Shape) -> Array:
    return dense(x).view((x.shape[0], *shape))


def rows(x: Array, *, start: int, stop: int) -> Array:
    return x.view((stop - start, *x.shape[1:]), start * x.pitch, x.pitch)


def columns(x: Array, *, start: int, stop: int) -> Array:
    one = x.item // x.shape[1]
    return x.view((x.shape[0], stop - start, *x.shape[2:]), start * one, x.pitch)


def concat(y: Array, *xs: Array, axis: int = 1) -> None:
    at = 0
    for x in xs:
        part = rows if axis == 0 else columns
        copy_rows(part(y, start=at, stop=at + x.shape[axis]), x)
        at += x.shape[axis]


def fill(y: Array, value: float) -> None:
    _fill(y.size, y.data, np.float32(value), y.size)


def zeros(y: Array, x: Array, *, shape: Shape) -> None:
    fill(y, 0)


def assign(target: Array, x: Array) -> None:
    copy_rows(target, x)


def add_to(target: Array, x: Array) -> None:
    copy_rows(target, x, add=True)


def add(y: Array, a: Array, b: Array) -> None:
    _add(y.size, y.data, a.data, b.data, y.size)


def mul(y: Array, a: Array, b: Array) -> None:
    _mul(y.size, y.data, a.data, b.data, y.size)


def scale(y: Array, x: Array, *, factor: float) -> None:
    _scale(y.size, y.data, x.data, np.float32(factor), y.size)


def mix(y: Array, z: Array, a: Array, b: Array) -> None:
    _mix(y.size, y.data, z.data, a.data, b.data, y.size)


def plane(x: Array) -> int:
    """Numbers of one channel of one image."""
    return x.item // x.shape[1]


def add_bias(y: Array, x: Array, b: Array) -> None:
    _add_bias(y.size, y.data, x.data, b.data, x.shape[1], plane(x), y.size)


def bias_db(db: Array, dy: Array) -> None:
    channel_sums(db, dy)


def dropout_mask(y: Array, x: Array, *, random: np.random.Generator, probability: float) -> None:
    # the draws are the host's, so that a training drops the same numbers on every device
    draws = upload(random.random(x.shape, np.float32))
    value = 1 / (1 - probability) if probability < 1 else 0
    _mask(y.size, y.data, draws.data, np.float32(probability), np.float32(value), y.size)


VIEWS: dict[str, Any] = {"reshape": reshape, "rows": rows, "columns": columns}
KERNELS = {"concat": concat, "zeros": zeros, "assign": assign, "add_to": add_to, "add": add, "mul": mul, "scale": scale,
           "mix": mix, "add_bias": add_bias, "bias_db": bias_db, "dropout_mask": dropout_mask}

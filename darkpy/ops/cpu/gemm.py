"""Products of rows with a matrix of weights: the implicit products of convolutions, with rows in place of maps.

With few rows the weights are read for hardly any arithmetic, and packing them costs more than it gains: then NumPy's.
"""

import numpy as np

from darkpy.ops.cpu import implicit, implicit_dw

FEW = 12  # rows


def as_map(matrix):
    """A matrix (C, n) as the one map of a batch: C channels of n pixels in a row."""
    return matrix[None, :, None, :]


def product(y, a, b, step):
    """y (M, n) <- A @ b, b (K, n), A[m, k] = a.flat[k * step[0] + m * step[1]]."""
    b = as_map(b)
    windows = implicit.conv_windows(b, (1, b.shape[3]), 1, (1, 1), 0, 1)
    places = np.arange(b.shape[1]) * step[0]
    implicit.multiply(as_map(y), b, a, windows, (places, step[1]), len(y), (0, y.strides[0], 4))


def linear(y, x, w):
    if len(x) < FEW:
        np.matmul(x, w.T, out=y)
        return
    x, w = as_map(np.ascontiguousarray(x)), as_map(np.ascontiguousarray(w))
    implicit_dw.sum_windows(y, x, w, implicit.conv_windows(w, (1, w.shape[3]), 1, (1, 1), 0, 1))


def linear_dx(dx, dy, w):
    if len(dy) < FEW:
        np.matmul(dy, w, out=dx)
    else:
        product(dx, np.ascontiguousarray(dy), np.ascontiguousarray(w), (1, dy.shape[1]))


def linear_dw(dw, dy, x):
    if len(dy) < FEW:
        np.matmul(dy.T, x, out=dw)
    else:
        product(dw, np.ascontiguousarray(dy), np.ascontiguousarray(x), (dy.shape[1], 1))


KERNELS = {"linear": linear, "linear_dx": linear_dx, "linear_dw": linear_dw}

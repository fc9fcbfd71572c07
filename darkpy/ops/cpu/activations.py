"""Activations: one pass over memory, in parallel."""

import numpy as np

from darkpy.jit import njit, prange
from darkpy.ops.reference import activations as reference

BLOCK = 1 << 14  # numbers a thread takes at a time: 64 kB, half of a usual first-level cache pair
SLOPES = {"linear": 1.0, "leaky": 0.1, "relu": 0.0, "relie": 0.01}  # y = x for x > 0, else slope * x


@njit(parallel=True)
def rectify(y, x, slope):
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        source, target = x[block * BLOCK : (block + 1) * BLOCK], y[block * BLOCK : (block + 1) * BLOCK]
        for i in range(source.size):
            v = source[i]
            target[i] = v if v > 0 else slope * v


@njit(parallel=True)
def logistic(y, x):
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        source, target = x[block * BLOCK : (block + 1) * BLOCK], y[block * BLOCK : (block + 1) * BLOCK]
        for i in range(source.size):
            target[i] = np.float32(1) / (np.float32(1) + np.exp(-source[i]))


def activation(y, x, *, kind):
    if kind == "linear":
        np.copyto(y, x)
    elif kind in SLOPES:
        rectify(y.reshape(-1), x.reshape(-1), np.float32(SLOPES[kind]))
    elif kind == "logistic":
        logistic(y.reshape(-1), x.reshape(-1))
    else:
        y[...] = reference.activation(x, kind=kind)


@njit(parallel=True)
def rectify_dx(dx, dy, y, slope):
    for block in prange((y.size + BLOCK - 1) // BLOCK):
        some = slice(block * BLOCK, (block + 1) * BLOCK)
        target, d, out = dx[some], dy[some], y[some]
        for i in range(out.size):
            target[i] = d[i] * (np.float32(1) if out[i] > 0 else slope)


def activation_dx(dx, dy, y, x, *, kind):
    if kind == "linear":
        np.copyto(dx, dy)
    elif kind in SLOPES:
        rectify_dx(dx.reshape(-1), dy.reshape(-1), y.reshape(-1), np.float32(SLOPES[kind]))
    else:
        dx[...] = reference.activation_dx(dy, y, x, kind=kind)


KERNELS = {"activation": activation, "activation_dx": activation_dx}

"""Activations: one pass over memory, in parallel."""

from functools import cache
from typing import Any

import numpy as np

from darkpy.jit import njit, prange
from darkpy.ops.cpu.functions import FUNCTIONS, function
from darkpy.ops.cpu.tasks import arguments, call, ints, run, task
from darkpy.ops.cpu.vector import BYTES, LANES
from darkpy.ops.reference import activations as reference
from darkpy.ops.spec import SLOPES

CHUNK = 1 << 10  # vectors
BLOCK = CHUNK * LANES  # numbers a thread takes at a time: 64 kB, half of a usual first-level cache pair


@njit(parallel=True)
def rectify(y, x, slope):
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        source, target = x[block * BLOCK : (block + 1) * BLOCK], y[block * BLOCK : (block + 1) * BLOCK]
        for i in range(source.size):
            v = source[i]
            target[i] = v if v > 0 else slope * v


@cache
def chunk() -> Any:
    """16384 numbers: addresses of y and x, vectors, the function."""

    @task
    def chunk(t, thread, p):
        y, x, vectors, function = ints(p, 0, 4)
        first = t * CHUNK
        call(function, (y + first * BYTES, x + first * BYTES, min(CHUNK, vectors - first)))

    return chunk


def apply(y, x, kind):
    """y <- function of x, both flat."""
    address = function(kind).address
    whole = x.size // LANES
    if whole:
        slots = arguments(y.ctypes.data, x.ctypes.data, whole, address)
        run(-(-whole // CHUNK), chunk().address, slots.ctypes.data)
    if rest := x.size - whole * LANES:
        last = np.zeros(LANES, np.float32)
        last[:rest] = x[-rest:]
        slots = arguments(last.ctypes.data, last.ctypes.data, 1, address)
        run(1, chunk().address, slots.ctypes.data)
        y[-rest:] = last[:rest]


def activation(y, x, *, kind):
    if kind == "linear":
        np.copyto(y, x)
    elif kind in SLOPES:
        rectify(y.reshape(-1), x.reshape(-1), np.float32(SLOPES[kind]))
    elif kind in FUNCTIONS:
        apply(y.reshape(-1), x.reshape(-1), kind)
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

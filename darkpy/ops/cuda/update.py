"""Steps of the optimizers."""

from __future__ import annotations

import numpy as np

from darkpy.cuda import cuda, kernel, sqrt
from darkpy.ops.cuda.memory import Array

ONE = np.float32(1)


@kernel("FFFfffi")
def _sgd(w, velocity, grad, rate, momentum, decay, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        v = momentum * velocity[i] + grad[i] + decay * w[i]
        velocity[i] = v
        w[i] -= rate * v


@kernel("FFFFfffffffi")
def _adam(w, m, v, grad, rate, b1, b2, eps, decay, m_scale, v_scale, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        g = grad[i] + decay * w[i]
        first = b1 * m[i] + (ONE - b1) * g
        second = b2 * v[i] + (ONE - b2) * g * g
        m[i], v[i] = first, second
        w[i] -= rate * (first * m_scale) / (sqrt(second * v_scale) + eps)


@kernel("Ffi")
def _clamp(w, limit, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        if w[i] > limit:
            w[i] = limit
        elif w[i] < -limit:
            w[i] = -limit


def sgd_update(w: Array, velocity: Array, grad: Array, *, rate: float, momentum: float, decay: float) -> None:
    _sgd(w.size, w.data, velocity.data, grad.data, np.float32(rate), np.float32(momentum), np.float32(decay), w.size)


def adam_update(w: Array, m: Array, v: Array, grad: Array, *, rate: float, b1: float, b2: float, eps: float,
                decay: float, step: int) -> None:
    numbers = (rate, b1, b2, eps, decay, 1 / (1 - b1**step), 1 / (1 - b2**step))
    _adam(w.size, w.data, m.data, v.data, grad.data, *map(np.float32, numbers), w.size)


def clamp(w: Array, *, limit: float) -> None:
    _clamp(w.size, w.data, np.float32(limit), w.size)


KERNELS = {"sgd_update": sgd_update, "adam_update": adam_update, "clamp": clamp}

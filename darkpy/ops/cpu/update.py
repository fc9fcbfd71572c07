"""Steps of the optimizers in one pass over memory; they write to the parameter and the optimizer's memory of it."""

import numpy as np

from darkpy.jit import njit, prange
from darkpy.ops.reference import update as reference

BLOCK = 1 << 13  # numbers a thread takes at a time


@njit(parallel=True)
def descend(w, velocity, grad, rate, momentum, decay):
    for block in prange((w.size + BLOCK - 1) // BLOCK):
        some = slice(block * BLOCK, (block + 1) * BLOCK)
        target, v, g = w[some], velocity[some], grad[some]
        for i in range(target.size):
            step = v[i] * momentum + g[i] + target[i] * decay
            v[i] = step
            target[i] -= step * rate


def sgd_update(w, velocity, grad, *, rate, momentum, decay):
    if not (w.flags.c_contiguous and velocity.flags.c_contiguous):
        reference.sgd_update(w, velocity, grad, rate=rate, momentum=momentum, decay=decay)
        return
    descend(w.reshape(-1), velocity.reshape(-1), grad.reshape(-1), np.float32(rate), np.float32(momentum),
            np.float32(decay))


@njit(parallel=True)
def adam(w, m, v, grad, rate, b1, b2, eps, decay, one, two):
    for block in prange((w.size + BLOCK - 1) // BLOCK):
        some = slice(block * BLOCK, (block + 1) * BLOCK)
        target, mean, square, gradient = w[some], m[some], v[some], grad[some]
        for i in range(target.size):
            g = gradient[i] + target[i] * decay
            mean[i] = mean[i] * b1 + (np.float32(1) - b1) * g
            square[i] = square[i] * b2 + (np.float32(1) - b2) * g * g
            target[i] -= rate * (mean[i] / one) / (np.sqrt(square[i] / two) + eps)


def adam_update(w, m, v, grad, *, rate, b1, b2, eps, decay, step):
    if not all(a.flags.c_contiguous for a in (w, m, v)):
        reference.adam_update(w, m, v, grad, rate=rate, b1=b1, b2=b2, eps=eps, decay=decay, step=step)
        return
    numbers = (np.float32(x) for x in (rate, b1, b2, eps, decay, 1 - b1**step, 1 - b2**step))
    adam(w.reshape(-1), m.reshape(-1), v.reshape(-1), grad.reshape(-1), *numbers)


KERNELS = {"sgd_update": sgd_update, "adam_update": adam_update}

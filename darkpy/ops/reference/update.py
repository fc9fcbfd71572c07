"""Steps of the optimizers."""

import numpy as np

__all__ = ["adam_update", "clamp", "sgd_update"]


def sgd_update(w, velocity, grad, *, rate, momentum, decay):
    velocity *= momentum
    velocity += grad
    if decay:
        velocity += w * w.dtype.type(decay)
    w -= velocity * w.dtype.type(rate)


def adam_update(w, m, v, grad, *, rate, b1, b2, eps, decay, step):
    grad = grad + w * w.dtype.type(decay)
    m *= b1
    m += (1 - b1) * grad
    v *= b2
    v += (1 - b2) * grad * grad
    w -= rate * (m / (1 - b1**step)) / (np.sqrt(v / (1 - b2**step)) + eps)


def clamp(w, *, limit):
    np.clip(w, -limit, limit, out=w)

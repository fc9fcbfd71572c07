"""Views, moves and elementwise arithmetic."""

import numpy as np

__all__ = ["add", "add_bias", "add_to", "assign", "bias_db", "columns", "concat", "dropout_mask", "mix", "mul",
           "reshape", "rows", "scale", "zeros"]


def reshape(x, *, shape):
    return x.reshape(x.shape[0], *shape)


def rows(x, *, start, stop):
    return x[start:stop]


def columns(x, *, start, stop):
    return x[:, start:stop]


def concat(*xs, axis=1):
    return np.concatenate(xs, axis)


def zeros(x, *, shape):
    return np.zeros(shape, x.dtype)


def assign(target, x):
    target[...] = x


def add_to(target, x):
    target += x


def add(a, b):
    return a + b


def mul(a, b):
    return a * b


def scale(x, *, factor):
    return x * x.dtype.type(factor)


def mix(z, a, b):
    return z * a + (1 - z) * b


def per_channel(b, x):
    """b (C,) shaped to broadcast along the second axis of x."""
    return b.reshape((1, -1) + (1,) * (x.ndim - 2))


def add_bias(x, b):
    return x + per_channel(b, x)


def bias_db(dy):
    return dy.sum(axis=(0, *range(2, dy.ndim)))


def dropout_mask(x, *, random, probability):
    kept = random.random(x.shape, np.float32) >= probability
    return kept * x.dtype.type(1 / (1 - probability) if probability < 1 else 0)

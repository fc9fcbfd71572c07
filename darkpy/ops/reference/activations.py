"""Darknet's activation functions and their derivatives.

Darknet takes most derivatives from the output y = f(x); so do we.  Where a function jumps or bends, its choice there
is kept (`hardtan` has gradient 0 at its ends, `stair` wherever the output is a whole number).
"""

from collections.abc import Callable

import numpy as np

__all__ = ["activation", "activation_dx", "logistic_dx"]

SELU, SELU_ALPHA = 1.0507, 1.0507 * 1.6732  # the original's rounding of the constants of Klambauer et al., 2017
MISH_LINEAR = 20.0  # beyond it softplus(x) = x in float32


def logistic(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.where(x > MISH_LINEAR, x, np.log1p(np.exp(np.minimum(x, MISH_LINEAR))))


def stair(x):
    n = np.floor(x)
    half = np.floor(x / 2)
    return np.where(n % 2 == 0, half, (x - n) + half)


def gelu_inner(x):
    return 0.797885 * x + 0.035677 * x**3


Function = Callable[[np.ndarray], np.ndarray]
FORWARD: dict[str, Function] = {
    "linear": lambda x: x.copy(),
    "logistic": logistic,
    "loggy": lambda x: 2 * logistic(x) - 1,
    "relu": lambda x: np.where(x > 0, x, x * 0),  # keeps NaN
    "elu": lambda x: np.where(x >= 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: np.where(x >= 0, SELU * x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
    "relie": lambda x: np.where(x > 0, x, 0.01 * x),
    "ramp": lambda x: np.where(x > 0, x, x * 0) + 0.1 * x,
    "leaky": lambda x: np.where(x > 0, x, 0.1 * x),
    "tanh": np.tanh,
    "plse": lambda x: np.where(x < -4, 0.01 * (x + 4), np.where(x > 4, 0.01 * (x - 4) + 1, 0.125 * x + 0.5)),
    "hardtan": lambda x: np.clip(x, -1, 1),
    "lhtan": lambda x: np.where(x < 0, 0.001 * x, np.where(x > 1, 0.001 * (x - 1) + 1, x)),
    "stair": stair,
    "swish": lambda x: x * logistic(x),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "hard_mish": lambda x: np.where(x > 0, x, np.where(x > -2, x * x / 2 + x, 0 * x)),
    "relu6": lambda x: np.clip(x, 0, 6),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(gelu_inner(x))),
    "sign": lambda x: np.where(x >= 0, 1.0, -1.0),
}


def mish_slope(x):
    t = np.tanh(softplus(x))
    return t + x * logistic(x) * (1 - t * t)


def gelu_slope(x):
    t = np.tanh(gelu_inner(x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (0.797885 + 3 * 0.035677 * x * x)


OF_OUTPUT: dict[str, Function] = {  # derivative as a function of y
    "linear": np.ones_like,
    "logistic": lambda y: y * (1 - y),
    "loggy": lambda y: 2 * (y + 1) / 2 * (1 - (y + 1) / 2),
    "relu": lambda y: (y > 0) * 1.0,
    "elu": lambda y: np.where(y >= 0, 1.0, y + 1),
    "selu": lambda y: np.where(y >= 0, SELU, y + SELU_ALPHA),
    "relie": lambda y: np.where(y > 0, 1.0, 0.01),
    "ramp": lambda y: (y > 0) + 0.1,
    "leaky": lambda y: np.where(y > 0, 1.0, 0.1),
    "tanh": lambda y: 1 - y * y,
    "plse": lambda y: np.where((y < 0) | (y > 1), 0.01, 0.125),
    "hardtan": lambda y: (np.abs(y) < 1) * 1.0,
    "lhtan": lambda y: np.where((y > 0) & (y < 1), 1.0, 0.001),
    "stair": lambda y: (np.floor(y) != y) * 1.0,
    "relu6": lambda y: ((y > 0) & (y < 6)) * 1.0,
}
OF_INPUT: dict[str, Function] = {  # derivative as a function of x
    "swish": lambda x: logistic(x) * (1 + x * (1 - logistic(x))),
    "mish": mish_slope,
    "hard_mish": lambda x: np.where(x > 0, 1.0, np.where(x > -2, x + 1, 0.0)),
    "gelu": gelu_slope,
    "sign": lambda x: (np.abs(x) <= 1) * 1.0,  # straight through, as in XNOR-Net: no derivative of the step
}


def activation(x, *, kind):
    with np.errstate(over="ignore", invalid="ignore"):
        return FORWARD[kind](x).astype(x.dtype, copy=False)


def activation_dx(dy, y, x, *, kind):
    with np.errstate(over="ignore", invalid="ignore"):
        slope = OF_OUTPUT[kind](y) if kind in OF_OUTPUT else OF_INPUT[kind](x)
        return (dy * slope).astype(dy.dtype, copy=False)


def logistic_dx(dy, y):
    return dy * y * (1 - y)

"""Darknet's activation functions on the device: one kernel for all, the function a number."""

from __future__ import annotations

import numpy as np

from darkpy.cuda import cuda, device, exp, expm1, floor, kernel, log1p, tanh
from darkpy.ops.cuda.memory import Array
from darkpy.ops.spec import ACTIVATIONS

KIND = {name: i for i, name in enumerate(ACTIVATIONS)}
(LOGISTIC, LOGGY, RELU, ELU, SELU, RELIE, PLSE, HARDTAN, LHTAN, LINEAR, RAMP, LEAKY, TANH, STAIR, SWISH, MISH,
 HARD_MISH, RELU6, GELU, SIGN) = range(len(ACTIVATIONS))

F = np.float32
ZERO, ONE, HALF, TWO = F(0), F(1), F(0.5), F(2)
FOUR, SIX, TENTH, HUNDREDTH, THOUSANDTH, EIGHTH, TWENTY = F(4), F(6), F(0.1), F(0.01), F(0.001), F(0.125), F(20)
SELU_SCALE, SELU_ALPHA = F(1.0507), F(1.0507 * 1.6732)
GELU_A, GELU_B, GELU_3B = F(0.797885), F(0.035677), F(3 * 0.035677)


@device
def logistic(x):
    return ONE / (ONE + exp(-x))


@device
def softplus(x):
    return x if x > TWENTY else log1p(exp(x))


@device
def stair(x):
    n = floor(x)
    half = floor(x * HALF)
    return half if n == half * TWO else (x - n) + half


@device
def activate(x, kind):
    if kind == LEAKY:
        return x if x > ZERO else TENTH * x
    if kind == LINEAR:
        return x
    if kind == LOGISTIC:
        return logistic(x)
    if kind == LOGGY:
        return TWO * logistic(x) - ONE
    if kind == RELU:
        return x if x > ZERO else x * ZERO  # keeps NaN
    if kind == ELU:
        return x if x >= ZERO else expm1(x)
    if kind == SELU:
        return SELU_SCALE * x if x >= ZERO else SELU_ALPHA * expm1(x)
    if kind == RELIE:
        return x if x > ZERO else HUNDREDTH * x
    if kind == RAMP:
        return (x if x > ZERO else x * ZERO) + TENTH * x
    if kind == TANH:
        return tanh(x)
    if kind == PLSE:
        return (HUNDREDTH * (x + FOUR) if x < -FOUR else HUNDREDTH * (x - FOUR) + ONE if x > FOUR
                else EIGHTH * x + HALF)
    if kind == HARDTAN:
        return -ONE if x < -ONE else ONE if x > ONE else x
    if kind == LHTAN:
        return THOUSANDTH * x if x < ZERO else THOUSANDTH * (x - ONE) + ONE if x > ONE else x
    if kind == STAIR:
        return stair(x)
    if kind == SWISH:
        return x * logistic(x)
    if kind == MISH:
        return x * tanh(softplus(x))
    if kind == HARD_MISH:
        return x if x > ZERO else x * x * HALF + x if x > -TWO else ZERO * x
    if kind == RELU6:
        return ZERO if x < ZERO else SIX if x > SIX else x
    if kind == SIGN:
        return ONE if x >= ZERO else -ONE
    return HALF * x * (ONE + tanh(GELU_A * x + GELU_B * x * x * x))


@device
def slope(y, x, kind):
    """The derivative at x where f(x) = y."""
    if kind == LEAKY:
        return ONE if y > ZERO else TENTH
    if kind == LINEAR:
        return ONE
    if kind == LOGISTIC:
        return y * (ONE - y)
    if kind == LOGGY:
        return TWO * (y + ONE) * HALF * (ONE - (y + ONE) * HALF)
    if kind == RELU:
        return ONE if y > ZERO else ZERO
    if kind == ELU:
        return ONE if y >= ZERO else y + ONE
    if kind == SELU:
        return SELU_SCALE if y >= ZERO else y + SELU_ALPHA
    if kind == RELIE:
        return ONE if y > ZERO else HUNDREDTH
    if kind == RAMP:
        return (ONE if y > ZERO else ZERO) + TENTH
    if kind == TANH:
        return ONE - y * y
    if kind == PLSE:
        return HUNDREDTH if y < ZERO or y > ONE else EIGHTH
    if kind == HARDTAN:
        return ONE if -ONE < y < ONE else ZERO
    if kind == LHTAN:
        return ONE if ZERO < y < ONE else THOUSANDTH
    if kind == STAIR:
        return ONE if floor(y) != y else ZERO
    if kind == SWISH:
        p = logistic(x)
        return p * (ONE + x * (ONE - p))
    if kind == MISH:
        t = tanh(softplus(x))
        return t + x * logistic(x) * (ONE - t * t)
    if kind == HARD_MISH:
        return ONE if x > ZERO else x + ONE if x > -TWO else ZERO
    if kind == RELU6:
        return ONE if ZERO < y < SIX else ZERO
    if kind == SIGN:
        return ONE if abs(x) <= ONE else ZERO
    t = tanh(GELU_A * x + GELU_B * x * x * x)
    return HALF * (ONE + t) + HALF * x * (ONE - t * t) * (GELU_A + GELU_3B * x * x)


@kernel("FFii")
def _activation(y, x, kind, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = activate(x[i], kind)


@kernel("FFFFii")
def _activation_dx(dx, dy, y, x, kind, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        dx[i] = dy[i] * slope(y[i], x[i], kind)


@kernel("FFFi")
def _logistic_dx(dx, dy, y, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        dx[i] = dy[i] * y[i] * (ONE - y[i])


def activation(y: Array, x: Array, *, kind: str) -> None:
    _activation(x.size, y.data, x.data, KIND[kind], x.size)


def activation_dx(dx: Array, dy: Array, y: Array, x: Array, *, kind: str) -> None:
    _activation_dx(x.size, dx.data, dy.data, y.data, x.data, KIND[kind], x.size)


def logistic_dx(dx: Array, dy: Array, y: Array) -> None:
    _logistic_dx(dy.size, dx.data, dy.data, y.data, dy.size)


KERNELS = {"activation": activation, "activation_dx": activation_dx, "logistic_dx": logistic_dx}

"""Losses on rows of numbers: gradient and error of each number, then their sum."""

from __future__ import annotations

import numpy as np

from darkpy.cuda import cuda, kernel, log
from darkpy.ops.cuda.memory import Array
from darkpy.ops.cuda.reduce import channel_sums
from darkpy.ops.spec.loss import SECRET as _SECRET

ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)
SECRET, TINY, SMALL = np.float32(_SECRET), np.finfo(np.float32).tiny, np.float32(1e-7)
KINDS = ("sse", "masked", "smooth", "L1", "seg", "wgan")
SSE, MASKED, SMOOTH, L1, SEG, WGAN = range(6)


@kernel("FFFFii")
def _softmax_loss(dx, error, p, truth, masked, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        t = truth[i]
        known = not (masked and t == SECRET)
        dx[i] = p[i] - t if known else ZERO
        error[i] = -log(max(p[i], TINY)) if known and t != ZERO else ZERO


@kernel("FFFFi")
def _logistic_loss(dx, error, p, truth, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        t = truth[i]
        dx[i] = p[i] - t
        error[i] = -t * log(p[i] + SMALL) - (ONE - t) * log(ONE - p[i] + SMALL)


@kernel("FFFFiffffi")
def _cost_loss(dx, error, x, truth, kind, noobj, least, smooth, share, n):
    """`share`: what of `smooth` each number of the truth gets; gradients below `least` are cleared."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        t = truth[i]
        if smooth != ZERO:
            t = t * (ONE - smooth) + share
        d = t - x[i]
        g, e = -d, d * d
        if kind == SMOOTH and abs(d) >= ONE:
            g, e = -ONE if d > ZERO else ONE, TWO * abs(d) - ONE
        elif kind == L1:
            g, e = -ONE if d > ZERO else ONE, abs(d)
        elif kind == WGAN:
            g, e = (-ONE, -x[i]) if t > ZERO else (ONE, x[i])
        elif kind == SEG and t == ZERO:
            g, e = g * noobj, e * noobj
        elif kind == MASKED and t == SECRET:
            g, e = ZERO, ZERO
        dx[i] = ZERO if abs(g) < least else g
        error[i] = e


def total(cost: Array, error: Array) -> None:
    channel_sums(cost, error.view((1, 1, error.size)))


def softmax_loss(dx: Array, cost: Array, p: Array, truth: Array, *, masked: bool) -> None:
    error = Array(p.shape)
    _softmax_loss(p.size, dx.data, error.data, p.data, truth.data, int(masked), p.size)
    total(cost, error)


def logistic_loss(dx: Array, cost: Array, p: Array, truth: Array) -> None:
    error = Array(p.shape)
    _logistic_loss(p.size, dx.data, error.data, p.data, truth.data, p.size)
    total(cost, error)


def cost_loss(dx: Array, error: Array, cost: Array, x: Array, truth: Array, *, kind: str, noobj: float = 1.0,
              thresh: float = 0.0, smooth: float = 0.0) -> None:
    n = truth.shape[1]
    numbers = map(np.float32, (noobj, thresh / n, smooth, smooth / n))
    _cost_loss(x.size, dx.data, error.data, x.data, truth.data, KINDS.index(kind), *numbers, x.size)
    total(cost, error)


KERNELS = {"softmax_loss": softmax_loss, "logistic_loss": logistic_loss, "cost_loss": cost_loss}

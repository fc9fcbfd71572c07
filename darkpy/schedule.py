"""The learning rate by number of batches seen: the `policy` of [net], after a warm-up of `burn_in` batches.

Two habits of the original are kept, so that a cfg trains as it always did.  `power` serves both the warm-up and
policy=poly.  And policy=sigmoid, rate / (1 + exp(gamma * (batch - step))), takes the difference as an unsigned
number there: before batch `step` it is huge, and the rate is 0 (gamma > 0) or the full rate (gamma < 0).
"""

from __future__ import annotations

import math

import numpy as np

from darkpy.netconfig import NetConfig

UNSIGNED = 2.0**64  # what a difference below zero is counted from


def rate(c: NetConfig, batch: int, random: np.random.Generator | None = None) -> float:
    """Learning rate of an update at batch number `batch` (images seen // (batch * time_steps), from 0)."""
    with np.errstate(over="ignore", invalid="ignore"):
        if batch < c.burn_in:
            return c.learning_rate * power(batch / c.burn_in, c.power)
        return c.learning_rate * factor(c, batch, random)


def factor(c: NetConfig, batch: int, random: np.random.Generator | None) -> float:
    if c.policy == "step":
        return power(c.scale, batch // c.step)
    if c.policy == "steps":
        return math.prod(scale for step, scale in zip(c.steps, c.scales, strict=True) if step <= batch)
    if c.policy == "exp":
        return power(c.gamma, batch)
    if c.policy == "poly":
        return power(1 - batch / c.max_batches, c.power)
    if c.policy == "random":
        return power((random or np.random.default_rng(0)).random(), c.power)
    if c.policy == "sigmoid":
        past = batch - c.step if batch >= c.step else batch - c.step + UNSIGNED
        return float(1 / (1 + np.exp(np.float64(c.gamma * past))))
    if c.policy == "sgdr":
        return cosine(c, batch)
    return 1.0


def cosine(c: NetConfig, batch: int) -> float:
    """Warm restarts (Loshchilov & Hutter, "SGDR", 2017): a falling cosine, in cycles each sgdr_mult times longer."""
    start, length = 0, c.sgdr_cycle or c.max_batches
    if c.sgdr_mult == 1:
        start = max(batch - 1, 0) // length * length
    while start + length < batch:
        start += length
        length *= c.sgdr_mult
    low = c.learning_rate_min / c.learning_rate if c.learning_rate else 0.0
    return low + 0.5 * (1 - low) * (1 + math.cos(math.pi * (batch - start) / length))


def power(base: float, exponent: float) -> float:
    """base ** exponent; infinite where that is too large, 0 where no real number is meant (poly past its end)."""
    value = float(np.float64(base) ** exponent)
    return 0.0 if math.isnan(value) else value

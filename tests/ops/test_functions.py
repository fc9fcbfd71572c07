"""Activation functions on vectors against the exact ones."""

import numpy as np
import pytest

from darkpy.ops.cpu.activations import activation
from darkpy.ops.cpu.functions import FUNCTIONS, NOT_AT_ZERO
from darkpy.ops.reference.activations import FORWARD

NUMBERS = np.concatenate([np.linspace(-12, 12, 20001), np.linspace(-0.4, 0.4, 2001), np.linspace(-150, 150, 301),
                          [0.0, -0.0, 20.0, 20.1, 88.8, -88.8, 1e-30, 1e30, -1e30]]).astype(np.float32)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_values(kind):
    y = np.empty_like(NUMBERS)
    activation(y, NUMBERS, kind=kind)
    with np.errstate(over="ignore"):
        exact = FORWARD[kind](NUMBERS.astype(np.float64))
    assert np.abs((y - exact) / np.maximum(np.abs(exact), 1)).max() <= 5e-7
    assert (y == y[0]).sum() < len(y)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_none(kind):
    """NaN stays; an infinity gives what it should, or where that is 0 times infinity, no finite number."""
    x = np.array([np.nan, np.inf, -np.inf], np.float32)
    y = np.empty_like(x)
    activation(y, x, kind=kind)
    with np.errstate(invalid="ignore"):
        exact = FORWARD[kind](x)
    assert np.isnan(y[0])
    assert np.array_equal(np.isfinite(exact), np.isfinite(y))
    np.testing.assert_allclose(y[np.isfinite(y)], exact[np.isfinite(exact)], rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 50, (1 << 14) + 3])
def test_sizes(size):
    x = np.random.default_rng(0).standard_normal((size,), np.float32)
    y = np.full_like(x, 7)
    activation(y, x, kind="mish")
    np.testing.assert_allclose(y, FORWARD["mish"](x), rtol=1e-5, atol=1e-6)


def test_zeros_stay():
    zeros = np.zeros(16, np.float32)
    for kind in FUNCTIONS:
        y = np.ones_like(zeros)
        activation(y, zeros, kind=kind)
        assert y.any() == (kind in NOT_AT_ZERO)

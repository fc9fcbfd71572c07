"""[normalization] on odd sizes.  Its backward is the original's approximation, dy * norms^-beta."""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("normalization", (1, 1, 1), n=1, gradient=False),
    case("normalization", (7, 4, 5), gradient=False, alpha=0.1, beta=0.5),
    case("lrn", (5, 2, 3), n=3, gradient=False, size=3, alpha=0.2, kappa=2),
    case("normalization", (3, 3, 3), gradient=False, size=4, alpha=0.1),
    case("normalization", (2, 3, 1), gradient=False, size=9, alpha=0.1),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_normalization(c):
    harness.check(c)


def original(x, size, alpha, beta, kappa):
    """The running sum as the original takes it: the first window ends one channel early, the later ones drop it."""
    squares = (x * x).tolist()
    norms = [kappa + alpha * sum(squares[: size // 2])]
    for k in range(1, len(x)):
        prev, succ = k - (size - 1) // 2 - 1, k + size // 2
        norms.append(norms[-1] - (alpha * squares[prev] if prev >= 0 else 0)
                     + (alpha * squares[succ] if succ < len(x) else 0))
    return x * np.array(norms) ** -beta


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
def test_window_of_the_original(size):
    x = np.random.default_rng(size).standard_normal(7)
    y, _ = Reference().lrn(x.reshape(1, 7, 1, 1), size=size, alpha=0.01, beta=0.75, kappa=1.0)
    np.testing.assert_allclose(y.ravel(), original(x, size, 0.01, 0.75, 1.0))


def test_backward_is_the_approximation():
    layer = harness.build(case("normalization", (5, 2, 2), alpha=0.1))
    x = np.random.default_rng(0).standard_normal((1, 5, 2, 2))
    y, norms = layer.forward(Reference(), x, train=True)
    np.testing.assert_allclose(layer.backward(Reference(), np.ones_like(x), norms), y / x)


def test_a_negative_norm_gives_nan_and_no_warning():
    x = np.array([1, 0, 100, 0, 0], np.float32).reshape(1, 5, 1, 1)  # channel 2 lacks in the window of channel 0
    y, norms = Reference().lrn(x, size=5, alpha=0.1, beta=0.75, kappa=1.0)
    assert norms.ravel()[2] > 0 and np.isnan(y.ravel()).tolist() == (norms.ravel() < 0).tolist()

"""[batchnorm] on odd sizes, its rolling statistics, and the gradient darkpy shares with Darknet."""

import numpy as np
import pytest

from darkpy.ops import Reference, reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [case("batchnorm", (3, 4, 5)), case("batchnorm", (1, 2, 1), n=3), case("batchnorm", (7, 1, 3), n=1),
         case("batchnorm", (5,), n=3), case("batchnorm", (3, 4, 5), affine=1), case("batchnorm", (3, 4, 5), affine=0)]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_batchnorm(c):
    harness.check(c)


def test_training_normalises_and_inference_uses_what_rolled():
    layer = harness.build(case("batchnorm", (2, 3, 3), n=4))
    for name, value in (("scales", 1), ("biases", 0), ("rolling_mean", 0), ("rolling_variance", 0)):
        layer.params[name][...] = value
    x = 5 + 3 * np.random.default_rng(0).standard_normal((4, 2, 3, 3), np.float32)
    y, _ = layer.forward(Reference(), x, train=True)
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 2, 3), ddof=1), 1, rtol=1e-4)
    np.testing.assert_allclose(layer.params["rolling_mean"], 0.01 * x.mean((0, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(layer.params["rolling_variance"], 0.01 * x.var((0, 2, 3), ddof=1), rtol=1e-4)
    y, _ = layer.forward(Reference(), x)
    np.testing.assert_allclose(y[0, 0], (x[0, 0] - layer.params["rolling_mean"][0])
                               / np.sqrt(layer.params["rolling_variance"][0] + 1e-5), rtol=1e-5)


def test_gradient_of_the_original():
    """It divides the variance's share by N where the derivative asks for N-1; for large N both agree."""
    random = np.random.default_rng(0)
    x, dy = random.standard_normal((2, 50, 1, 3, 3))
    mean, variance = reference.batch_statistics(x)
    args = (dy, x, mean, variance, np.ones(1))
    darknet, exact = (reference.batchnorm_dx(*args, eps=1e-5, exact=e)[0] for e in (False, True))
    root, n = np.sqrt(variance + 1e-5), x.size
    share = (dy * (x - mean)).sum() / root**3 * (x - mean)
    np.testing.assert_allclose(darknet, dy / root - dy.sum() / root / n - share / n)
    np.testing.assert_allclose(exact, dy / root - dy.sum() / root / n - share / (n - 1))


@pytest.mark.parametrize(("options", "trained", "stored"), [
    ({}, "", "scales rolling_mean rolling_variance"),
    ({"affine": 0}, "", "rolling_mean rolling_variance"),
    ({"affine": 1}, "biases scales", "biases scales rolling_mean rolling_variance"),
])
def test_what_is_learned_and_what_a_file_holds(options, trained, stored):
    declared = harness.build(case("batchnorm", (3, 4, 5), **options)).declared
    assert [name for name, p in declared.items() if p.trained] == trained.split()
    assert [name for name, p in declared.items() if p.stored] == stored.split()

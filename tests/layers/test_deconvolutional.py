"""[deconvolutional] on odd sizes."""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("deconvolutional", (1, 1, 1), n=1, filters=1, size=1, activation="linear"),
    case("deconvolutional", (3, 4, 5), filters=2, size=3, stride=2, activation="leaky"),
    case("deconvolutional", (2, 3, 7), n=3, filters=5, size=4, stride=2, pad=1, activation="linear"),
    case("deconvolutional", (5, 2, 3), n=1, filters=3, size=2, stride=3, activation="tanh"),
    case("deconvolutional", (4, 5, 3), filters=3, size=5, padding=1, activation="elu", batch_normalize=1),
    case("deconvolutional", (7, 2, 2), n=3, filters=1, size=3, stride=2, activation="linear", batch_normalize=1),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_deconvolutional(c):
    harness.check(c)


def test_each_number_paints_the_filter():
    layer = harness.build(case("deconvolutional", (1, 2, 1), filters=1, size=2, stride=1, activation="linear"))
    layer.params["weights"][...] = [[[[1, 2], [3, 4]]]]
    layer.params["biases"][...] = 0
    y, _ = layer.forward(Reference(), np.array([[[[1.0], [10.0]]]], np.float32))
    np.testing.assert_array_equal(y[0, 0], [[1, 2], [3 + 10, 4 + 20], [30, 40]])


def test_it_is_the_transpose_of_a_convolution():
    """<conv(a), b> = <a, deconv(b)> for the same weights."""
    ops, random = Reference(), np.random.default_rng(0)
    w = random.standard_normal((3, 2, 3, 3))
    a, b = random.standard_normal((1, 2, 7, 9)), random.standard_normal((1, 3, 4, 5))
    left = (ops.conv(a, w, stride=(2, 2), pad=1) * b).sum()
    assert left == pytest.approx((a * ops.deconv(b, w, stride=2, pad=1)).sum())

"""[local] on odd sizes."""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("local", (1, 1, 1), n=1, activation="linear"),
    case("local", (3, 4, 5), filters=2, size=3, pad=1, activation="leaky"),
    case("local", (2, 5, 7), n=3, filters=3, size=3, stride=2, pad=1, activation="linear"),
    case("local", (5, 6, 3), n=1, filters=4, size=2, stride=3, activation="tanh"),
    case("local", (7, 3, 4), filters=1, size=3, activation="logistic"),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_local(c):
    harness.check(c)


def test_with_the_same_weights_everywhere_it_is_a_convolution():
    layer = harness.build(case("local", (3, 5, 6), filters=2, size=3, pad=1, activation="linear"))
    layer.params["weights"][...] = layer.params["weights"][:1]
    layer.params["biases"][...] = 0
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 6), np.float32)
    y, _ = layer.forward(Reference(), x)
    np.testing.assert_allclose(y, Reference().conv(x, layer.params["weights"][0], pad=1), rtol=1e-5, atol=1e-5)


def test_a_pad_the_original_reads_past_its_columns_with_is_refused():
    e = harness.problem(case("local", (3, 5, 6), filters=2, size=5, pad=1))
    assert e.key == "pad" and "size=5" in str(e)

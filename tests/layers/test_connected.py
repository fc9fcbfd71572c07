"""[connected] on odd sizes."""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("connected", (1,), n=1, output=1, activation="linear"),
    case("connected", (7,), output=5),
    case("connected", (3, 4, 5), n=1, output=6, activation="leaky"),
    case("connected", (2, 3, 1), n=3, output=1, activation="tanh"),
    case("connected", (5,), n=3, output=4, activation="elu", batch_normalize=1),
    case("connected", (1, 2, 3), n=2, output=7, activation="linear", batch_normalize=1),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_connected(c):
    harness.check(c)


def test_it_is_a_matrix_product():
    layer = harness.build(case("connected", (3,), output=2, activation="relu"))
    x = np.array([[1, 2, 3]], np.float32)
    layer.params["weights"][...] = [[1, 0, -1], [1, 1, 1]]
    layer.params["biases"][...] = [0.5, 0.25]
    y, _ = layer.forward(Reference(), x)
    np.testing.assert_allclose(y, [[0, 6.25]])


def test_weights_stand_before_the_normalisation_in_a_file():
    layer = harness.build(case("connected", (3,), output=2, batch_normalize=1))
    assert list(layer.declared) == ["biases", "weights", "scales", "rolling_mean", "rolling_variance"]

"""[convolutional] on odd sizes."""

import pytest

from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("convolutional", (1, 1, 1), n=1, activation="linear"),
    case("convolutional", (3, 5, 7), filters=4, size=3, pad=1, activation="leaky"),
    case("convolutional", (2, 7, 4), n=3, filters=3, size=3, stride=2, pad=1, activation="linear"),
    case("conv", (7, 4, 5), filters=6, activation="relu"),
    case("convolutional", (5, 9, 6), n=1, filters=2, stride=2, activation="linear"),
    case("convolutional", (3, 6, 5), filters=4, size=2, pad=1, activation="elu"),
    case("convolutional", (2, 9, 11), filters=3, size=5, stride=3, padding=1, activation="tanh"),
    case("convolutional", (4, 5, 5), filters=6, size=3, pad=1, groups=2, activation="linear"),
    case("convolutional", (6, 5, 4), filters=6, size=3, pad=1, groups=6, stride=2, activation="linear"),
    case("convolutional", (2, 9, 8), filters=3, size=3, pad=1, dilation=2, activation="linear"),
    case("convolutional", (3, 6, 7), filters=4, size=3, stride_x=2, stride_y=1, pad=1, activation="linear"),
    case("convolutional", (3, 5, 4), filters=5, size=3, pad=1, batch_normalize=1, activation="leaky"),
    case("convolutional", (4, 3, 3), n=3, filters=4, groups=2, batch_normalize=1, activation="swish"),
    case("convolutional", (3, 4, 5), filters=2, size=3, pad=1, activation="mish"),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_convolutional(c):
    harness.check(c)


def test_order_in_a_weights_file():
    layer = harness.build(case("convolutional", (3, 5, 4), filters=5, batch_normalize=1))
    assert list(layer.declared) == ["biases", "scales", "rolling_mean", "rolling_variance", "weights"]


def test_groups_must_divide():
    assert harness.problem(case("convolutional", (3, 5, 4), filters=4, groups=2)).key == "groups"
    assert harness.problem(case("convolutional", (4, 5, 4), filters=3, groups=2)).key == "groups"

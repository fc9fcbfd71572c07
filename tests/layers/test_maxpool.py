"""[maxpool] on odd sizes."""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("maxpool", (1, 1, 1), n=1, size=1),
    case("maxpool", (3, 5, 7), size=2, stride=2),
    case("maxpool", (2, 4, 6), n=3, size=2, stride=1),
    case("max", (7, 6, 5), size=3, stride=2),
    case("maxpool", (1, 7, 9), n=1, size=5, stride=1),
    case("maxpool", (3, 4, 5), size=3, stride=3, padding=0),
    case("maxpool", (2, 13, 13), size=13, stride=1),
    case("maxpool", (3, 6, 7), size=2, stride_x=1, stride_y=2),
    case("maxpool", (2, 5, 5), stride=2),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_maxpool(c):
    harness.check(c)


def test_first_of_equals_gets_the_gradient():
    x = np.zeros((1, 1, 2, 2))
    dx = Reference().maxpool_dx(np.ones((1, 1, 1, 1)), x, size=2, stride=(2, 2), pad=0)
    assert dx.ravel().tolist() == [1, 0, 0, 0]


def test_padding_never_wins():
    layer = harness.build(case("maxpool", (1, 2, 2), size=3, stride=1))
    y, _ = layer.forward(Reference(), np.full((1, 1, 2, 2), -9, np.float32))
    assert (y == -9).all()

"""[crop] on odd sizes: the centre in inference, a random window in training."""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("crop", (1, 1, 1), n=1, crop_height=1, crop_width=1),
    case("crop", (3, 7, 6), crop_height=4, crop_width=3),
    case("crop", (2, 5, 9), n=3, crop_height=5, crop_width=8, flip=1),
    case("crop", (3, 4, 4), crop_height=3, crop_width=4, noadjust=1, flip=1),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_crop(c):
    harness.check(c)


def test_centre():
    layer = harness.build(case("crop", (1, 4, 5), crop_height=2, crop_width=2, flip=1))
    x = np.arange(20, dtype=np.float32).reshape(1, 1, 4, 5)
    y, _ = layer.forward(Reference(), x)
    np.testing.assert_array_equal(y[0, 0], 2 * x[0, 0, 1:3, 1:3] - 1)


def test_training_takes_every_window_and_both_sides():
    layer = harness.build(case("crop", (1, 3, 3), crop_height=2, crop_width=2, noadjust=1, flip=1))
    x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    seen = {tuple(layer.forward(Reference(), x, train=True)[0].ravel()) for _ in range(200)}
    assert len(seen) == 8


def test_larger_than_its_input_is_refused():
    assert harness.problem(case("crop", (3, 4, 4), crop_height=5, crop_width=4)).key == "crop_height"

"""[shortcut] on odd sizes.

Where sizes differ and alpha is not 1 the original's backward is not the derivative: it gives alpha to cells that
forward leaves alone.
"""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("shortcut", (3, 4, 5), (3, 4, 5), n=1, from_=0),
    case("shortcut", (3, 4, 5), (3, 4, 5), n=3, from_=0, activation="leaky", alpha=0.7, beta=1.3),
    case("shortcut", (5, 4, 3), (2, 4, 3), from_=0, beta=0.5),
    case("shortcut", (2, 4, 3), (7, 4, 3), from_=0, activation="relu"),
    case("shortcut", (3, 2, 3), (4, 4, 6), from_=0, activation="tanh"),
    case("shortcut", (3, 6, 4), (5, 3, 2), from_=0),
    case("shortcut", (3, 6, 4), (5, 3, 2), gradient=False, from_=0, alpha=0.5),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_shortcut(c):
    harness.check(c)


def test_only_the_overlap_is_added():
    x, other = np.ones((1, 2, 4, 4), np.float32), np.full((1, 1, 2, 2), 10, np.float32)
    y = Reference().shortcut(x, other, alpha=2, beta=1)
    assert y[0, 1].tolist() == np.ones((4, 4)).tolist()
    assert y[0, 0].tolist() == [[12, 1, 12, 1], [1] * 4, [12, 1, 12, 1], [1] * 4]


def test_sizes_without_a_common_ratio_are_refused():
    assert "same integer ratio" in str(harness.problem(case("shortcut", (3, 4, 4), (3, 2, 4), from_=0)))

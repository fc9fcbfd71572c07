"""[logistic] on odd sizes, and its binary cross-entropy."""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [case("logistic", (1,), n=1), case("logistic", (7,), n=3), case("logistic", (3, 2, 5))]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_logistic(c):
    n = int(np.prod(c.shapes[0]))
    harness.check_loss(c, np.random.default_rng(0).random((c.n, n)))


def test_certainty_costs_no_infinity():
    p, truth = np.array([[0, 1, 0, 1]], np.float32), np.array([[0, 1, 1, 0]], np.float32)
    dx, cost = Reference().logistic_loss(p, truth)
    assert dx.tolist() == [[0, 0, -1, 1]]
    assert cost[0] == pytest.approx(-2 * np.log(1e-7), rel=1e-3)

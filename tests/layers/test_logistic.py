"""[logistic] on odd sizes, and its binary cross-entropy."""

import numpy as np
import pytest

from tests.layers import harness
from tests.layers.harness import case

CASES = [case("logistic", (1,), n=1), case("logistic", (7,), n=3), case("logistic", (3, 2, 5))]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_logistic(c):
    n = int(np.prod(c.shapes[0]))
    harness.check_loss(c, np.random.default_rng(0).random((c.n, n)))

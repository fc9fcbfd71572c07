"""[l2norm] on odd sizes.  Its backward passes the gradient on, as the original's does."""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [case("l2norm", (1, 1, 1), n=1, gradient=False), case("l2norm", (5, 4, 3), gradient=False),
         case("l2norm", (7,), n=3, gradient=False)]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_l2norm(c):
    harness.check(c)


def test_length_is_one_and_zero_stays():
    layer = harness.build(case("l2norm", (2, 1, 2)))
    y, _ = layer.forward(Reference(), np.array([[[[3, 0]], [[4, 0]]]], np.float32))
    np.testing.assert_allclose(y.ravel(), [0.6, 0, 0.8, 0], rtol=1e-6)


def test_gradient_passes_unchanged():
    layer, dy = harness.build(case("l2norm", (2, 1, 2))), np.arange(4.0).reshape(1, 2, 1, 2)
    np.testing.assert_array_equal(layer.backward(Reference(), dy, None), dy)

"""[dropout]: nothing in inference; in training the mask that forward drew is backward's too."""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [case("dropout", (3, 4, 5), probability=0.3), case("dropout", (7,), n=3), case("dropout", (2, 1, 1), n=1),
         case("dropout", (5,), probability=0), case("dropout", (5,), probability=1)]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_dropout(c):
    harness.check(c)


def test_share_and_scale():
    layer = harness.build(case("dropout", (10000,), probability=0.2))
    y, _ = layer.forward(Reference(), np.ones((1, 10000), np.float32), train=True)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1.25)}
    assert 0.18 < (y == 0).mean() < 0.22

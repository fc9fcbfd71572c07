"""[avgpool] on odd sizes."""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [case("avgpool", (1, 1, 1), n=1), case("avgpool", (3, 4, 5)), case("avgpool", (7, 1, 9), n=3),
         case("avg", (2, 13, 13))]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_avgpool(c):
    harness.check(c)


def test_mean():
    y, _ = harness.build(case("avgpool", (1, 2, 2))).forward(Reference(), np.array([[[[1, 2], [3, 6]]]], np.float32))
    assert y.shape == (1, 1, 1, 1) and y[0, 0, 0, 0] == 3


def test_rows_of_numbers_are_refused():
    assert "feature map" in str(harness.problem(case("avgpool", (5,))))

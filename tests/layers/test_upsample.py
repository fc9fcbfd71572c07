"""[upsample] on odd sizes."""

import pytest

from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("upsample", (1, 1, 1), n=1),
    case("upsample", (3, 4, 5), stride=2),
    case("upsample", (7, 2, 3), n=3, stride=3, scale=0.5),
    case("upsample", (2, 4, 6), stride=-2),
    case("upsample", (2, 3, 9), n=1, stride=-3, scale=2),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_upsample(c):
    harness.check(c)


def test_problems():
    assert harness.problem(case("upsample", (2, 3, 4), stride=0)).key == "stride"
    assert "does not divide" in str(harness.problem(case("upsample", (2, 3, 4), stride=-2)))

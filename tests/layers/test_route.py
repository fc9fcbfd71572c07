"""[route] on odd sizes."""

import pytest

from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("route", (3, 4, 5), n=1, layers="0"),
    case("route", (3, 4, 5), (1, 4, 5), layers="0,1"),
    case("route", (1, 2, 3), (7, 2, 3), (2, 2, 3), n=3, layers="0,1,2"),
    case("route", (5,), (2,), layers="0,1"),
    case("route", (3, 2, 2), (2, 4, 4), layers="0,1"),  # sizes differ: rows of numbers
    case("route", (4, 3, 3), layers="0", groups=2, group_id=1),
    case("route", (4, 2, 3), (6, 2, 3), n=3, layers="0,1", groups=2, group_id=0),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_route(c):
    harness.check(c)


def test_problems():
    assert "group_id=2" in str(harness.problem(case("route", (4, 3, 3), layers="0", groups=2, group_id=2)))
    assert harness.problem(case("route", (3, 3, 3), layers="0", groups=2)).key == "groups"
    assert "comes later" in str(harness.problem(case("route", (4, 3, 3), layers="5")))
    assert "before the first" in str(harness.problem(case("route", (4, 3, 3), layers="-2")))

"""[activation] with each function."""

import pytest

from darkpy.ops.spec import ACTIVATIONS
from tests.layers import harness
from tests.layers.harness import case

CASES = [case("activation", (3, 4, 5), n=1 + i % 3, activation=kind, gradient=kind != "sign")
         for i, kind in enumerate(ACTIVATIONS)]
CASES += [case("activation", (7,), activation="leaky"), case("activation", (1, 1, 1), n=1)]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_activation(c):
    harness.check(c)

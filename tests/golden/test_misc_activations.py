"""Activation functions and their derivatives, number by number, against the original program."""

import numpy as np
import pytest

from darkpy.ops import Cpu, Reference
from darkpy.ops.spec import ACTIVATIONS
from tests.golden import harness

NAMES = ["elu", "hardtan", "leaky", "lhtan", "linear", "loggy", "logistic", "plse", "ramp", "relie", "relu", "selu",
         "stair", "tanh"]


@pytest.fixture(scope="module")
def recorded():
    return harness.golden("misc", "activations.npz")


def agree(mine, reference):
    """Within 1e-6, relative for large numbers.  Where the original yields NaN only because it multiplies an infinity
    by 0 (its own arithmetic for huge x), any number will do."""
    known = np.isfinite(reference)
    np.testing.assert_allclose(mine[known], reference[known], rtol=1e-6, atol=1e-6)
    assert known.mean() > 0.9


@pytest.mark.golden
@pytest.mark.parametrize("ops", [Reference(), Cpu()], ids=lambda ops: ops.name)
@pytest.mark.parametrize("name", NAMES)
def test_activation(name, ops, recorded):
    x = recorded["x"]
    agree(ops.activation(x, kind=name), recorded[f"f_{name}"])
    agree(ops.activation_dx(np.ones_like(x), x, x, kind=name), recorded[f"g_{name}"])


@pytest.mark.golden
def test_all_of_the_original_are_there(recorded):
    assert {key[2:] for key in recorded.keys() if key.startswith("f_")} == set(NAMES) <= set(ACTIVATIONS)  # noqa: SIM118

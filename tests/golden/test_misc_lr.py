"""Learning rates by batch number, against the original program."""

import numpy as np
import pytest

from darkpy.errors import CfgError
from tests.golden import harness
from tests.shared import SHARED

POLICIES = ["constant", "constant_burn", "exp", "poly", "poly_burn", "sigmoid", "sigmoid_pos", "step", "steps",
            "steps_burn"]


@pytest.mark.golden
@pytest.mark.parametrize("name", POLICIES)
def test_rate(name):
    g = harness.golden("misc", "lr.npz")
    net = harness.network(g.meta["cfgs"][name])
    rates = []
    for batch in g["batch_num"]:
        net.seen = int(batch) * 8  # images of a batch
        rates.append(net.rate())
    np.testing.assert_allclose(rates, g[f"rate_{name}"], rtol=1e-5, atol=1e-12)


@pytest.mark.golden
def test_an_unknown_policy_is_refused():
    """The original falls back to a constant rate."""
    g = harness.golden("misc", "lr.npz")
    with pytest.raises(CfgError, match="banana"):
        harness.network(g.meta["cfgs"]["unknown"], str(SHARED))

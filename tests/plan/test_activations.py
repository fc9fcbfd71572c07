"""Every activation in a plan: behind convolutions of each kind, behind a sum, and where unused lanes must stay zero."""

import pytest

from darkpy.ops.cpu.functions import FUNCTIONS
from tests.plan import harness
from tests.plan.nets import conv, section


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_activation(kind):
    text = (conv(20, 3, activation=kind) + conv(32, 3, activation=kind) + conv(32, 3, activation=kind)
            + section("shortcut", **{"from": -2}, activation=kind) + conv(32, 3, groups=32, activation=kind)
            + conv(20, 1, activation=kind) + section("activation", activation=kind) + conv(20, 1))
    net = harness.net_of(text, width=11, height=9)
    plan = net.plan()
    x = harness.images(net, 2) - 0.5
    assert harness.worst(plan(x), harness.outputs(net, x, exact=True)) <= harness.LIMIT
    plain = [step.algorithm for step in plan.explain(batch=2, passes=1).steps if step.algorithm == "activation"]
    assert len(plain) == 0 or kind in ("logistic", "plse")

"""Binary weights on float maps: every algorithm that can have them as bits, against the layers in float64."""

import numpy as np
import pytest

from darkpy.plan import choose
from darkpy.plan.choose import EXPANDED, FRESH, TILES, Choice, one_bit
from darkpy.plan.one_bit import OneBit, OneBitWinograd
from tests.plan import harness
from tests.plan.nets import conv, section

ALGORITHMS = [Choice(0, 0, 0), *[Choice(tile, 0, 0) for tile in TILES], *[Choice(tile, 0, 0, True) for tile in FRESH]]


def check(text, choice, monkeypatch, n=2, **size) -> list[str]:
    """Compare a plan in which all binary convolutions have this algorithm; its algorithms."""
    monkeypatch.setattr(choose, "one_bit", lambda *_: choice)
    net = harness.net_of(text, **size)
    x = harness.images(net, n) - 0.5
    plan = net.plan()
    for count in (1, n):
        assert harness.worst(plan(x[:count]), harness.outputs(net, x[:count], exact=True)) <= harness.LIMIT
    return [step.algorithm for step in plan.explain(passes=1).steps if "1 bit" in step.algorithm]


@pytest.mark.parametrize("choice", ALGORITHMS, ids=str)
@pytest.mark.parametrize("filters", [32, 17, 70])
def test_algorithms(choice, filters, monkeypatch):
    """Odd numbers of blocks, channels that fill none, sizes that fill no tile, residuals."""
    binary = {"binary": 1, "batch_normalize": 1}
    text = (conv(20, 3) + conv(filters, 3, **binary) + conv(filters, 3, **binary)
            + section("shortcut", from_=-2, activation="leaky") + conv(9))
    told = check(text, choice, monkeypatch, width=23, height=14)
    assert len(told) == 2 and all(("F(" in a) == bool(choice.tile) and ("fresh" in a) == choice.fresh for a in told)


@pytest.mark.parametrize("choice", ALGORITHMS, ids=str)
def test_pools(choice, monkeypatch):
    text = conv(20, 3) + conv(40, 3, binary=1) + section("maxpool", size=2, stride=2) + conv(9)
    (told,) = check(text, choice, monkeypatch, width=24, height=12)
    assert ("pool" in told) == (choice.tile in (2, 4, 6))


@pytest.mark.parametrize("choice", [ALGORITHMS[0], Choice(4, 0, 0)], ids=str)
def test_strides(choice, monkeypatch):
    check(conv(24, 3) + conv(40, 3, stride=2, binary=1) + conv(9), choice, monkeypatch, width=27, height=16)


def test_choice():
    """Large weights are transformed in use, small ones at once; the memory they take then is bounded."""
    def best(c, f, side, **kw):
        return one_bit((1, c, side, side), (f, c, 3, 3), (1, f, side, side), {"pad": 1} | kw)

    small, large = best(64, 128, 52), best(1024, 512, 13)
    assert small.tile and not small.fresh and small.nbytes <= EXPANDED
    assert large.tile and large.fresh
    assert best(64, 64, 26, dilation=2, pad=2).tile == 0


def test_weights_stay_bits():
    net = harness.net_of("".join(conv(64, 3, binary=1) for _ in range(4)), width=40, height=40)
    plan = net.plan(release=True)
    x = harness.images(net, 1)
    plan(x)
    steps = [step for step in plan.program(1).program.steps if isinstance(step, (OneBit, OneBitWinograd))]
    assert len(steps) == 3 and all(step.weight_bytes == 64 * 64 * 9 // 8 for step in steps)
    assert len({step.scratch.size for step in steps}) == 1 and np.isfinite(plan(x)[0]).all()

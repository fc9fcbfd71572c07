"""Each algorithm computes the same convolution, whichever the model of their times would take; and the model keeps to
its budget."""

import pytest

from darkpy.plan import choose, stem
from darkpy.plan.choose import FRESH, TILES, Choice
from darkpy.plan.narrow import Forms
from darkpy.plan.passes import optimise
from darkpy.plan.trace import trace
from tests.plan import harness
from tests.plan.nets import conv, section

WAYS = [(0, False), *((tile, False) for tile in TILES), *((tile, True) for tile in FRESH)]
SHAPES = {"one tile": (4, 4), "parts of tiles": (13, 9), "many tiles": (31, 26)}


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("tile, fresh", WAYS)
def test_each_way(tile, fresh, size, monkeypatch):
    height, width = SHAPES[size]
    net = harness.net_of(conv(84, 1) + conv(49, 3) + conv(33, 1), width=width, height=height)
    monkeypatch.setattr(choose, "select", lambda program, forms, memory: {
        id(step): Choice(tile, 0, 0, fresh) if step.op == "conv" and step.args[1].shape[2] == 3 else Choice(0, 0, 0)
        for step in program.steps})
    plan = net.plan()
    for n in (1, 2):
        x = harness.images(net, n) - 0.5
        assert harness.worst(plan(x), harness.outputs(net, x, exact=True)) <= harness.LIMIT
    named = [step.algorithm for step in plan.explain(passes=1).steps if "F(" in step.algorithm]
    assert len(named) == bool(tile) and all(f"F({tile})" in a and ("fresh" in a) == fresh for a in named)


@pytest.mark.parametrize("times", [1.0, 1.5, 2.5, 10.0])
def test_budget(times):
    net = harness.net_of(conv(64, 3) + conv(256, 3) + conv(512, 3), width=26, height=26)
    program = optimise(trace(net.layers, net.wiring, net.input_shape, 1, net.output_layers))
    raw = sum(layer.params["weights"].nbytes for layer in net.layers)
    chosen = choose.select(program, Forms(program), times)
    assert len(chosen) == 3
    assert sum(choice.nbytes for choice in chosen.values()) <= times * raw


@pytest.mark.parametrize("kind", ["leaky", "mish"])
@pytest.mark.parametrize("tile", (0, *TILES))
def test_pools_of_what_was_just_computed(tile, kind, monkeypatch):
    """A 2x2 pool joins a convolution where its tiles are whole pairs, and where the sides are even; the result of one
    that is also read elsewhere stays."""
    text = (conv(20, 3, activation=kind) + section("maxpool", size=2, stride=2) + conv(49, 3, activation=kind)
            + section("maxpool", size=2, stride=2) + conv(17, 1) + conv(16, 3)
            + section("maxpool", size=2, stride=2) + section("route", layers="-2"))
    net = harness.net_of(text, width=36, height=28)
    monkeypatch.setattr(stem, "WIDE", True)
    monkeypatch.setattr(choose, "select", lambda program, forms, memory: {
        id(step): Choice(tile if step.args[1].shape[2] == 3 else 0, 0, 0)
        for step in program.steps if step.op == "conv"})
    plan = net.plan()
    for n in (1, 2):
        x = harness.images(net, n) - 0.5
        assert harness.worst(plan(x), harness.outputs(net, x, exact=True)) <= harness.LIMIT
    told = [step.algorithm for step in plan.explain(passes=1).steps]
    assert sum("pool" in a for a in told) == 2
    assert told.count("direct 3x3, pool") == (tile == 0) + (kind == "mish")  # of leaky the first goes by rows
    assert ("max pool" in told) == (tile == 3)

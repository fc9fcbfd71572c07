"""The experiments of docs/xnor.md: each is a network that can be built, with its options in its binary layers."""

import pytest

from bench.learning import VARIANTS, run, table
from darkpy import cfg
from darkpy.build import build
from tests.shared import shared


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: f"{v.data}, {v.name}")
def test_variants(variant):
    sections = cfg.parse(variant.text())
    graph = build(sections)
    binary = [layer.config for layer in graph.layers if getattr(layer, "binary", None)]
    assert len(binary) == (0 if variant.name == "full precision" else 3)
    for config in binary:
        for key, value in variant.edits.items():
            assert value is None or str(getattr(config, key)) in (value, str(value == "1"))
    for key, value in variant.net.items():
        assert sections[0].get(key) == value


def test_names_are_unique():
    assert len({(v.data, v.name) for v in VARIANTS}) == len(VARIANTS)


@pytest.mark.golden
def test_a_run_and_its_row_of_the_table():
    folder = shared("data", "mnist").parent.parent
    variant = next(v for v in VARIANTS if v.data == "mnist")
    short = type(variant)(variant.data, variant.cfg, variant.name, net={"max_batches": "2"})
    row = run(short, 1, folder)
    assert row["batches"] == 2 and 0 <= row["top1"] <= 1
    assert f"| mnist | {variant.name} | {100 * row['top1']:.1f} |" in table([row])

"""What `darkpy warmup` compiles is all that plans of the usual networks ask for."""

from types import FunctionType

import pytest

from darkpy.build import read
from darkpy.network import Network
from darkpy.ops.cpu import bitmaps, bits, blocked, direct, heads, stem, transforms, winograd
from darkpy.plan import binary, convolution
from darkpy.plan import winograd as winograd_plan
from darkpy.plan.variants import PLAIN, variants
from tests.shared import ROOT

KNOWN = {(function.__name__, args) for _, function, args in variants()}


@pytest.mark.parametrize("name", ["yolov3-tiny", "yolov2-tiny-voc", "resnet18", "resnet18-bwn", "cifar", "tiny"])
def test_plans_ask_for_nothing_else(name, monkeypatch):
    asked = set()

    def recorded(function):
        def get(*args):
            asked.add((function.__name__, args))
            return function(*args)

        return get

    for module in (convolution, winograd_plan):
        monkeypatch.setattr(module, "tile_function", recorded(module.tile_function))
    monkeypatch.setattr(stem, "functions", recorded(stem.functions))
    monkeypatch.setattr(binary, "bit_tiles", recorded(binary.bit_tiles))
    for function in (transforms.tile_transforms, transforms.fresh_weights):
        monkeypatch.setattr(transforms, function.__name__, recorded(function))
    Network(read(ROOT / "cfg" / f"{name}.cfg"), blank=True).plan().program(1)
    assert asked and asked <= KNOWN


def test_no_kernel_is_forgotten():
    made = {f for module in (bitmaps, bits, blocked, direct, heads, stem, winograd) for f in vars(module).values()
            if hasattr(f, "cache_info") and f.__module__ == module.__name__ and isinstance(f.__wrapped__, FunctionType)}
    assert made - {bits.bit_tiles, bits.spread, stem.functions, stem.phases_of} == set(PLAIN)

"""The numbers recorded from the original C program, and nets filled as they were for the recording."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from darkpy import cfg
from darkpy.build import build
from darkpy.layers.connected import Connected
from darkpy.network import Network
from tests.shared import SHARED, shared


def module(name: str):
    """fill.py or goldens.py of the recordings: they define how parameters were filled."""
    spec = importlib.util.spec_from_file_location(name, shared("golden", f"{name}.py"))
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def golden(*parts: str):
    return module("goldens").Golden(shared("golden", *parts))


def error(mine, reference) -> float:
    return module("goldens").error(mine, reference)


def names(folder: str) -> list[str]:
    """Recordings of a folder, or one placeholder where there are none, so that the test is shown as skipped."""
    found = sorted(p.stem for p in Path(SHARED, "golden", folder).glob("*.npz"))
    return found or ["absent"]


def network(text: str, folder: str = ".", device: str = "cpu", **override: int) -> Network:
    """Net of a cfg text with [net] options replaced; files named in it are looked for in `folder`."""
    sections = cfg.parse(text, str(Path(folder, "golden.cfg")))
    for key, value in override.items():
        sections[0].options[key] = cfg.Option(key, str(value), 1)
    return Network(build(sections), device)


def fill(net: Network, seed: int, gain: float) -> None:
    """Give every parameter the value it had in the recording."""
    f = module("fill")
    for i, layer in enumerate(net.layers):
        for key, array in layer.params.items():
            sub, _, name = key.rpartition(".")
            inner = layer.inner[sub] if sub else layer
            array[...] = f.fill_param(array.size, seed, i, name, sub, activation(inner), fan(inner), gain).reshape(
                array.shape
            )


def activation(layer) -> str:
    return getattr(layer.config, "activation", "linear")


def fan(layer) -> int:
    """Fan-in as the recordings define it (of a deconvolution: its input channels)."""
    weights = layer.declared.get("weights")
    if weights is None:
        return 1
    if layer.kind == "deconvolutional":
        return weights.shape[0] * weights.shape[2] * weights.shape[3]
    if isinstance(layer, Connected):
        return weights.shape[1]
    return int(np.prod(weights.shape[-3:]))

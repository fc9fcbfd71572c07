"""What the tests of the plan share: nets with parameters that keep activations alive, and how far two results differ.

The truth is the layers themselves, one op after the other; the plan may differ by rounding only.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from darkpy import cfg, load
from darkpy.layers.connected import Connected
from darkpy.network import Network
from darkpy.ops import Reference
from darkpy.ops.spec import SLOPES
from tests.shared import ROOT

LIMIT = 1e-5  # of the error relative to the largest number


def net_of(text: str, seed: int = 0, gain: float = 1.0, **options: Any) -> Network:
    """The net of a cfg text without its [net] section, which `options` make, with filled parameters."""
    options = {"width": 16, "height": 16, "channels": 3} | options
    head = "[net]\n" + "".join(f"{key}={value}\n" for key, value in options.items())
    return fill(load(cfg.parse(head + text, "test.cfg")), seed, gain)


def stock(name: str, size: int | tuple[int, int], gain: float) -> Network:
    """A net of cfg/ for images of another size."""
    return fill(load(ROOT / "cfg" / f"{name}.cfg", size=size, batch=1), 0, gain)


def fill(net: Network, seed: int = 0, gain: float = 1.0) -> Network:
    """Parameters with which each layer's output is about as large as its input, times `gain`."""
    random = np.random.default_rng(seed)
    for layer in net.layers:
        for key, array in layer.params.items():
            sub, _, name = key.rpartition(".")
            inner = layer.inner[sub] if sub else layer
            if name == "weights":
                fan = array.shape[1] if isinstance(inner, Connected) else math.prod(array.shape[-3:])
                kind = getattr(inner.config, "activation", "linear")
                limit, middle = gain * math.sqrt((6 if kind in SLOPES and kind != "linear" else 3) / fan), 0.0
            else:
                limit, middle = (0.5, 1.0) if name in ("scales", "rolling_variance") else (0.1, 0.0)
            values = random.random(array.shape, np.float32)
            values -= np.float32(0.5)
            values *= np.float32(2 * limit)
            values += np.float32(middle)
            array[...] = values
    return net


def images(net: Network, n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((n, *net.input_shape), np.float32)


def outputs(net: Network, x: np.ndarray, exact: bool = False) -> list[np.ndarray]:
    """What the layers give, those the plan gives too; `exact`: in float64."""
    if not exact:
        net.forward(x, keep=True)
        return [net.outputs[i] for i in net.output_layers]
    ops, kept = net.ops, [layer.params for layer in net.layers]
    values: dict[int, np.ndarray] = {-1: x.astype(np.float64)}
    try:
        net.ops = Reference()
        for i, layer in enumerate(net.layers):
            layer.params = {name: p.astype(np.float64) for name, p in layer.params.items()}
            values[i], _ = layer.forward(net.ops, *(values[s] for s in net.wiring[i]))
    finally:
        net.ops = ops
        for layer, params in zip(net.layers, kept, strict=True):
            layer.params = params
    return [values[i] for i in net.output_layers]


def error(mine: np.ndarray, truth: np.ndarray) -> float:
    """Largest difference relative to the largest number."""
    assert mine.shape == truth.shape, f"{mine.shape} {truth.shape}"
    assert np.isfinite(mine).all()
    return float(np.abs(mine - truth).max() / max(np.abs(truth).max(), 1e-30))


def worst(mine: list[np.ndarray], truth: list[np.ndarray]) -> float:
    return max(error(a, b) for a, b in zip(mine, truth, strict=True))

"""Random weights with which a deep net's numbers stay of order 1, as a trained net's do."""

from __future__ import annotations

from typing import Any

import numpy as np

SEED = 1
BRANCH_SCALE = 0.3  # of what a residual branch adds: the sum stays of order 1 over 23 of them
OBJECTNESS_BIAS = -5.0  # few objects, as in a real photo


def randomise(net: Any) -> None:
    """Weights that keep numbers at order 1 through the whole net (He et al., 2015), the same at every run."""
    random = np.random.default_rng(SEED)
    for i, layer in enumerate(net.layers):
        following = net.layers[i + 1].kind if i + 1 < len(net.layers) else ""
        p = layer.params
        if layer.kind != "convolutional":
            continue
        fan_in = p["weights"][0].size
        p["weights"][...] = random.standard_normal(p["weights"].shape, np.float32) * np.float32((2 / fan_in) ** 0.5)
        p["biases"][...] = random.normal(0, 0.1, p["biases"].shape)
        if layer.norm:
            p["rolling_mean"][...] = random.normal(0, 0.1, p["biases"].shape)
            p["rolling_variance"][...] = random.uniform(0.7, 1.3, p["biases"].shape)
            p["scales"][...] = random.uniform(0.9, 1.1, p["biases"].shape)
            if following == "shortcut":
                p["scales"] *= BRANCH_SCALE
        if following in ("yolo", "region"):
            p["biases"][4 :: net.layers[i + 1].entries] = OBJECTNESS_BIAS

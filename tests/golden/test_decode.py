"""Boxes of the detection heads from recorded outputs, against the original program.

Where the original returns every cell and marks the hopeless ones by zeros, only candidates are returned here: they are
compared with the rows of the recording that are candidates.
"""

import numpy as np
import pytest

from darkpy.layers.detections import Detections
from darkpy.vision.boxes import correct_boxes
from tests.golden import harness
from tests.shared import SHARED

LIMIT = 1e-5


def candidates(kind, rows):
    """The rows of a recording (x, y, w, h, objectness, prob...) that a head here returns."""
    return rows[(rows[:, 5:] > 0).any(1) if kind == "detection" else rows[:, 4] > 0]


def in_image(found, net, run):
    """Boxes of the net's input as boxes of the image, the way the recording was made."""
    if net.layers[-1].kind == "detection":  # which stretches, and whose boxes the original always gives in pixels
        return found.boxes * np.array([run["w"], run["h"]] * 2)
    _, net_h, net_w = net.input_shape
    return correct_boxes(found.boxes, run["w"], run["h"], net_w, net_h, bool(run["relative"]))


@pytest.mark.golden
@pytest.mark.parametrize("name", [n for n in harness.names("decode") if n != "region_flip"])
def test_decode(name):
    g = harness.golden("decode", f"{name}.npz")
    m = g.meta
    net = harness.network(m["cfg"], str(SHARED / "golden"))
    outputs = {i: g[f"L{i}/output"].reshape(net.layers[i].out_shape) for i in m["heads"]}
    for k, run in enumerate(m["runs"]):
        found = Detections.concat([net.layers[i].decode(y, run["thresh"], run["hier"]) for i, y in outputs.items()])
        expected = candidates(net.layers[-1].kind, g[f"dets_{k}"])
        assert len(found) == len(expected) > 0
        scale = np.abs(expected[:, :4]).max(initial=1)  # boxes are pixels where "relative" is 0
        assert np.abs(in_image(found, net, run) - expected[:, :4]).max() <= LIMIT * scale
        assert np.abs(found.objectness - expected[:, 4]).max() <= LIMIT
        assert np.abs(found.prob - expected[:, 5:]).max() <= LIMIT
        if f"mask_{k}" in g:
            assert np.abs(found.mask - g[f"mask_{k}"][g[f"dets_{k}"][:, 4] > 0]).max() <= LIMIT
    for i, y in outputs.items():
        np.testing.assert_array_equal(y.ravel(), g[f"L{i}/output"], "decoding must not change the output")


@pytest.mark.golden
@pytest.mark.parametrize("name", [n for n in harness.names("decode") if n != "region_flip"])
def test_activations(name):
    """The outputs themselves, from the recorded parameters and input."""
    g = harness.golden("decode", f"{name}.npz")
    m = g.meta
    net = harness.network(m["cfg"], str(SHARED / "golden"))
    harness.fill(net, m["seed"], m["gain"])
    x = harness.module("fill").fill_input(np.prod(net.input_shape), m["seed"]).reshape(1, *net.input_shape)
    for layer in net.layers:
        for key, v in layer.params.items():
            if key == "rolling_variance":  # the recordings divide by sqrt(variance) + 1e-6
                v[...] = (np.sqrt(v.astype(np.float64)) + 1e-6) ** 2 - 1e-5
    net.forward(x, keep=True)
    for i in m["heads"]:
        assert harness.error(net.outputs[i], g[f"L{i}/output"]) <= 2e-5

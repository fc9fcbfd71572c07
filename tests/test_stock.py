"""Every network in cfg/ loads with starting parameters and runs a batch of two."""

import numpy as np
import pytest

from darkpy import cfg as cfg_file
from darkpy.build import build
from darkpy.errors import CfgError
from darkpy.network import Network
from tests.shared import ROOT

STOCK = sorted(path.name for path in (ROOT / "cfg").glob("*.cfg"))


def small(path):
    """The network at a small size where it permits one, else (fully connected layers) at its own."""
    sections = cfg_file.read(path)
    for size in (64, 96, 160):
        try:
            graph = build(sections, batch=2, size=size if sections[0].get("width") else None)
        except CfgError:
            continue
        if graph.n_params <= 1.5 * build(cfg_file.read(path)).n_params:
            return graph
    return build(sections, batch=2)


@pytest.mark.parametrize("name", STOCK)
def test_runs(name, monkeypatch):
    monkeypatch.chdir(ROOT)  # cfgs name trees and maps below data/
    graph = small(ROOT / "cfg" / name)
    net = Network(graph)
    for layer in net.layers:
        for key, array in layer.params.items():
            if key.endswith("rolling_variance"):
                array[...] = 1
    rows = 2 * net.config.time_steps
    y = net.forward(np.random.default_rng(0).random((rows, *net.input_shape), np.float32))
    assert y.shape == (rows, *net.layers[net.output_index].out_shape)
    assert np.isfinite(y).all()

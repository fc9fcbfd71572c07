"""Weights files written by the original program: every parameter after loading, and the bytes of saving again."""

import numpy as np
import pytest

from darkpy import weights
from darkpy.errors import WeightsError
from darkpy.network import load
from tests.golden import harness
from tests.shared import shared

# recordings where the original read past the end or left bytes over without a word: the strict reading refuses them
ONLY_PARTIAL = {"cutoff2", "dontload1", "dontloadscales0", "numload"}


def loaded(name: str):
    """The recording, and a net filled as before loading."""
    g = harness.golden("weights", f"{name}.npz")
    net = harness.network(g.meta["load_cfg"] or g.meta["save_cfg"])
    harness.fill(net, g.meta["seed_before_load"], 1.0)
    return g, net, shared("golden", "weights", f"{name}.weights")


def parameters(g):
    """(layer, name as in `params`, numbers) of a recording."""
    for key in g.a:
        layer, name = key.split("/")
        index, _, inner = layer[1:].partition(".")
        yield int(index), f"{inner}.{name}" if inner else name, g[key]


@pytest.mark.golden
@pytest.mark.parametrize("name", harness.names("weights"))
def test_load(name, tmp_path):
    g, net, path = loaded(name)
    m = g.meta
    cutoff = m.get("load_cutoff")
    if name in ONLY_PARTIAL:
        with pytest.raises(WeightsError, match="bytes, but this cfg needs"):
            net.load_weights(path, cutoff=cutoff)
    found = net.load_weights(path, cutoff=cutoff, partial=name in ONLY_PARTIAL)
    assert net.seen == m.get("seen_after_load", m.get("seen"))
    assert found.header.size == m.get("header_bytes", 20)
    assert found.header.transposed == m.get("transposed", False)
    compared = 0
    for index, key, expected in parameters(g):
        np.testing.assert_array_equal(net.params(index)[key].ravel(), expected, f"layer {index} {key}")
        compared += expected.size
    if m["load_cfg"]:
        assert compared == net.graph.n_params
    if m.get("round_trip_identical") or not m["load_cfg"]:
        net.save(tmp_path / "again.weights")
        assert (tmp_path / "again.weights").read_bytes() == path.read_bytes()


@pytest.mark.golden
@pytest.mark.parametrize("name", harness.names("weights"))
def test_save(name, tmp_path):
    """A net filled as it was for the recording gives the same file."""
    g, _, path = loaded(name)
    m = g.meta
    net = harness.network(m["save_cfg"])
    harness.fill(net, m["seed_saved"], 1.0)
    cutoff = {"cutoff": m["cutoff"]} if "cutoff" in m else {}
    weights.write(tmp_path / "mine.weights", net.layers, m.get("seen", 0), **cutoff)
    mine, original = (tmp_path / "mine.weights").read_bytes(), path.read_bytes()
    if m.get("transposed"):  # a header put before numbers in today's order
        assert mine[20:] == original[16:]
    elif "header_bytes" in m:
        assert mine[20:] == original[m["header_bytes"]:]
    else:
        assert mine == original


@pytest.mark.golden
def test_deconvolution_comes_back():
    """The original writes such a file but divides by zero reading it: here it gives what was saved."""
    g, net, path = loaded("deconv_saveonly")
    net.load_weights(path)
    same = harness.network(g.meta["save_cfg"])
    harness.fill(same, g.meta["seed_saved"], 1.0)
    for i in range(len(net.layers)):
        for key, array in net.params(i).items():
            np.testing.assert_array_equal(array, same.params(i)[key])


@pytest.mark.golden
@pytest.mark.parametrize("name", ["yolo-fastest-1.1", "yolo-fastest-1.1-xl", "MobileNetV2-YOLOv3-Nano-coco"])
def test_published_models(name, tmp_path):
    """Trained with the AlexeyAB fork; saved again they differ in the header's revision only."""
    path = shared("golden", "models", f"{name}.weights")
    net = load(shared("golden", "models", f"{name}.cfg"), path)
    net.save(tmp_path / "again.weights")
    mine, original = (tmp_path / "again.weights").read_bytes(), path.read_bytes()
    assert original[8:12] == b"\5\0\0\0"
    assert mine[:8] + mine[12:] == original[:8] + original[12:]

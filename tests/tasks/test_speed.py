"""Timing: every pass and every layer is counted."""

import pytest

from darkpy.errors import CfgError
from darkpy.tasks.speed import measure

CFG = """[net]
width=16
height=16
channels=3
[convolutional]
filters=8
size=3
pad=1
[maxpool]
size=2
stride=2
[convolutional]
filters=4
size=1
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "n.cfg").write_text(CFG)
    return tmp_path / "n.cfg"


def test_passes_and_layers(net):
    s = measure(net, passes=3, batch=2, by_layer=True)
    assert len(s.passes) == 3
    assert min(s.passes) <= s.median <= max(s.passes)
    assert s.flops == 2 * (2 * 8 * 27 * 256 + 2 * 4 * 8 * 64)
    assert sum(layer.flops for layer in s.layers) == s.flops
    assert [layer.kind for layer in s.layers] == ["convolutional", "maxpool", "convolutional"]
    assert s.layers[0].seconds > 0
    assert sum(layer.seconds for layer in s.layers) >= s.layers[0].seconds


def test_size_and_default_number_of_passes(net, monkeypatch):
    monkeypatch.setattr("darkpy.tasks.speed.SECONDS", 0.01)
    s = measure(net, size=(32, 16))
    assert s.input_shape == (3, 32, 16)
    assert len(s.passes) >= 3
    assert s.layers == []


def test_recurrent_net(tmp_path):
    (tmp_path / "r.cfg").write_text("[net]\ninputs=6\ntime_steps=3\nbatch=4\n[gru]\noutput=5\n[softmax]\n")
    assert len(measure(tmp_path / "r.cfg", passes=2, batch=2).passes) == 2


def test_bad_cfg(net):
    net.write_text("[net]\n")
    with pytest.raises(CfgError, match="no input size"):
        measure(net)

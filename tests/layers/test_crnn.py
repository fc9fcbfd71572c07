"""[crnn]."""

import numpy as np
import pytest

from darkpy import cfg
from darkpy.build import build
from darkpy.errors import CfgError
from darkpy.ops import Reference
from tests.layers import through_time

BRANCHES = ["input_layer", "self_layer", "output_layer"]


@pytest.mark.parametrize("shortcut", [False, True])
def test_crnn(shortcut):
    through_time.check_all("crnn", (2, 3, 4), BRANCHES, steps=2, output_filters=2, hidden_filters=3,
                           activation="tanh", shortcut=shortcut)


def test_maps_keep_their_height_and_width():
    layer = through_time.make("crnn", (2, 5, 6), 1, output_filters=3, hidden_filters=4)
    assert layer.out_shape == (3, 5, 6)
    assert layer.declared["self_layer.weights"].shape == (4, 4, 3, 3)
    assert layer.flops == 2 * 5 * 6 * 9 * (2 * 4 + 4 * 4 + 4 * 3)


def test_training_starts_at_zero():
    layer = through_time.make("crnn", (2, 3, 3), 2, output=2, hidden=2, activation="leaky")
    ops, x = Reference(), through_time.rows(layer, 2)
    first, _ = layer.forward(ops, x, train=True)
    second, _ = layer.forward(ops, x, train=True)
    np.testing.assert_array_equal(first, second)


def problems(options):
    text = f"[net]\nwidth=4\nheight=4\nchannels=1\n[crnn]\n{options}\n"
    with pytest.raises(CfgError) as e:
        build(cfg.parse(text))
    return str(e.value)


def test_both_names_of_an_option():
    text = "[net]\nwidth=4\nheight=4\nchannels=1\n[crnn]\noutput=3\nhidden=2\n"
    layer = build(cfg.parse(text)).layers[0]
    assert layer.out_shape == (3, 4, 4)
    assert layer.state_shapes["h"] == (2, 4, 4)
    assert "cfg:6: [crnn] output=3 and output_filters=4 are names of one thing: give one" in problems(
        "output=3\noutput_filters=4")


def test_needs_a_map():
    with pytest.raises(CfgError, match=r"\[crnn\] needs a feature map"):
        build(cfg.parse("[net]\ninputs=7\n[crnn]\noutput=3\n"))


def test_batch_normalisation():
    options = {"output": 2, "hidden": 3, "batch_normalize": True, "activation": "tanh"}
    through_time.check_names(through_time.make("crnn", (2, 3, 4), 2, **options), BRANCHES,
                             ("weights", "biases", "scales"))
    through_time.check_plan(through_time.make("crnn", (2, 3, 4), 2, **options), 2)

"""[rnn]."""

import numpy as np
import pytest

from darkpy import cfg
from darkpy.build import build
from darkpy.network import Network
from darkpy.ops import Reference
from tests.layers import through_time

BRANCHES = ["input_layer", "self_layer", "output_layer"]


@pytest.mark.parametrize("options", [
    {"output": 4, "activation": "tanh"},
    {"output": 3, "hidden": 5, "activation": "logistic"},
    {"output": 4, "activation": "tanh", "shortcut": True},
])
def test_rnn(options):
    through_time.check_all("rnn", (5,), BRANCHES, **options)


def test_reads_maps():
    through_time.check_all("rnn", (2, 3, 2), BRANCHES, steps=2, output=3, activation="tanh")


def test_one_step():
    layer = through_time.make("rnn", (5,), 1, np.float64, output=3, activation="tanh")
    through_time.check_gradients(layer, 3)


def test_equation():
    """Two steps of one sequence, written out."""
    layer = through_time.make("rnn", (2,), 2, np.float64, output=2, activation="tanh")
    p, x = layer.params, through_time.rows(layer, 1, np.float64)

    def branch(name, v):
        return np.tanh(p[f"{name}.weights"] @ v + p[f"{name}.biases"])

    h = branch("input_layer", x[0]) + branch("self_layer", np.zeros(2))
    y0 = branch("output_layer", h)
    h = branch("input_layer", x[1]) + branch("self_layer", h)
    np.testing.assert_allclose(layer.forward(Reference(), x)[0], [y0, branch("output_layer", h)])


def test_training_goes_on_where_the_last_batch_ended():
    layer = through_time.make("rnn", (3,), 2, output=3, activation="tanh")
    ops, x = Reference(), through_time.rows(layer, 2)
    first, saved = layer.forward(ops, x, train=True)
    second, _ = layer.forward(ops, x, train=True)
    assert not np.allclose(first, second)
    # the first batch's backward is not disturbed by the state having moved on since
    expected = layer.backward(ops, first, saved)
    fresh = through_time.make("rnn", (3,), 2, output=3, activation="tanh")
    y, saved = fresh.forward(ops, x, train=True)
    np.testing.assert_array_equal(fresh.backward(ops, y, saved), expected)


def test_batch_normalisation_is_by_step():
    """In training every time step has its own mean, so that shifting one step's input changes no output."""
    layer = through_time.make("rnn", (3,), 2, np.float64, output=3, activation="linear", batch_normalize=True)
    ops, x = Reference(), through_time.rows(layer, 4, np.float64)
    y, _ = layer.forward(ops, x, train=True)
    x[4:] += 1
    layer.state.clear()
    shifted, saved = layer.forward(ops, x, train=True)
    np.testing.assert_allclose(shifted, y)
    layer.backward(ops, y, saved)
    assert {name for name, p in layer.declared.items() if p.trained} == set(layer.grads)
    layer.state.clear()
    z = layer.forward(ops, x)[0]  # the rolling statistics now
    assert not np.allclose(z, y)


@pytest.mark.parametrize("how", ["forward", "plan"])
def test_reset_state(how):
    text = "[net]\ninputs=3\ntime_steps=2\n[rnn]\noutput=4\n[gru]\noutput=2\n[lstm]\noutput=3\n"
    net = Network(build(cfg.parse(text)))
    x = through_time.rows(net.layers[0], 2)
    run = net.forward if how == "forward" else net.plan()
    first, second = np.array(run(x)), np.array(run(x))
    net.reset_state()
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.array(run(x)), first)


TEXT = "hello darkpy! "
CFG = """
[net]
batch=2
time_steps=14
inputs=128
learning_rate=0.3
momentum=0.9
decay=0
[rnn]
output=16
activation=tanh
[connected]
output=128
activation=linear
[softmax]
"""


def one_hot(codes):
    return np.eye(128, dtype=np.float32)[codes]


def test_learns_to_repeat_a_line():
    net = Network(build(cfg.parse(CFG)))
    codes = np.frombuffer(TEXT.encode(), np.uint8).astype(int)
    t = np.arange(14)[:, None] + np.array([0, 5])[None, :]  # two sequences, a few letters apart
    x, truth = one_hot(codes[t % 14].ravel()), one_hot(codes[(t + 1) % 14].ravel())
    costs = [net.train_step(x, truth) for _ in range(60)]
    assert costs[-1] < 0.05 * costs[0]

    # alone and letter by letter it goes on from what it reads
    talker = Network(build(cfg.parse(CFG.replace("time_steps=14", "time_steps=1")), batch=1))
    for layer, trained in zip(talker.layers, net.layers, strict=True):
        layer.params.update(trained.params)
    said = "h"
    for _ in range(27):
        said += chr(int(talker.forward(one_hot([ord(said[-1])])).argmax()))
    assert said == (TEXT * 2)[:28]

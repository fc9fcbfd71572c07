"""A network's training steps: when parameters move, by how much, and what is kept."""

import numpy as np
import pytest

from darkpy.errors import UsageError
from tests.golden.harness import network

NET = """[net]
batch={batch}
subdivisions={subdivisions}
inputs=4
learning_rate=0.1
momentum=0.9
decay=0
{more}
[connected]
output=3
activation=tanh
{first}
[connected]
output=2
activation=linear
[cost]
"""
random = np.random.default_rng(0)
X, TRUTH = random.standard_normal((4, 4), np.float32), random.standard_normal((4, 2), np.float32)


def make(batch=4, subdivisions=1, more="", first=""):
    return network(NET.format(batch=batch, subdivisions=subdivisions, more=more, first=first))


def weights(net):
    return {(i, k): a.copy() for i in range(len(net.layers)) for k, a in net.params(i).items()}


def moved(net, before):
    return {key for key, a in weights(net).items() if not np.array_equal(a, before[key])}


def test_cost_falls():
    net = make()
    costs = [net.train_step(X, TRUTH) for _ in range(200)]
    assert costs[-1] < 0.05 * costs[0]
    assert net.seen == 800 and net.updates == 200


def test_gradients_are_there_until_an_update():
    net = make()
    net.loss(X, TRUTH)
    net.backward()
    assert net.grads(0).keys() == net.params(0).keys()
    assert all(np.abs(g).max() > 0 for g in net.grads(0).values())
    net.update(0.1, 0.9, 0)
    assert not net.grads(0)


def test_subdivisions_give_the_step_of_the_whole_batch():
    whole, parts = make(4, 1), make(4, 2)
    assert parts.batch == 2
    for net in (whole, parts):
        net.layers[0].params["weights"][...] = weights(whole)[0, "weights"]
        net.layers[1].params["weights"][...] = weights(whole)[1, "weights"]
    for _ in range(3):
        whole.train_step(X, TRUTH)
        before = weights(parts)
        parts.train_step(X[:2], TRUTH[:2])
        assert not moved(parts, before)
        parts.train_step(X[2:], TRUTH[2:])
    for key, a in weights(whole).items():
        np.testing.assert_allclose(a, weights(parts)[key], rtol=1e-5, atol=1e-7)


def test_one_step_by_hand():
    net = make()
    before = weights(net)
    net.loss(X, TRUTH)
    net.backward()
    grads = {(i, k): g.copy() for i in (0, 1) for k, g in net.grads(i).items()}
    net.update(0.5, 0.9, 0.01)
    for key, g in grads.items():
        decay = 0.01 * 4 * before[key] if key[1] == "weights" else 0  # biases do not decay
        np.testing.assert_allclose(weights(net)[key], before[key] - 0.5 / 4 * (g + decay), rtol=1e-5, atol=1e-7)


def test_momentum_goes_on_without_a_gradient():
    net = make()
    net.train_step(X, TRUTH)
    before = weights(net)
    velocity = net.layers[0].moments["weights.velocity"].copy()
    net.update(0.1, 0.9, 0)
    np.testing.assert_allclose(weights(net)[0, "weights"], before[0, "weights"] - 0.1 / 4 * 0.9 * velocity, rtol=1e-5,
                               atol=1e-7)


def test_a_layers_own_learning_rate():
    net = make(first="learning_rate=0")
    before = weights(net)
    net.train_step(X, TRUTH)
    assert moved(net, before) == {(1, "weights"), (1, "biases")}


def test_stopbackward_ends_the_walk_there():
    net = make(first="stopbackward=1")
    before = weights(net)
    net.train_step(X, TRUTH)
    assert moved(net, before) == {(1, "weights"), (1, "biases")}


def test_adam_takes_steps_of_the_rate():
    net = make(more="adam=1")
    before = weights(net)
    net.train_step(X, TRUTH)
    for key, a in weights(net).items():
        np.testing.assert_allclose(np.abs(a - before[key]), 0.1, rtol=1e-2)
    assert set(net.layers[0].moments) == {"weights.m", "weights.v", "biases.m", "biases.v"}


def test_clip_limits_weights_of_convolutions():
    net = network("[net]\nwidth=3\nheight=3\nchannels=2\nlearning_rate=0\nclip=0.01\n"
                  "[convolutional]\nfilters=4\nsize=3\nactivation=linear\n[cost]\n")
    assert np.abs(net.params(0)["weights"]).max() > 0.01
    net.train_step(np.ones((1, 2, 3, 3), np.float32), np.zeros((1, 4), np.float32))
    assert np.abs(net.params(0)["weights"]).max() <= np.float32(0.01)


def test_rate_follows_images_seen():
    net = make(more="burn_in=10\npower=1")
    net.seen = 20
    assert net.rate() == pytest.approx(0.05)
    net.seen = 40
    assert net.rate() == pytest.approx(0.1)


def test_a_value_read_twice_has_both_gradients():
    """[route] and the layer behind both read layer 0."""
    net = network("[net]\ninputs=3\n[connected]\noutput=2\nactivation=linear\n[connected]\noutput=2\n"
                  "activation=linear\n[route]\nlayers=0,1\n[cost]\n")
    x = np.array([[1, 2, 3]], np.float32)
    net.loss(x, np.zeros((1, 4), np.float32))
    net.backward()
    y0, y1 = (net.tape.values[i] for i in (0, 1))
    np.testing.assert_allclose(net.tape.grads[0], y0 + y1 @ net.params(1)["weights"], rtol=1e-5)


def test_later_losses_add_to_an_earlier_one():
    net = network("[net]\ninputs=3\n[softmax]\n[cost]\n")
    x, truth = np.array([[1, 2, 3]], np.float32), np.array([[0, 1, 0]], np.float32)
    cost = net.loss(x, truth)
    net.backward()
    p = net.tape.values[0]
    assert cost == pytest.approx((-np.log(p[0, 1]) + ((p - truth) ** 2).sum()) / 2)
    np.testing.assert_allclose(net.tape.grads[-1], 2 * (p - truth), rtol=1e-5)


def test_onlyforward_takes_a_loss_out():
    """As in the original's [yolo] and [region] on a GPU."""
    text = "[net]\ninputs=3\n[connected]\noutput=2\nactivation=linear\n[cost]\n{0}\n[connected]\noutput=2\n[cost]\n"
    x, truth = np.ones((1, 3), np.float32), np.zeros((1, 2), np.float32)
    both, last = (network(text.format(more)) for more in ("", "onlyforward=1"))
    both.loss(x, truth)
    cost = last.loss(x, truth)
    assert len(both.tape.losses) == 2 and list(last.tape.losses) == [3] and cost == last.tape.losses[3].cost
    last.backward()
    np.testing.assert_array_equal(last.tape.grads[0], last.tape.grads[1])  # passes [cost] as it is


def test_a_net_without_loss_says_so():
    net = network("[net]\ninputs=3\n[connected]\noutput=2\n")
    with pytest.raises(UsageError, match="no loss layer"):
        net.loss(np.ones((1, 3), np.float32), np.ones((1, 2), np.float32))

"""Updates against Darknet's formulas, written down as they stand there and followed for several batches."""

import numpy as np
import pytest

from tests.golden.harness import network

NET = """[net]
batch=4
subdivisions=2
width=4
height=4
channels=2
learning_rate=.2
momentum=.7
decay=.05
burn_in=2
power=1
policy=steps
steps=4
scales=.1
{net}
[convolutional]
filters=3
size=3
batch_normalize=1
activation=leaky
{first}
[convolutional]
filters=2
size=1
activation=linear
{second}
[cost]
"""
RATES = [0.2 * 0.5, 0.2, 0.2, 0.02, 0.02]  # of batches 1 to 5: half way through burn-in, full, scaled from 4 on


def make(net="", first="", second=""):
    return network(NET.format(net=net, first=first, second=second))


def batches(net, count=5):
    """Learn `count` batches in two parts each; yields (rate, parameters before, gradients) before each update."""
    random = np.random.default_rng(0)
    for expected in RATES[:count]:
        for _ in range(2):
            net.learn(random.standard_normal((2, 2, 4, 4), np.float32), random.standard_normal((2, 8), np.float32))
        assert net.complete and net.rate() == pytest.approx(expected)
        arrays = {(i, k): a.astype(float) for i in range(2) for k, a in net.params(i).items() if "rolling" not in k}
        grads = {(i, k): g.astype(float) for i in range(2) for k, g in net.grads(i).items()}
        yield expected, arrays, grads
        net.step()


def compare(net, wanted):
    for (i, k), w in wanted.items():
        np.testing.assert_allclose(net.params(i)[k], w, rtol=1e-4, atol=1e-6, err_msg=f"layer {i} {k}")


def test_sgd():
    """updates += -gradient, for weights also -decay * batch * w; w += rate / batch * updates; updates *= momentum."""
    net = make(first="learning_rate=.25")
    updates, wanted = {}, {}
    for rate, before, grads in batches(net):
        compare(net, wanted)
        for (i, k), w in before.items():
            u = updates.get((i, k), 0) - grads[i, k]
            if k == "weights":
                u = u - 0.05 * 4 * w
            wanted[i, k] = w + rate * (0.25 if i == 0 else 1) / 4 * u
            updates[i, k] = 0.7 * u
    compare(net, wanted)
    assert net.updates == 5


def test_adam():
    """d = -gradient - decay * batch * w, also of biases; not divided by the batch; with the correction of the bias."""
    net = make("adam=1\nB1=.8\nB2=.95\neps=.001")
    m, v, wanted = {}, {}, {}
    for t, (rate, before, grads) in enumerate(batches(net), 1):
        compare(net, wanted)
        for key, w in before.items():
            d = -grads[key] - 0.05 * 4 * w
            m[key] = 0.8 * m.get(key, 0) + 0.2 * d
            v[key] = 0.95 * v.get(key, 0) + 0.05 * d * d
            wanted[key] = w + rate * (m[key] / (1 - 0.8**t)) / (np.sqrt(v[key] / (1 - 0.95**t)) + 0.001)
    compare(net, wanted)


def test_clip():
    """Weights of convolutions are cut off behind each update, biases and scales are not."""
    free, clipped = make(), make("clip=.15")
    for _ in zip(batches(free, 1), batches(clipped, 1), strict=True):
        pass
    for i in range(2):
        for k, w in free.params(i).items():
            wanted = np.clip(w, -0.15, 0.15) if k == "weights" else w
            np.testing.assert_allclose(clipped.params(i)[k], wanted, rtol=1e-6)
    assert np.abs(free.params(0)["weights"]).max() > 0.15


def test_stopbackward():
    """The layer that bears it, and all before, get no gradient; their weights only decay, as in the original."""
    net = make(second="stopbackward=1")
    updates, wanted = 0, None
    for rate, before, grads in batches(net):
        assert not grads
        if wanted is not None:
            compare(net, {(0, "weights"): wanted})
        u = updates - 0.05 * 4 * before[0, "weights"]
        wanted = before[0, "weights"] + rate / 4 * u
        updates = 0.7 * u
        start = before
    compare(net, {(i, k): w for (i, k), w in start.items() if k != "weights"})
    one = make(first="stopbackward=1")
    for _, _, grads in batches(one, 1):
        assert {i for i, _ in grads} == {1}


def test_time_steps_count_as_images():
    """`batch` of the formulas is batch * time_steps."""
    net = network("[net]\nbatch=3\ntime_steps=2\ninputs=2\nlearning_rate=.5\nmomentum=0\ndecay=0\n"
                  "[connected]\noutput=1\nactivation=linear\n[cost]\n")
    net.learn(np.ones((6, 2), np.float32), np.ones((6, 1), np.float32))
    before, grad = net.params(0)["weights"].copy(), net.grads(0)["weights"].copy()
    assert (net.seen, net.batches) == (6, 1)
    net.step()
    np.testing.assert_allclose(net.params(0)["weights"], before - 0.5 / 6 * grad, rtol=1e-6)

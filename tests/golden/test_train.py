"""Training, step by step, against the original program: costs, gradients, updates.

Darknet's `delta` of a layer is minus the gradient behind the layer's activation and batch normalisation.  That place
has no name here, so a Spy takes it from the arguments of the op that makes a layer's weight gradient.  Darknet keeps
momentum inside its `*_updates`: they are minus (gradient + momentum * velocity).
"""

import re

import numpy as np
import pytest

from darkpy.ops import Cpu, reference
from darkpy.plan import binary
from darkpy.plan.one_bit import OneBit
from tests.golden import harness
from tests.layers import harness as layers
from tests.shared import SHARED


class CpuBuild(layers.Apart, Cpu):
    """The fast backend with the rounding of the original's CPU build: batch normalisation divides by
    sqrt(variance) + 1e-6 on the way forward, and by sqrt(variance + 1e-5) on the way back."""

    def batchnorm(self, x, mean, variance, scales, biases, *, eps):
        variance = (np.sqrt(variance) + np.float32(1e-6)) ** 2
        return reference.batchnorm(x, mean, variance, scales, biases, eps=0)

    def batchnorm_dx(self, dy, x, mean, variance, scales, *, eps, exact):
        dx, _, dbiases = reference.batchnorm_dx(dy, x, mean, variance, scales, eps=eps, exact=exact)
        x_norm = self.batchnorm(x, mean, variance, np.ones_like(scales), np.zeros_like(scales), eps=eps)
        return dx, (dy * x_norm).sum((0, *range(2, x.ndim))), dbiases


class Spy:
    """A backend that keeps, for the layer being walked back, the gradient behind its activation."""

    WHERE = {"conv_dw": 0, "linear_dw": 0, "local_dw": 0}

    def __init__(self, ops):
        self.ops = ops
        self.kind = ""
        self.delta = None

    def __getattr__(self, name):
        function = getattr(self.ops, name)
        if name not in (*self.WHERE, "activation_dx"):
            return function

        def run(*args, **kw):
            result = function(*args, **kw)
            if name == "activation_dx":
                self.delta = result
            else:
                self.delta = args[1 if self.kind == "deconvolutional" else 0]
            return result

        return run


def watch(net):
    """Deltas by layer, filled while `net.backward()` runs."""
    spy = net.ops = Spy(net.ops)
    deltas = {}

    def watched(i, layer):
        backward = layer.backward

        def run(ops, dy, saved):
            spy.kind, spy.delta = layer.kind, None
            dx = backward(ops, dy, saved)
            if layer.kind == "batchnorm":
                spy.delta = dx
            deltas[i] = dy if spy.delta is None else spy.delta
            return dx

        return run

    for i, layer in enumerate(net.layers):
        layer.backward = watched(i, layer)
    return deltas


UPDATES = {"weight_updates": "weights", "bias_updates": "biases", "scale_updates": "scales"}
RECURRENT = {"rnn", "crnn", "gru", "lstm"}  # their delta is an inner branch's: the inner gradients are compared
SECRET = -1234


class Recording:
    """One file of train/, and a net that takes the same steps."""

    def __init__(self, name):
        self.g = harness.golden("train", f"{name}.npz")
        self.meta = self.g.meta
        self.net = harness.network(self.meta["cfg"], str(SHARED / "golden"))
        self.net.ops = CpuBuild()
        harness.fill(self.net, self.meta["seed"], self.meta["gain"])
        self.net.seen = self.meta["seen0"]
        self.deltas = watch(self.net)
        self.updates = {}
        self.worst = 0.0
        backward = self.net.backward

        def remember():
            backward(input_gradient=True)
            momentum = 0 if self.net.config.adam else self.net.config.momentum
            for i, layer in enumerate(self.net.layers):
                for key, param in layer.params.items():
                    u = -layer.grads.get(key, np.zeros_like(param))
                    if f"{key}.velocity" in layer.moments:
                        u = u - momentum * layer.moments[f"{key}.velocity"]
                    if layer.kind == "batchnorm":  # never updated, so Darknet's sums go on
                        u = u + self.updates.get((i, key), 0)
                    self.updates[i, key] = u

        self.net.backward = remember

    def input(self, step):
        n = self.meta["inputs"] * self.meta["batch"]
        return harness.module("fill").fill_input(n, self.meta["seed"] + 7000 * step).reshape(self.meta["batch"], -1)

    def mine(self, tensor):
        """Our number for `L3/output`, `L0.uf/bias_updates`, `input_delta`, or None where there is none."""
        tape = self.net.tape
        if tensor == "input_delta":
            return -tape.grads.get(-1, np.zeros_like(tape.values[-1]))
        i, sub, what = re.fullmatch(r"L(\d+)(?:\.(\w+))?/(\w+)", tensor).groups()
        i, layer = int(i), self.net.layers[int(i)]
        if what == "output":
            return tape.values[i]
        if what == "fdelta" and layer.kind == "region":
            return None  # before the logistic derivative, which belongs to our gradient; its delta is compared
        if what in ("delta", "fdelta"):
            if i in tape.losses:
                delta = -tape.losses[i].dx / getattr(layer.config, "scale", 1)
                return delta - tape.grads[i].reshape(delta.shape) if what == "delta" and i in tape.grads else delta
            if layer.kind in RECURRENT or layer.kind == "crop":
                return None
            return -self.deltas.get(i, tape.grads.get(i, np.zeros_like(tape.values[i])))
        key = (f"{sub}." if sub else "") + UPDATES.get(what, what)
        return self.updates[i, key] if what in UPDATES else layer.params[key]

    def corrupt(self, tensor, idx):
        """Where the original overwrites a prediction with the secret number ([cost] masked): not ours to match."""
        bad = np.zeros(len(idx), bool)
        if tensor.endswith("output") and getattr(self.net.layers[-1].config, "type", "") == "masked" and (
                tensor == f"L{len(self.net.layers) - 2}/output"):
            bad = self.g["truth"].ravel()[idx] == SECRET
        return bad

    def compare(self, only="", steps=None):
        """Take `steps` steps (all) and hold what matches `only` to the limits of the recordings' README."""
        g, net = self.g, self.net
        for step in range(steps or self.meta["steps"]):
            self.deltas.clear()
            cost = net.train_step(self.input(step), g["truth"])
            assert net.seen == g["seen"][step]
            assert net.rate() == pytest.approx(g["rate"][step], rel=1e-5)
            pairs = [("cost", cost, g["cost"][step])]
            pairs += [(f"L{i}/cost", loss.cost, g["layer_cost"][step, i]) for i, loss in net.tape.losses.items()]
            for _, tensor, idx, value, size in g.tensors(step):
                mine = self.mine(tensor) if re.search(only, tensor) else None
                if mine is None:
                    continue
                assert np.size(mine) == size, tensor
                good = ~self.corrupt(tensor, idx)
                pairs.append((tensor, np.ravel(mine)[idx][good], value[good]))
            limit = 1e-3 if step or self.meta["name"] == "avgpool_softmax" else 1e-4
            errors = {tensor: harness.error(a, b) for tensor, a, b in pairs if re.search(only, tensor)}
            self.worst = max([self.worst, *errors.values()])
            wrong = {tensor: f"{e:.1e}" for tensor, e in errors.items() if not e <= limit}
            assert not wrong, f"step {step}: {wrong}"


FORWARD = "output$|cost$"
# recordings of what is wrong in the original: what we do instead, what agrees all the same, in how many steps
BUGS = {
    "adam_connected_cpu": ("adam=1 is obeyed, as on the GPU", "output|delta|updates|rolling|cost", 1),
    "adam_conv_cpu": ("adam=1 is obeyed, as on the GPU", "output|delta|updates|rolling|cost", 1),
    "conv_1x1_overwrite": ("a 1x1 convolution adds to the gradient of its input", f"{FORWARD}|L[1-9].*delta", 1),
    "conv_1x1_shortcut_lost": ("a 1x1 convolution adds to the gradient of its input", f"{FORWARD}|L[1-9].*delta", 1),
    "yolo_two_heads": ("a 1x1 convolution adds to the gradient of its input", f"{FORWARD}|L[2-9].*delta", 1),
    "conv_1x1_stride2_cpu": ("a 1x1 convolution obeys its stride", "L0/output", 1),
    "conv_binary_cpu": ("binary=1 is obeyed, as on the GPU", "L0/output", 1),
    "conv_xnor_cpu": ("xnor=1 gives the GPU's gradients", FORWARD, 1),
    "cost_smooth": ("the gradient has the sign of the error", FORWARD, 1),
    "crop_noise_free": ("gradients pass through [crop]", "^L|cost", 3),
    "gru_cpu_backward_empty": ("[gru] has a backward", FORWARD, 1),
    "lstm": ("gradients reach back as far as the batch's first step, and no further", FORWARD, 1),
    "lstm_2layer": ("as lstm", FORWARD, 1),
    "lstm_bn": ("as lstm", FORWARD, 1),
    "region_cpu": ("[region] has a backward", FORWARD, 1),
    "region_warmup_cpu": ("[region] has a backward", FORWARD, 1),
    "rnn": ("the input branch gets its own gradient, not that of the self branch", FORWARD, 1),
    "rnn_bn": ("as rnn", FORWARD, 1),
    "rnn_shortcut": ("as rnn", FORWARD, 1),
    "crnn": ("maps that are not square keep their sides", "^$", 1),
    "crnn_bn": ("as crnn", "^$", 1),
    "softmax_tree": ("groups without truth cost nothing, as on the GPU", "output", 1),
}


@pytest.mark.golden
@pytest.mark.parametrize("name", [n for n in harness.names("train") if n not in BUGS])
def test_train(name):
    Recording(name).compare()


@pytest.mark.golden
@pytest.mark.parametrize("name", BUGS)
def test_original_is_wrong(name):
    _, only, steps = BUGS[name]
    recording = Recording(name)
    recording.compare(only, steps)
    if name == "crop_noise_free":
        assert np.abs(recording.net.tape.grads[-1]).max() > 0
    else:
        with pytest.raises(AssertionError):  # the rest does differ: the entry is not out of date
            Recording(name).compare()


@pytest.mark.golden
@pytest.mark.parametrize(("name", "factor"), [("conv_1x1_overwrite", 2), ("conv_1x1_shortcut_lost", 2),
                                              ("conv_1x1_stride2_cpu", 2), ("cost_smooth", 2), ("softmax_tree", 1)])
def test_where_it_is_wrong_ours_is_the_derivative(name, factor):
    """Of the cost, by central differences through the whole net (squared errors: half of it, as everywhere)."""
    recording = Recording(name)
    net, truth = recording.net, recording.g["truth"]
    net.ops = layers.Exact()
    net.check_input = lambda x: x  # leave it in float64
    for layer in net.layers:
        for key, array in layer.params.items():
            layer.params[key] = array.astype(np.float64)
    x = recording.input(0).astype(np.float64).reshape(-1, *net.input_shape)
    net.loss(x, truth)
    net.backward()
    dx = net.tape.grads[-1]
    for i, layer in enumerate(net.layers):
        for key, grad in list(layer.grads.items()):
            layers.compare_differences(f"L{i}/{key}", layer.params[key], grad, lambda: net.loss(x, truth), factor)
    layers.compare_differences("input", x, dx, lambda: net.loss(x, truth), factor)


@pytest.mark.golden
@pytest.mark.parametrize(("name", "kernel"), [("conv_binary_device", OneBit), ("conv_xnor_device", binary.Xnor),
                                              ("conv_xnor_cpu", binary.Xnor)])
def test_binary_layers_through_a_plan(name, kernel, monkeypatch):
    """From bits a plan gives what the original's floats gave, once its statistics are those of the recorded batch."""
    monkeypatch.setattr(binary, "FEWEST", 1)  # these nets have 6 channels
    recording = Recording(name)
    net, x, seen = recording.net, recording.input(0), []
    statistics = net.ops.batch_statistics
    net.ops.batch_statistics = lambda z: seen.append(statistics(z)) or seen[-1]
    net.loss(x, recording.g["truth"])
    normalised = [layer for layer in net.layers if getattr(layer, "norm", None)]
    for layer, (mean, variance) in zip(normalised, seen, strict=True):
        layer.params["rolling_mean"][...], layer.params["rolling_variance"][...] = mean, variance
    plan = net.plan()
    (y,) = plan(x)
    assert any(isinstance(step, kernel) for step in plan.program(len(x)).program.steps)
    for _, tensor, idx, value, _ in recording.g.tensors(0):
        if tensor == f"L{net.output_index}/output":
            assert harness.error(np.ravel(y)[idx], value) <= 1e-4
            return
    raise AssertionError("the recording has no output")

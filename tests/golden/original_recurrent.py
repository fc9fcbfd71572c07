"""The recurrent layers with the mistakes of the original's backward, as most recordings of their training hold them.

With these the recordings are met number by number, which shows that darkpy's own layers differ in nothing else.
"""

from darkpy.layers import LAYERS
from darkpy.layers.base import EPSILON
from darkpy.layers.crnn import Crnn
from darkpy.layers.lstm import GATES, Lstm
from darkpy.layers.rnn import Rnn


def behind_activation(ops, inner, dy, saved):
    """The gradient behind an inner layer's activation and batch normalisation, which the original keeps in place."""
    *_, (z, statistics, pre, y) = saved
    d = ops.activation_dx(dy, y, pre, kind=inner.config.activation)
    if inner.norm:
        d, _, _ = ops.batchnorm_dx(d, z, *inner.norm.newest, inner.params["scales"], eps=EPSILON, exact=False)
    return d


class ThroughSelf:
    """[rnn] on the CPU and [crnn] everywhere: the input branch gets the gradient that has already passed the
    activation of the self branch.  With shortcut=1 so does the older state, and the output branch forgets that the
    older state was part of its input."""

    def forward(self, ops, x, train=False):
        y, saved = super().forward(ops, x, train)
        if train and self.config.shortcut:
            saved_input, saved_steps, (_, *rest) = saved
            wh = ops.concat(*(step[-1][-1] for step in saved_steps), axis=0)
            saved = saved_input, saved_steps, (ops.add(saved_input[-1][-1], wh), *rest)
        return y, saved

    def backward(self, ops, dy, saved):
        saved_input, saved_steps, saved_output = saved
        parts = self.split(ops, self.all_steps_backward(ops, "output_layer", dy, saved_output))
        inner = self.inner["self_layer"]
        du, dh = [], None
        for part, step in zip(reversed(parts), reversed(saved_steps), strict=True):
            d = part if dh is None else ops.add(part, dh)
            du.append(behind_activation(ops, inner, d, step))
            dh = inner.backward(ops, d, step)
            if self.config.shortcut:
                dh = ops.add(dh, du[-1])
        return self.all_steps_backward(ops, "input_layer", ops.concat(*reversed(du), axis=0), saved_input)


class OriginalRnn(ThroughSelf, Rnn):
    carries_in_training = False  # the CPU's


class OriginalCrnn(ThroughSelf, Crnn):
    pass


class OriginalLstm(Lstm):
    """At the first step of a batch the original takes what that step left for what it found, and leaves it to the next
    batch as if it were the last step's; and the gradient of the cell enters the last step from the batch before."""

    dc = None
    steps_done = 0

    def step_backward(self, ops, dh, dc, saved):
        if self.steps_done == 0:
            dc = self.dc
        self.steps_done += 1
        if self.steps_done == self.net.time_steps:
            before, squashed, a, saved_w = saved
            h = ops.mul(a["o"], squashed)
            c = ops.add(ops.mul(a["f"], before), ops.mul(a["i"], a["g"]))
            saved = c, squashed, a, {gate: (h, *saved_w[gate][1:]) for gate in GATES}
        d, dh, dc = super().step_backward(ops, dh, dc, saved)
        if self.steps_done == self.net.time_steps:
            self.steps_done, self.dc = 0, dc
            ops.assign(self.state["h"], h)
            ops.assign(self.state["c"], c)
        return d, dh, dc


def substitute(monkeypatch):
    """Let nets be built with these layers."""
    for kind, cls in (("rnn", OriginalRnn), ("crnn", OriginalCrnn), ("lstm", OriginalLstm)):
        monkeypatch.setitem(LAYERS, kind, cls)

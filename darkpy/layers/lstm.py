"""[lstm]: long short-term memory (Hochreiter & Schmidhuber, 1997; the forget gate of Gers et al., 2000).

    f, i, o = logistic(Uf x + Wf h), logistic(Ui x + Wi h), logistic(Uo x + Wo h)     forget, input, output gate
    g       = tanh(Ug x + Wg h)
    c'      = f * c + i * g                                                           the cell
    h'      = o * tanh(c') = y

All U and W are linear connected layers, each with its own biases.  h and c go on from call to call, in training too;
the gradient ends at the first step of a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, LayerConfig, NetInfo, register
from darkpy.layers.connected import Connected
from darkpy.layers.recurrent import Recurrent
from darkpy.ops.spec import Shape

GATES = ("i", "f", "o", "g")  # in the order of a weights file
KIND = {"i": "logistic", "f": "logistic", "o": "logistic", "g": "tanh"}


@register("lstm")
class Lstm(Recurrent):
    @dataclass
    class Config(LayerConfig):
        output: int = opt(1, low=1)
        batch_normalize: bool = opt(False)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        n = config.output
        for letter, shape in (("w", (n,)), ("u", in_shapes[0])):
            for gate in GATES:
                c = Connected.Config(output=n, activation="linear", batch_normalize=config.batch_normalize)
                self.add_inner(letter + gate, Connected(c, [shape], net))
        self.state_shapes = {"h": (n,), "c": (n,)}
        self.out_shape = (n,)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        h, c = self.carried(ops, x, train)
        u = {gate: self.all_steps(ops, "u" + gate, x, train) for gate in GATES}
        ys, saved_steps = [], []
        for t in range(self.net.time_steps):
            a, saved_w = {}, {}
            for gate in GATES:
                w, saved_w[gate] = self.inner["w" + gate].forward(ops, h, train)
                a[gate] = ops.activation(ops.add(self.step(ops, u[gate][0], t), w), kind=KIND[gate])
            before = c
            c = ops.add(ops.mul(a["f"], c), ops.mul(a["i"], a["g"]))
            squashed = ops.activation(c, kind="tanh")
            h = ops.mul(a["o"], squashed)
            ys.append(h)
            saved_steps.append((before, squashed, a, saved_w))
        ops.assign(self.state["h"], h)
        ops.assign(self.state["c"], c)
        saved_u = {gate: saved for gate, (_, saved) in u.items()}
        return ops.concat(*ys, axis=0), (saved_u, saved_steps) if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        saved_u, saved_steps = saved
        du: dict[str, list[Array]] = {gate: [] for gate in GATES}
        dh = dc = None  # what step t + 1 asks of the h and c that step t left
        for part, saved_step in zip(reversed(self.split(ops, dy)), reversed(saved_steps), strict=True):
            d, dh, dc = self.step_backward(ops, part if dh is None else ops.add(part, dh), dc, saved_step)
            for gate in GATES:
                du[gate].append(d[gate])
        dx = None
        for gate in GATES:
            part = self.all_steps_backward(ops, "u" + gate, ops.concat(*reversed(du[gate]), axis=0), saved_u[gate])
            dx = part if dx is None else ops.add(dx, part)
        return dx

    def step_backward(self, ops: Any, dh: Array, dc: Array | None, saved: Any) -> tuple[dict[str, Array], Array, Array]:
        """(gradients for the sums inside the gates, dh and dc for the step before)."""
        before, squashed, a, saved_w = saved
        # logistic and tanh have their derivatives from their output
        through_h = ops.activation_dx(ops.mul(dh, a["o"]), squashed, squashed, kind="tanh")
        dc = through_h if dc is None else ops.add(dc, through_h)
        factors = {"i": (dc, a["g"]), "f": (dc, before), "o": (dh, squashed), "g": (dc, a["i"])}
        d = {gate: ops.activation_dx(ops.mul(*factors[gate]), a[gate], a[gate], kind=KIND[gate]) for gate in GATES}
        dh = None
        for gate in GATES:
            part = self.inner["w" + gate].backward(ops, d[gate], saved_w[gate])
            dh = part if dh is None else ops.add(dh, part)
        return d, dh, ops.mul(dc, a["f"])

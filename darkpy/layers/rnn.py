"""[rnn]: the simple recurrent network (Elman, "Finding Structure in Time", 1990), with Darknet's two activations.

    h' = f(U x) + f(W h)     (+ h with shortcut=1)
    y  = f(V h')

U, W, V are the inner layers input_layer, self_layer, output_layer: connected ones with biases, activation f and, if
wanted, batch normalisation.  The state h goes on from call to call, in training as in inference, as it does in
Darknet's GPU build; the gradient ends at the first step of a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from darkpy.cfg import opt
from darkpy.layers.base import Array, LayerConfig, NetInfo, register
from darkpy.layers.connected import Connected
from darkpy.layers.recurrent import Recurrent
from darkpy.ops.spec import ACTIVATIONS, Shape


@register("rnn")
class Rnn(Recurrent):
    carries_in_training: ClassVar[bool] = True

    @dataclass
    class Config(LayerConfig):
        output: int = opt(1, low=1)
        hidden: int = opt(0, low=0)  # length of the state, if not `output`
        activation: str = opt("logistic", words=ACTIVATIONS)
        batch_normalize: bool = opt(False)
        shortcut: bool = opt(False)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        hidden = config.hidden or config.output
        for name, shape, n in (("input_layer", in_shapes[0], hidden), ("self_layer", (hidden,), hidden),
                               ("output_layer", (hidden,), config.output)):
            c = Connected.Config(output=n, activation=config.activation, batch_normalize=config.batch_normalize)
            self.add_inner(name, Connected(c, [shape], net))
        self.state_shapes = {"h": (hidden,)}
        self.out_shape = (config.output,)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        (h,) = self.carried(ops, x, train)
        if train and not self.carries_in_training:
            h = ops.zeros(h, shape=tuple(h.shape))
        u, saved_input = self.all_steps(ops, "input_layer", x, train)
        states, saved_steps = [], []
        for ux in self.split(ops, u):
            wh, saved = self.inner["self_layer"].forward(ops, h, train)
            new = ops.add(ux, wh)
            h = ops.add(new, h) if self.config.shortcut else new
            states.append(h)
            saved_steps.append(saved)
        ops.assign(self.state["h"], h)
        y, saved_output = self.all_steps(ops, "output_layer", ops.concat(*states, axis=0), train)
        return y, (saved_input, saved_steps, saved_output) if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        saved_input, saved_steps, saved_output = saved
        from_output = self.split(ops, self.all_steps_backward(ops, "output_layer", dy, saved_output))
        du = []
        dh = None  # what step t + 1 asks of the state that step t left
        for part, saved_step in zip(reversed(from_output), reversed(saved_steps), strict=True):
            dnew = part if dh is None else ops.add(part, dh)
            du.append(dnew)
            dh = self.inner["self_layer"].backward(ops, dnew, saved_step)
            if self.config.shortcut:
                dh = ops.add(dh, dnew)
        return self.all_steps_backward(ops, "input_layer", ops.concat(*reversed(du), axis=0), saved_input)

"""[gru]: the gated recurrent unit (Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014).

    z  = logistic(Uz x + Wz h)        how much of the old state stays
    r  = logistic(Ur x + Wr h)        how much of it the candidate sees
    c  = f(Uh x + Wh (r * h))         the candidate; f is tanh with tanh=1, else logistic
    h' = z * h + (1 - z) * c = y

All U and W are linear connected layers, each with its own biases.  The state h goes on from call to call, in training
too; the gradient ends at the first step of a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, LayerConfig, NetInfo, register
from darkpy.layers.connected import Connected
from darkpy.layers.recurrent import Recurrent
from darkpy.ops.spec import Shape

FROM_INPUT = ("uz", "ur", "uh")


@register("gru")
class Gru(Recurrent):
    @dataclass
    class Config(LayerConfig):
        output: int = opt(1, low=1)
        batch_normalize: bool = opt(False)
        tanh: bool = opt(False)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        n = config.output
        for name in ("wz", "wr", "wh", "uz", "ur", "uh"):
            c = Connected.Config(output=n, activation="linear", batch_normalize=config.batch_normalize)
            self.add_inner(name, Connected(c, [in_shapes[0] if name in FROM_INPUT else (n,)], net))
        self.state_shapes = {"h": (n,)}
        self.out_shape = (n,)
        self.candidate = "tanh" if config.tanh else "logistic"

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        (h,) = self.carried(ops, x, train)
        u, saved_u = {}, {}
        for name in FROM_INPUT:
            u[name], saved_u[name] = self.all_steps(ops, name, x, train)
        ys, saved_steps = [], []
        for t in range(self.net.time_steps):
            wz, saved_wz = self.inner["wz"].forward(ops, h, train)
            wr, saved_wr = self.inner["wr"].forward(ops, h, train)
            z = ops.activation(ops.add(self.step(ops, u["uz"], t), wz), kind="logistic")
            r = ops.activation(ops.add(self.step(ops, u["ur"], t), wr), kind="logistic")
            wh, saved_wh = self.inner["wh"].forward(ops, ops.mul(r, h), train)
            c = ops.activation(ops.add(self.step(ops, u["uh"], t), wh), kind=self.candidate)
            saved_steps.append((h, z, r, c, saved_wz, saved_wr, saved_wh))
            h = ops.mix(z, h, c)
            ys.append(h)
        ops.assign(self.state["h"], h)
        return ops.concat(*ys, axis=0), (saved_u, saved_steps) if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        saved_u, saved_steps = saved
        du: dict[str, list[Array]] = {name: [] for name in FROM_INPUT}
        dh = None  # what step t + 1 asks of the state that step t left
        for part, saved_step in zip(reversed(self.split(ops, dy)), reversed(saved_steps), strict=True):
            h, z, r, c, saved_wz, saved_wr, saved_wh = saved_step
            dz, dh, dc = ops.mix_dx(part if dh is None else ops.add(part, dh), z, h, c)
            # logistic and tanh have their derivatives from their output
            dc = ops.activation_dx(dc, c, c, kind=self.candidate)
            dseen = self.inner["wh"].backward(ops, dc, saved_wh)  # for r * h
            dz = ops.logistic_dx(dz, z)
            dr = ops.logistic_dx(ops.mul(dseen, h), r)
            for more in (ops.mul(dseen, r), self.inner["wr"].backward(ops, dr, saved_wr),
                         self.inner["wz"].backward(ops, dz, saved_wz)):
                dh = ops.add(dh, more)
            for name, d in (("uz", dz), ("ur", dr), ("uh", dc)):
                du[name].append(d)
        dx = None
        for name in FROM_INPUT:
            part = self.all_steps_backward(ops, name, ops.concat(*reversed(du[name]), axis=0), saved_u[name])
            dx = part if dx is None else ops.add(dx, part)
        return dx

"""[shortcut]: y = activation(alpha * x + beta * from), the residual connection (He et al., 2015).

`x` is the layer before.  Sizes may differ by an integer ratio, and channels may differ: see `ops.shortcut`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, LayerProblem, NetInfo, need_map, register
from darkpy.layers.route import absolute
from darkpy.ops.spec import ACTIVATIONS, Shape


@register("shortcut")
class Shortcut(Layer):
    @dataclass
    class Config(LayerConfig):
        source: int = opt(0, key="from", required=True)
        activation: str = opt("linear", words=ACTIVATIONS)
        alpha: float = opt(1.0)
        beta: float = opt(1.0)

    @classmethod
    def sources(cls, config: Config, index: int) -> list[int]:
        return [index - 1, absolute(config.source, index, "from")]

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        (_, h1, w1), (_, h2, w2) = (need_map(s, self.kind) for s in in_shapes)
        if (max(w1 // w2, 1), max(w2 // w1, 1)) != (max(h1 // h2, 1), max(h2 // h1, 1)):
            raise LayerProblem(f"joins a {w1}x{h1} map and a {w2}x{h2} map: widths and heights must have the same "
                               "integer ratio", "from")

    def forward(self, ops: Any, x: Array, other: Array, train: bool = False) -> tuple[Array, Any]:
        c = self.config
        z = ops.shortcut(x, other, alpha=c.alpha, beta=c.beta)
        y = ops.activation(z, kind=c.activation)
        return y, (z, y) if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> tuple[Array, Array]:
        z, y = saved
        dz = ops.activation_dx(dy, y, z, kind=self.config.activation)
        return (ops.shortcut_dx(dz, alpha=self.config.alpha),
                ops.shortcut_dy(dz, shape=self.in_shapes[1], beta=self.config.beta))

"""[normalization]: local response normalisation across channels (Krizhevsky et al., 2012, section 3.3).

    y = x * (kappa + alpha * sum of x^2 over `size` neighbouring channels) ^ -beta

with the original's window and its approximate gradient: see `lrn` in ops/reference/norm.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, NetInfo, need_map, register
from darkpy.ops.spec import Shape


@register("normalization", "lrn")
class ResponseNorm(Layer):
    @dataclass
    class Config(LayerConfig):
        alpha: float = opt(0.0001)
        beta: float = opt(0.75)
        kappa: float = opt(1.0)
        size: int = opt(5, low=1, high=1 << 16)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        need_map(in_shapes[0], self.kind)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        c = self.config
        y, norms = ops.lrn(x, size=c.size, alpha=c.alpha, beta=c.beta, kappa=c.kappa)
        return y, norms if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        return ops.lrn_dx(dy, saved, beta=self.config.beta)

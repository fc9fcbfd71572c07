"""[activation]: an activation function as a layer of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, register
from darkpy.ops.spec import ACTIVATIONS


@register("activation")
class Activation(Layer):
    @dataclass
    class Config(LayerConfig):
        activation: str = opt("linear", words=ACTIVATIONS)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        y = ops.activation(x, kind=self.config.activation)
        return y, (x, y) if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        x, y = saved
        return ops.activation_dx(dy, y, x, kind=self.config.activation)

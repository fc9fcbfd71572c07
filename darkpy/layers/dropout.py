"""[dropout]: in training each number is dropped with the given probability and the others scaled up to make good for
it (Srivastava et al., 2014); in inference nothing happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, register


@register("dropout")
class Dropout(Layer):
    @dataclass
    class Config(LayerConfig):
        probability: float = opt(0.5, low=0, high=1)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        if not train:
            return x, None
        mask = self.mask(ops, x)
        return ops.mul(x, mask), mask

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        return ops.mul(dy, saved)

    def mask(self, ops: Any, x: Array) -> Array:
        """0 with the probability of dropping, else 1/(1-probability)."""
        p = self.config.probability
        return ops.dropout_mask(x, random=self.random, probability=p)

"""[l2norm]: each pixel's channel vector (or each row of numbers) divided by its length.

The gradient passes through unchanged, as the original has it: the layer stands in front of losses that compare
directions, not as a step to be differentiated.
"""

from __future__ import annotations

from typing import Any

from darkpy.layers.base import Array, Layer, register


@register("l2norm")
class L2Norm(Layer):
    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        return ops.l2norm(x), None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        return dy

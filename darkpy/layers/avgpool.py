"""[avgpool]: the mean of each channel over the whole map (Lin et al., "Network In Network", 2013)."""

from __future__ import annotations

from typing import Any

from darkpy.layers.base import Array, Layer, LayerConfig, NetInfo, need_map, register
from darkpy.ops.spec import Shape


@register("avgpool", "avg")
class AvgPool(Layer):
    def __init__(self, config: LayerConfig, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        c, _, _ = need_map(in_shapes[0], self.kind)
        self.out_shape = (c, 1, 1)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        return ops.avgpool(x), None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        return ops.avgpool_dx(dy, size=self.in_shapes[0][1:])

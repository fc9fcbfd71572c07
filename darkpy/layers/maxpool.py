"""[maxpool]: the largest value of each size x size window.

`padding` is the total along an axis (default size-1), half of it in front; padded cells never win.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, NetInfo, need_map, register
from darkpy.ops.spec import Shape


@register("maxpool", "max")
class MaxPool(Layer):
    @dataclass
    class Config(LayerConfig):
        stride: int = opt(1, low=1, high=1 << 12)
        stride_x: int = opt(0, low=0, high=1 << 12)
        stride_y: int = opt(0, low=0, high=1 << 12)
        size: int = opt(0, low=0, high=1 << 12)  # 0: as stride
        padding: int = opt(-1, low=-1, high=1 << 12)  # -1: size-1

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        c, h, w = need_map(in_shapes[0], self.kind)
        stride = (config.stride_y or config.stride, config.stride_x or config.stride)
        size = config.size or config.stride
        pad = size - 1 if config.padding < 0 else config.padding
        self.window = {"size": size, "stride": stride, "pad": pad}
        self.out_shape = (c, (h + pad - size) // stride[0] + 1, (w + pad - size) // stride[1] + 1)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        return ops.maxpool(x, **self.window), x if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        return ops.maxpool_dx(dy, saved, **self.window)

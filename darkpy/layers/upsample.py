"""[upsample]: each pixel repeated stride times in both directions; a negative stride sums squares instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, LayerProblem, NetInfo, need_map, register
from darkpy.ops.spec import Shape


@register("upsample")
class Upsample(Layer):
    @dataclass
    class Config(LayerConfig):
        stride: int = opt(2, low=-64, high=64)
        scale: float = opt(1.0)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        c, h, w = need_map(in_shapes[0], self.kind)
        s = abs(config.stride)
        if not s:
            raise LayerProblem("stride=0 has no meaning: 2 doubles the map", "stride")
        if config.stride < 0 and (h % s or w % s):
            raise LayerProblem(f"stride={config.stride} does not divide its {w}x{h} input", "stride")
        self.out_shape = (c, h * s, w * s) if config.stride > 0 else (c, h // s, w // s)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        resample = ops.upsample if self.config.stride > 0 else ops.downsample
        return resample(x, stride=abs(self.config.stride), factor=self.config.scale), None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        resample = ops.downsample if self.config.stride > 0 else ops.upsample
        return resample(dy, stride=abs(self.config.stride), factor=self.config.scale)

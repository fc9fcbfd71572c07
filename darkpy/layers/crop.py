"""[crop]: a window of the map as 2*x - 1 (as x itself with `noadjust`).

In training one random place, and with `flip` a random mirroring, for the whole batch; in inference the centre.
`angle`, `saturation`, `exposure` and `shift` steer a random change of the picture that only the original's GPU
build makes here; training does it where images are loaded (the options of [net]), so they change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, LayerProblem, NetInfo, need_map, register
from darkpy.netconfig import SIDE
from darkpy.ops.spec import Shape


@register("crop")
class Crop(Layer):
    @dataclass
    class Config(LayerConfig):
        crop_height: int = opt(1, low=1, high=SIDE)
        crop_width: int = opt(1, low=1, high=SIDE)
        flip: bool = opt(False)
        noadjust: bool = opt(False)
        angle: float = opt(0.0)
        saturation: float = opt(1.0)
        exposure: float = opt(1.0)
        shift: float = opt(0.0)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        c, h, w = need_map(in_shapes[0], self.kind)
        for key, crop, side in (("crop_height", config.crop_height, h), ("crop_width", config.crop_width, w)):
            if crop > side:
                raise LayerProblem(f"{key}={crop} is more than its input has: {side}", key)
        self.out_shape = (c, config.crop_height, config.crop_width)
        self.values = {"factor": 1.0, "shift": 0.0} if config.noadjust else {"factor": 2.0, "shift": -1.0}

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        (_, h, w), (_, ch, cw) = self.in_shapes[0], self.out_shape
        top, left, flip = (h - ch) // 2, (w - cw) // 2, False
        if train:
            top, left = (int(self.random.integers(n + 1)) for n in (h - ch, w - cw))
            flip = self.config.flip and bool(self.random.integers(2))
        place = {"top": top, "left": left, "flip": flip}
        return ops.crop(x, size=(ch, cw), **place, **self.values), place if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        return ops.crop_dx(dy, size=self.in_shapes[0][1:], factor=self.values["factor"], **saved)

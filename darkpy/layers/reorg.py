"""[reorg]: a map of half the side and four times the channels (`stride` 2), or the reverse.

`flatten` instead brings the channels of each pixel together, and `extra` puts so many zeros behind each image, giving
rows of numbers.  Gradients are the inverse moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, LayerProblem, NetInfo, flat, need_map, register
from darkpy.ops.spec import Shape


@register("reorg")
class Reorg(Layer):
    @dataclass
    class Config(LayerConfig):
        stride: int = opt(1, low=1, high=1 << 12)
        reverse: bool = opt(False)
        flatten: bool = opt(False)
        extra: int = opt(0, low=0, high=1 << 30)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        c, h, w = need_map(in_shapes[0], self.kind)
        s = config.stride
        if config.extra:
            if config.flatten:
                raise LayerProblem("flatten= and extra= cannot be combined: use two [reorg] layers", "extra")
            self.out_shape = (flat(in_shapes[0]) + config.extra,)
            return
        if c % (s * s) and not (config.flatten and not config.reverse):
            raise LayerProblem(f"stride={s} needs a multiple of {s * s} channels, and its input has {c}", "stride")
        if not config.reverse and (h % s or w % s):
            raise LayerProblem(f"stride={s} does not divide its {w}x{h} input", "stride")
        self.out_shape = (c // (s * s), h * s, w * s) if config.reverse else (c * s * s, h // s, w // s)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        c = self.config
        if c.extra:
            return ops.pad_tail(x, extra=c.extra), None
        if c.flatten:
            y = ops.channels_first(x) if c.reverse else ops.channels_last(x)
        else:
            y = ops.reorg_reverse(x, stride=c.stride) if c.reverse else ops.reorg(x, stride=c.stride)
        return ops.reshape(y, shape=self.out_shape), None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        c, shape = self.config, self.in_shapes[0]
        if c.extra:
            # joining a single piece copies it, so that the result is in one block of memory
            dx = ops.concat(ops.columns(dy, start=0, stop=flat(shape)))
        elif c.flatten:
            dy = ops.reshape(dy, shape=shape)
            dx = ops.channels_last(dy) if c.reverse else ops.channels_first(dy)
        elif c.reverse:
            dx = ops.reorg_reverse_dx(dy, stride=c.stride)
        else:  # the forward wrote in the order of the input's shape
            dx = ops.reorg_reverse(ops.reshape(dy, shape=shape), stride=c.stride)
        return ops.reshape(dx, shape=shape)

"""[deconvolutional]: transposed convolution, activation(batchnorm(y) + b), weights (channels, filters, size, size).

Each input number adds its multiple of a filter to the output, `stride` apart: what a convolution's gradient does, so
the two trade forward and backward (Zeiler et al., 2010).  Output side = (input - 1) * stride + size - 2 * padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, NetInfo, Param, constant, need_map, normal, register
from darkpy.layers.batchnorm import Normalization, finish, finish_backward
from darkpy.layers.convolutional import MAX_SIDE
from darkpy.ops.spec import ACTIVATIONS, Shape


@register("deconvolutional", "deconv")
class Deconvolutional(Layer):
    @dataclass
    class Config(LayerConfig):
        filters: int = opt(1, low=1)
        size: int = opt(1, low=1, high=MAX_SIDE)
        stride: int = opt(1, low=1, high=MAX_SIDE)
        pad: bool = opt(False)  # padding is size/2
        padding: int = opt(0, low=0, high=MAX_SIDE)
        activation: str = opt("logistic", words=ACTIVATIONS)
        batch_normalize: bool = opt(False)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        c, h, w = need_map(in_shapes[0], self.kind)
        n, k = config.filters, config.size
        self.stride, self.pad = config.stride, k // 2 if config.pad else config.padding
        oh, ow = ((side - 1) * self.stride + k - 2 * self.pad for side in (h, w))
        self.out_shape = (n, oh, ow)
        self.norm = Normalization(n) if config.batch_normalize else None
        self.declared = {"biases": Param((n,), constant(0))}
        if self.norm:
            self.declared |= self.norm.declared
        self.declared["weights"] = Param((c, n, k, k), normal(0.02 * oh * ow / (h * w)), decayed=True)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        z = ops.deconv(x, self.params["weights"], stride=self.stride, pad=self.pad)
        y, rest = finish(self, ops, z, train)
        return y, (x, rest) if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        x, rest = saved
        dz = finish_backward(self, ops, dy, rest)
        geometry = {"stride": (self.stride, self.stride), "pad": self.pad}
        self.accumulate(ops, "weights", ops.conv_dw(x, dz, kernel=self.config.size, **geometry))
        return ops.conv(dz, self.params["weights"], **geometry)

    @property
    def flops(self) -> float:
        _, h, w = self.in_shapes[0]
        return 2.0 * self.declared["weights"].size * h * w

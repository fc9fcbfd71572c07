"""[convolutional]: y = activation(batchnorm(x * w) + b), weights (filters, channels/groups, size, size).

Padding is zeros.  `pad=1` means size/2 and overrides `padding`.  With `binary` the weights, with `xnor` weights and
inputs are replaced by signs and scales: layers/binary.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import (
    Array,
    Layer,
    LayerProblem,
    NetInfo,
    Param,
    constant,
    need_map,
    normal,
    register,
)
from darkpy.layers.batchnorm import Normalization, finish, finish_backward
from darkpy.layers.binary import BinaryConfig, binarization
from darkpy.ops.spec import ACTIVATIONS, Shape, conv_size

MAX_SIDE = 1 << 12  # of a kernel


@register("convolutional", "conv")
class Convolutional(Layer):
    @dataclass
    class Config(BinaryConfig):
        filters: int = opt(1, low=1)
        size: int = opt(1, low=1, high=MAX_SIDE)
        stride: int = opt(1, low=1)
        stride_x: int = opt(0, low=0)
        stride_y: int = opt(0, low=0)
        dilation: int = opt(1, low=1, high=MAX_SIDE)
        pad: bool = opt(False)
        padding: int = opt(0, low=0, high=MAX_SIDE)
        groups: int = opt(1, low=1)
        activation: str = opt("logistic", words=ACTIVATIONS)
        batch_normalize: bool = opt(False)
        flipped: bool = opt(False)
        dot: float = opt(0.0)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        c, h, w = need_map(in_shapes[0], self.kind)
        k, n = config.size, config.filters
        for what, count, key in ((c, "input channels", "groups"), (n, "filters", "groups")):
            if what % config.groups:
                raise LayerProblem(f"groups={config.groups} does not divide its {what} {count}", key)
        stride = (config.stride_y or config.stride, config.stride_x or config.stride)
        pad = (k // 2 if config.pad else config.padding) * config.dilation
        self.geometry: dict[str, Any] = {"stride": stride, "pad": pad, "dilation": config.dilation,
                                         "groups": config.groups}
        self.out_shape = (n, conv_size(h, k, stride[0], pad, config.dilation),
                          conv_size(w, k, stride[1], pad, config.dilation))
        fan_in = c // config.groups * k * k
        self.norm = Normalization(n) if config.batch_normalize else None
        self.declared = {"biases": Param((n,), constant(0))}
        if self.norm:
            self.declared |= self.norm.declared
        shape = (n, c // config.groups, k, k)
        self.declared["weights"] = Param(shape, normal(math.sqrt(2 / fan_in)), decayed=True)
        self.binary = binarization(config, shape, self.geometry)
        if self.binary:
            self.declared |= self.binary.declared

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        b = self.binary
        if b is None:
            z = ops.conv(x, self.params["weights"], **self.geometry)
            y, rest = finish(self, ops, z, train)
            return y, (x, rest) if train else None
        w, weights = b.weights(ops, self.params)
        signs = ops.quantize(x, bits=b.config.abits) if b.inputs else x
        z, scales = b.scale(ops, ops.conv(signs, w, **self.geometry), x)
        y, rest = finish(self, ops, z, train)
        return y, (x, rest, signs, w, weights, scales) if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        b, (x, rest, *more) = self.binary, saved
        dz = finish_backward(self, ops, dy, rest)
        size = tuple(x.shape[2:])
        if b is None:
            self.accumulate(ops, "weights", ops.conv_dw(dz, x, kernel=self.config.size, **self.geometry))
            return ops.conv_dx(dz, self.params["weights"], size=size, **self.geometry) if self.wants_dx else None
        signs, w, weights, scales = more
        dz, dk = b.scale_backward(ops, dz, scales)
        b.accumulate(ops, self, ops.conv_dw(dz, signs, kernel=self.config.size, **self.geometry), weights)
        dx = ops.conv_dx(b.weighted_gradient(ops, dz), w, size=size, **self.geometry)
        return b.inputs_backward(ops, dx, x, dk)

    @property
    def flops(self) -> float:
        _, h, w = self.out_shape
        return 2.0 * self.declared["weights"].size * h * w

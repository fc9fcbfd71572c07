"""[convolutional]: y = activation(batchnorm(x * w) + b), weights (filters, channels/groups, size, size).

Padding is zeros.  `pad=1` means size/2 and overrides `padding`.  With `binary` or `xnor` the weights of a filter are
replaced by their signs times their mean size, and with `xnor` the input by its signs too (XNOR-Net, sections 3.1, 3.2,
without the paper's scaling of the input, as Darknet has it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import (
    Array,
    Layer,
    LayerConfig,
    LayerProblem,
    NetInfo,
    Param,
    constant,
    need_map,
    normal,
    register,
)
from darkpy.layers.batchnorm import Normalization, finish, finish_backward
from darkpy.ops.spec import ACTIVATIONS, Shape, conv_size

MAX_SIDE = 1 << 12  # of a kernel


@register("convolutional", "conv")
class Convolutional(Layer):
    @dataclass
    class Config(LayerConfig):
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
        binary: bool = opt(False)
        xnor: bool = opt(False)
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
        self.declared["weights"] = Param((n, c // config.groups, k, k), normal(math.sqrt(2 / fan_in)), decayed=True)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        p, c = self.params, self.config
        w = ops.binarize_weights(p["weights"]) if c.binary or c.xnor else p["weights"]
        signs = ops.binarize(x) if c.xnor else x
        z = ops.conv(signs, w, **self.geometry)
        y, rest = finish(self, ops, z, train)
        return y, (x, signs, w, rest) if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        x, signs, w, rest = saved
        dz = finish_backward(self, ops, dy, rest)
        self.accumulate(ops, "weights", ops.conv_dw(dz, signs, kernel=self.config.size, **self.geometry))
        dx = ops.conv_dx(dz, w, size=tuple(x.shape[2:]), **self.geometry)
        # the straight-through estimator: the sign function counts as the identity between -1 and 1
        return ops.hardtan_gate(dx, x) if self.config.xnor else dx

    @property
    def flops(self) -> float:
        _, h, w = self.out_shape
        return 2.0 * self.declared["weights"].size * h * w

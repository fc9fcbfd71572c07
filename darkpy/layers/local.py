"""[local]: a convolution whose weights differ from place to place, activation(y + b).

Weights (OH*OW, filters, channels, size, size), a bias for every output number.  The original lets `pad` enlarge the
map by `pad` pixels but sizes the output as if a window fitted at every place; both agree for pad=0, and for pad=1
with size=3, and only those are accepted.
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
    flat,
    need_map,
    register,
    uniform,
)
from darkpy.layers.convolutional import MAX_SIDE
from darkpy.ops.spec import ACTIVATIONS, Shape, conv_size


@register("local")
class Local(Layer):
    @dataclass
    class Config(LayerConfig):
        filters: int = opt(1, low=1)
        size: int = opt(1, low=1, high=MAX_SIDE)
        stride: int = opt(1, low=1)
        pad: int = opt(0, low=0, high=MAX_SIDE)
        activation: str = opt("logistic", words=ACTIVATIONS)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        c, h, w = need_map(in_shapes[0], self.kind)
        n, k = config.filters, config.size
        if config.pad and (config.pad, k) != (1, 3):
            raise LayerProblem(f"pad={config.pad} with size={k} is not defined: use pad=0, or pad=1 with size=3", "pad")
        self.geometry = {"stride": config.stride, "pad": config.pad}
        self.out_shape = (n, *(conv_size(side, k, config.stride, config.pad) for side in (h, w)))
        self.declared = {
            "biases": Param((flat(self.out_shape),), constant(0)),
            "weights": Param((math.prod(self.out_shape[1:]), n, c, k, k), uniform(math.sqrt(2 / (k * k * c))),
                             decayed=True),
        }

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        z = ops.local(x, self.params["weights"], out=self.out_shape[1:], **self.geometry)
        # each output number has its own bias: as rows of numbers, add_bias adds one to each column
        rows = ops.add_bias(ops.reshape(z, shape=(flat(self.out_shape),)), self.params["biases"])
        pre = ops.reshape(rows, shape=self.out_shape)
        y = ops.activation(pre, kind=self.config.activation)
        return y, (x, pre, y) if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        x, pre, y = saved
        dz = ops.activation_dx(dy, y, pre, kind=self.config.activation)
        rows = ops.reshape(dz, shape=(flat(self.out_shape),))
        self.accumulate(ops, "biases", ops.bias_db(rows))
        self.accumulate(ops, "weights", ops.local_dw(dz, x, kernel=self.config.size, **self.geometry))
        return ops.local_dx(dz, self.params["weights"], size=self.in_shapes[0][1:], **self.geometry)

    @property
    def flops(self) -> float:
        return 2.0 * self.declared["weights"].size

"""[connected]: y = activation(batchnorm(x @ w.T) + b), each output reading every input.  Weights (outputs, inputs)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, NetInfo, Param, constant, flat, register, uniform
from darkpy.layers.batchnorm import Normalization, finish, finish_backward
from darkpy.ops.spec import ACTIVATIONS, Shape


@register("connected", "conn")
class Connected(Layer):
    @dataclass
    class Config(LayerConfig):
        output: int = opt(1, low=1)
        activation: str = opt("logistic", words=ACTIVATIONS)
        batch_normalize: bool = opt(False)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        n, inputs = config.output, flat(in_shapes[0])
        self.out_shape = (n,)
        self.norm = Normalization(n) if config.batch_normalize else None
        self.declared = {"biases": Param((n,), constant(0)),
                         "weights": Param((n, inputs), uniform(math.sqrt(2 / inputs)), decayed=True)}
        if self.norm:
            self.declared |= self.norm.declared

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        rows = ops.reshape(x, shape=(flat(self.in_shapes[0]),))
        z = ops.linear(rows, self.params["weights"])
        y, rest = finish(self, ops, z, train)
        return y, (rows, rest) if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        rows, rest = saved
        dz = finish_backward(self, ops, dy, rest)
        self.accumulate(ops, "weights", ops.linear_dw(dz, rows))
        if not self.wants_dx:
            return None
        return ops.reshape(ops.linear_dx(dz, self.params["weights"]), shape=self.in_shapes[0])

    @property
    def flops(self) -> float:
        return 2.0 * self.declared["weights"].size

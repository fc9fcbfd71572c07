"""Batch normalisation (Ioffe & Szegedy, 2015): as a part of other layers, and as the [batchnorm] section.

    y = scales * (x - mean) / sqrt(variance + 1e-5) + biases        per channel

In training mean and (unbiased) variance are the batch's; rolling averages of them (weight .01 for the newest) serve
inference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import EPSILON, Array, Layer, LayerConfig, NetInfo, Param, constant, register
from darkpy.ops.spec import Shape

MOMENTUM = 0.99  # of the rolling statistics


class Normalization:
    """Batch normalisation of `n` channels inside another layer, which owns the parameters."""

    def __init__(self, n: int):
        self.declared = {
            "scales": Param((n,), constant(1)),
            "rolling_mean": Param((n,), constant(0), trained=False),
            "rolling_variance": Param((n,), constant(0), trained=False),
        }

    def forward(self, ops: Any, p: dict[str, Array], x: Array, train: bool) -> tuple[Array, Any]:
        """(y, (mean, variance) of the batch or None)."""
        if not train:
            return ops.batchnorm(x, p["rolling_mean"], p["rolling_variance"], p["scales"], p["biases"],
                                 eps=EPSILON), None
        mean, variance = ops.batch_statistics(x)
        for name, new in (("rolling_mean", mean), ("rolling_variance", variance)):
            ops.assign(p[name], ops.add(ops.scale(p[name], factor=MOMENTUM), ops.scale(new, factor=1 - MOMENTUM)))
        return ops.batchnorm(x, mean, variance, p["scales"], p["biases"], eps=EPSILON), (mean, variance)

    def backward(self, ops: Any, layer: Layer, dy: Array, x: Array, statistics: Any) -> Array:
        """dx; adds to the layer's gradients of scales and biases."""
        mean, variance = statistics
        dx, dscales, dbiases = ops.batchnorm_dx(dy, x, mean, variance, layer.params["scales"], eps=EPSILON,
                                                exact=False)
        layer.accumulate(ops, "scales", dscales)
        layer.accumulate(ops, "biases", dbiases)
        return dx


def finish(layer: Any, ops: Any, z: Array, train: bool) -> tuple[Array, Any]:
    """What follows the product z in every layer with weights: batch norm or bias, then the activation."""
    statistics = None
    if layer.norm:
        pre, statistics = layer.norm.forward(ops, layer.params, z, train)
    else:
        pre = ops.add_bias(z, layer.params["biases"])
    y = ops.activation(pre, kind=layer.config.activation)
    return y, (z, statistics, pre, y) if train else None


def finish_backward(layer: Any, ops: Any, dy: Array, saved: Any) -> Array:
    """dz of `finish`; adds to the layer's gradients of biases and scales."""
    z, statistics, pre, y = saved
    dz = ops.activation_dx(dy, y, pre, kind=layer.config.activation)
    if layer.norm:
        return layer.norm.backward(ops, layer, dz, z, statistics)
    layer.accumulate(ops, "biases", ops.bias_db(dz))
    return dz


@register("batchnorm")
class BatchNorm(Layer):
    """[batchnorm].  `affine=1` learns scales and biases, and a file holds both (in a fork's order); `affine=0` has
    neither.  Without the option as in the original: a file holds scales, but no biases, and only the rolling
    statistics follow the data."""

    @dataclass
    class Config(LayerConfig):
        affine: bool | None = opt(None)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        n = in_shapes[0][0]
        self.norm = Normalization(n)
        learned = bool(config.affine)
        scales = Param((n,), constant(1), stored=config.affine is not False, trained=learned)
        biases = Param((n,), constant(0), stored=learned, trained=learned)
        self.declared = {"biases": biases} | self.norm.declared | {"scales": scales}

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        y, statistics = self.norm.forward(ops, self.params, x, train)
        return y, (x, statistics) if train else None

    def backward(self, ops: Any, dy: Array, saved: Any) -> Array:
        x, statistics = saved
        return self.norm.backward(ops, self, dy, x, statistics)

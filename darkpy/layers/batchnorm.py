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
from darkpy.ops.spec import SLOPES, Shape

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
        statistics = self.observe(ops, p, x)
        return ops.batchnorm(x, *statistics, p["scales"], p["biases"], eps=EPSILON), statistics

    def observe(self, ops: Any, p: dict[str, Array], x: Array) -> tuple[Array, Array]:
        """Mean and variance of the batch, which the rolling ones follow."""
        mean, variance = ops.batch_statistics(x)
        for name, new in (("rolling_mean", mean), ("rolling_variance", variance)):
            ops.assign(p[name], ops.add(ops.scale(p[name], factor=MOMENTUM), ops.scale(new, factor=1 - MOMENTUM)))
        return mean, variance

    def backward(self, ops: Any, layer: Layer, dy: Array, x: Array, statistics: Any) -> Array:
        """dx; adds to the layer's gradients of scales and biases."""
        dx, *grads = ops.batchnorm_dx(dy, x, *statistics, layer.params["scales"], eps=EPSILON, exact=False)
        accumulate_both(layer, ops, *grads)
        return dx


def accumulate_both(layer: Layer, ops: Any, dscales: Array, dbiases: Array) -> None:
    layer.accumulate(ops, "scales", dscales)
    layer.accumulate(ops, "biases", dbiases)


def finish(layer: Any, ops: Any, z: Array, train: bool) -> tuple[Array, Any]:
    """What follows the product z in every layer with weights: batch norm or bias, then the activation."""
    statistics, p, kind = None, layer.params, layer.config.activation
    if train and type(layer.norm) is Normalization and kind in SLOPES:
        # in one pass over memory, and without keeping what is in between
        statistics = layer.norm.observe(ops, p, z)
        y = ops.batchnorm_rectified(z, *statistics, p["scales"], p["biases"], eps=EPSILON, kind=kind)
        return y, (z, statistics, None, y)
    if layer.norm:
        pre, statistics = layer.norm.forward(ops, p, z, train)
    else:
        pre = ops.add_bias(z, p["biases"])
    y = ops.activation(pre, kind=kind)
    return y, (z, statistics, pre, y) if train else None


def finish_backward(layer: Any, ops: Any, dy: Array, saved: Any) -> Array:
    """dz of `finish`; adds to the layer's gradients of biases and scales."""
    z, statistics, pre, y = saved
    kind = layer.config.activation
    if pre is None:
        dz, *grads = ops.batchnorm_rectified_dx(dy, y, z, *statistics, layer.params["scales"], eps=EPSILON, exact=False,
                                                kind=kind)
        accumulate_both(layer, ops, *grads)
        return dz
    dz = ops.activation_dx(dy, y, pre, kind=kind)
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

"""Binary weights and inputs of a convolution (Rastegari et al., "XNOR-Net", 2016, section 3), and their gradients.

    binary=1    y = conv(x, W),               W = alpha * sign(w)  in place of  w, which training moves
    xnor=1      y = conv(sign(x), W) * K      K: mean |x| over the channels and window at each place

Without further options both are as in Darknet's GPU build: alpha = mean|w| of a filter, no K, the gradient of W goes
to w unchanged.  `xnor_mode=paper` has K (beta=1) and the paper's gradient of w (wgrad=paper).  docs/xnor.md has the
equations.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, LayerProblem, Param, constant
from darkpy.ops.signs import Signs
from darkpy.ops.spec import Shape

MAX_BITS = 16


@dataclass
class BinaryConfig(LayerConfig):
    """The options; those left at None follow `xnor_mode`."""

    binary: bool = opt(False)  # weights
    xnor: bool = opt(False)  # weights and inputs
    xnor_mode: str = opt("darknet", words=("darknet", "paper"))
    alpha: str = opt("l1", words=("l1", "none", "learned"))
    beta: bool | None = opt(None)  # multiply by K
    wgrad: str | None = opt(None, words=("straight", "paper"))
    ste: str = opt("clip", words=("clip", "none"))  # whether the gradient of an input's sign ends beyond -1 and 1
    center: bool = opt(False)  # weights minus their mean over the input channels, before signs are taken
    clamp: bool = opt(False)  # weights are kept in [-1, 1]
    wbits: int = opt(1, low=1, high=MAX_BITS)
    abits: int = opt(1, low=1, high=MAX_BITS)
    binary_grad: str = opt("none", words=("none", "max"))  # max: dx comes of the signs of dy


ONLY_BINARY = [f.name for f in dataclasses.fields(BinaryConfig)
               if f.name not in {g.name for g in dataclasses.fields(LayerConfig)} | {"binary", "xnor"}]
ONLY_XNOR = ("beta", "ste", "abits")


class Binary:
    """What binary=1 or xnor=1 adds to a convolution with weights (F, C/groups, size, size) and this `geometry`."""

    def __init__(self, config: BinaryConfig, shape: Shape, geometry: dict[str, Any]):
        c, paper = config, config.xnor_mode == "paper"
        self.config, self.geometry = c, geometry
        self.inputs = c.xnor
        self.beta = c.xnor and (paper and c.abits == 1 if c.beta is None else c.beta)
        self.wgrad = c.wgrad or ("paper" if paper else "straight")
        self.closed = paper  # the gate of the inputs: |x| <= 1 in the paper, |x| < 1 in Darknet
        self.window = {"kernel": shape[2], **geometry}
        fan_in = math.prod(shape[1:])
        self.share = 1 / fan_in if c.alpha == "l1" else 0.0
        # a learned alpha begins at mean|w| of the weights' starting distribution
        self.declared = {"alpha": Param((shape[0],), constant(2 / math.sqrt(math.pi * fan_in)))} if (
            c.alpha == "learned") else {}

    # -- weights ---------------------------------------------------------------------------------------------------

    def weights(self, ops: Any, p: dict[str, Array]) -> tuple[Array, Any]:
        """(W, what `accumulate` needs).  Packed weights are W already."""
        if isinstance(p["weights"], Signs):
            return ops.unpack(p["weights"]), None
        w = ops.center_weights(p["weights"]) if self.config.center else p["weights"]
        q = ops.quantize_weights(w, bits=self.config.wbits)
        if self.config.alpha == "none":
            return q, (w, q, None)
        alpha = p["alpha"] if self.config.alpha == "learned" else ops.filter_scales(w, q)
        return ops.scale_filters(q, alpha), (w, q, alpha)

    def accumulate(self, ops: Any, layer: Layer, dw: Array, saved: Any) -> None:
        """Add to the gradients of the real weights and of alpha, given that of W."""
        w, q, alpha = saved
        if self.config.alpha == "learned":
            layer.accumulate(ops, "alpha", ops.filter_dot(dw, q))
        if self.wgrad == "paper":
            dw = (ops.hardtan_gate(dw, w, closed=True) if alpha is None else
                  ops.binary_dw(dw, w, alpha, share=self.share))
        layer.accumulate(ops, "weights", ops.center_weights(dw) if self.config.center else dw)

    # -- inputs and outputs ----------------------------------------------------------------------------------------

    def scale(self, ops: Any, z: Array, x: Array) -> tuple[Array, Any]:
        """(z * K, what `scale_backward` needs)."""
        if not self.beta:
            return z, None
        k = ops.input_scales(x, **self.window)
        return ops.scale_maps(z, k), (z, k)

    def scale_backward(self, ops: Any, dy: Array, saved: Any) -> tuple[Array, Array | None]:
        """(dz, dK) of `scale`."""
        if not self.beta:
            return dy, None
        z, k = saved
        return ops.scale_maps(dy, k), ops.scale_maps_dk(dy, z, groups=self.geometry["groups"])

    def weighted_gradient(self, ops: Any, dz: Array) -> Array:
        """What stands for dz in the convolution that gives the inputs' gradient."""
        return ops.binarize_gradient(dz) if self.config.binary_grad == "max" else dz

    def inputs_backward(self, ops: Any, dx: Array, x: Array, dk: Array | None) -> Array:
        """Gradient of the real inputs x, given those of their signs and of K: the sign counts as the identity between
        -1 and 1 (straight-through estimator)."""
        if self.config.xnor and self.config.ste == "clip":
            dx = ops.hardtan_gate(dx, x, closed=self.closed)
        return dx if dk is None else ops.add(dx, ops.input_scales_dx(dk, x, **self.window))


def binarization(config: BinaryConfig, shape: Shape, geometry: dict[str, Any]) -> Binary | None:
    """The Binary of a layer, None where it has none.  LayerProblem for options without effect."""
    def given(names: Any) -> list[str]:
        defaults = type(config)()
        return [name for name in names if getattr(config, name) != getattr(defaults, name)]

    if not (config.binary or config.xnor):
        if extra := given(ONLY_BINARY):
            raise LayerProblem(f"{extra[0]}= has no effect without binary=1 or xnor=1", extra[0])
        return None
    if not config.xnor and (extra := given(ONLY_XNOR)):
        raise LayerProblem(f"{extra[0]}= is about binary inputs: it needs xnor=1", extra[0])
    if config.beta and config.abits > 1:
        raise LayerProblem(f"beta=1 scales the signs of inputs; with abits={config.abits} they keep their size", "beta")
    return Binary(config, shape, geometry)

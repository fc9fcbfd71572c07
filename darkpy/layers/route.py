"""[route]: the outputs of the named layers one behind the other along the channels.

Where their spatial sizes differ the original joins the flattened numbers, and so do we.  A fork's `groups`/`group_id`
take one slice of the channels of each input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, LayerProblem, NetInfo, flat, register
from darkpy.ops.spec import Shape


def absolute(number: int, index: int, key: str) -> int:
    """A layer's number from an option (negative: counted back from layer `index`), or a LayerProblem."""
    target = index + number if number < 0 else number
    if target < 0:
        raise LayerProblem(f"{key}={number} of layer {index} points before the first layer, which is 0", key)
    if target >= index:
        what = "itself" if target == index else f"layer {target}, which comes later"
        raise LayerProblem(f"{key}={number} of layer {index} points at {what}: only earlier layers can be read", key)
    return target


@register("route")
class Route(Layer):
    @dataclass
    class Config(LayerConfig):
        layers: list[int] = opt([], required=True)
        groups: int = opt(1, low=1)
        group_id: int = opt(0, low=0)

    @classmethod
    def sources(cls, config: Config, index: int) -> list[int]:
        return [absolute(number, index, "layers") for number in config.layers]

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        self.whole = config.groups == 1
        if config.group_id >= config.groups:
            raise LayerProblem(f"group_id={config.group_id} must be less than groups={config.groups}", "group_id")
        self.is_map = all(len(s) == 3 and s[1:] == in_shapes[0][1:] for s in in_shapes)
        if not self.whole and (not self.is_map or any(s[0] % config.groups for s in in_shapes)):
            raise LayerProblem(f"groups={config.groups} does not divide the channels of its inputs", "groups")
        if self.is_map:
            self.out_shape = (sum(s[0] for s in in_shapes) // config.groups, *in_shapes[0][1:])
        else:
            self.out_shape = (sum(flat(s) for s in in_shapes),)

    def parts(self) -> list[tuple[int, int]]:
        """(start, stop) along the second axis of what is taken of each input."""
        g, i = self.config.groups, self.config.group_id
        widths = [s[0] // g if self.is_map else flat(s) for s in self.in_shapes]
        return [(i * n, (i + 1) * n) for n in widths]

    def forward(self, ops: Any, *xs: Array, train: bool = False) -> tuple[Array, Any]:
        if not self.is_map:
            xs = tuple(ops.reshape(x, shape=(flat(s),)) for x, s in zip(xs, self.in_shapes, strict=True))
        if not self.whole:
            xs = tuple(ops.columns(x, start=a, stop=b) for x, (a, b) in zip(xs, self.parts(), strict=True))
        return ops.concat(*xs) if len(xs) > 1 or not self.whole else xs[0], None

    def backward(self, ops: Any, dy: Array, saved: Any) -> tuple[Array, ...]:
        grads, at = [], 0
        for shape, (start, stop) in zip(self.in_shapes, self.parts(), strict=True):
            part = ops.concat(ops.columns(dy, start=at, stop=at + stop - start))
            at += stop - start
            if not self.whole:
                dx = ops.zeros(dy, shape=(dy.shape[0], *shape))
                ops.add_to(ops.columns(dx, start=start, stop=stop), part)
                part = dx
            grads.append(ops.reshape(part, shape=shape))
        return tuple(grads)

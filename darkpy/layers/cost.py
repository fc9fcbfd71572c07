"""[cost]: how far the layer before is from the truth, one number for each of its outputs; see `ops.cost_loss`.

`scale` multiplies the gradient but not the reported cost.  The layer's output is the error of each number, and zeros
where there is no truth; it is never the output of the net.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, Loss, check_truth, flat, register


@register("cost")
class Cost(Layer):
    is_loss = True
    has_output = False

    @dataclass
    class Config(LayerConfig):
        type: str = opt("sse", words=("sse", "masked", "smooth", "L1", "seg", "wgan"))
        scale: float = opt(1.0)
        ratio: float = opt(0.0)  # the original reads it, and then suppresses nothing
        noobj: float = opt(1.0)
        thresh: float = opt(0.0)

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        return ops.zeros(x, shape=(x.shape[0], *self.out_shape)), x if train else None

    def loss(self, ops: Any, saved: Any, truth: Array, seen: int) -> Loss:
        c, n = self.config, flat(self.out_shape)
        check_truth(self, truth, n)
        dx, error, cost = ops.cost_loss(ops.reshape(saved, shape=(n,)), truth, kind=c.type, noobj=c.noobj,
                                        thresh=c.thresh, smooth=c.smooth)
        if c.scale != 1:
            dx = ops.scale(dx, factor=c.scale)
        return Loss(float(ops.download(cost)[0]), ops.reshape(dx, shape=self.out_shape),
                    ops.reshape(error, shape=self.out_shape))

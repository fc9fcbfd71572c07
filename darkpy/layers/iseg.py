"""[iseg]: instance segmentation by classes and embeddings.

For each pixel the output holds `classes` logistic scores and an embedding of `ids` numbers.  Training draws the
embeddings of one instance together and away from the means of the others (compare De Brabandere et al., 2017,
"Semantic instance segmentation with a discriminative loss function"), by steps of fixed size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, Loss, NetInfo, need_map, register
from darkpy.layers.heads import MAX_CLASSES, check_filters, rows_of_truth
from darkpy.ops.spec import Shape
from darkpy.ops.spec.head_loss import ISEG_FIGURES

MAX_INSTANCES = 90  # of the truth of one image


@register("iseg")
class Iseg(Layer):
    is_loss = True

    @dataclass
    class Config(LayerConfig):
        classes: int = opt(20, low=1, high=MAX_CLASSES)
        ids: int = opt(32, low=0, high=1 << 16)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        c, h, w = need_map(in_shapes[0], self.kind)
        check_filters(self, c, config.classes + config.ids, f"[iseg] with classes={config.classes}, ids={config.ids}")
        self.truths = MAX_INSTANCES * (1 + h * w)  # numbers of truth for one image

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        c = self.config
        # concat of a single part makes it contiguous
        y = ops.activation(ops.concat(ops.columns(x, start=0, stop=c.classes)), kind="logistic")
        if c.ids:
            y = ops.concat(y, ops.columns(x, start=c.classes, stop=c.classes + c.ids))
        return y, y if train else None

    def loss(self, ops: Any, saved: Any, truth: Array, seen: int) -> Loss:
        _, h, w = self.out_shape
        rows = rows_of_truth(ops, self.kind, truth, 1 + h * w)
        dx, figures = ops.iseg_loss(saved, rows, classes=self.config.classes)
        total = dict(zip(ISEG_FIGURES, ops.download(figures).sum(0).tolist(), strict=True))
        return Loss(total["cost"], dx, report={"count": total["count"],
                                               "spread": total["spread"] / max(total["count"], 1)})

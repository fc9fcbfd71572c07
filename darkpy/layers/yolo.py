"""[yolo]: the detection head of YOLOv3 (Redmon & Farhadi, 2018, section 2.1).

Each cell (i, j) of the map predicts a box for each anchor of `mask`, with entries x, y, w, h, objectness, classes:

    box = ((j + s(x)) / W, (i + s(y)) / H, exp(w) * anchor_w / net_w, exp(h) * anchor_h / net_h)

Objectness and classes are logistic.  The output keeps the layout (N, masks * (5 + classes), H, W).

In training the anchor of the most similar shape is responsible for an object, in the cell of its centre.  All other
predictions should have objectness 0, but those that overlap an object by more than `ignore_thresh` are left alone.
The gradient is prediction - target throughout: that of cross-entropy for what is logistic, of half the squared error
for w and h.  (The reported cost is the sum of its squares nevertheless, so it is not what the gradient belongs to.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, LayerProblem, Loss, NetInfo, need_map, register
from darkpy.layers.detections import Detections
from darkpy.layers.heads import (
    MAX_ANCHORS,
    MAX_BOXES,
    MAX_CLASSES,
    box_loss,
    check_filters,
    read_anchors,
    read_labels,
    rows_of_truth,
    together,
)
from darkpy.ops.boxes import EXP, TWICE_SQUARED, BoxLayout
from darkpy.ops.spec import Shape
from darkpy.ops.spec.head_loss import FIGURES


@register("yolo")
class Yolo(Layer):
    is_loss = True

    @dataclass
    class Config(LayerConfig):
        classes: int = opt(20, low=1, high=MAX_CLASSES)
        num: int = opt(1, low=1, high=MAX_ANCHORS)
        mask: list[int] = opt([])
        anchors: list[float] = opt([])
        map: str = opt("")
        max: int = opt(90, low=1, high=MAX_BOXES)
        jitter: float = opt(0.2)
        ignore_thresh: float = opt(0.5)
        truth_thresh: float = opt(1.0)
        random: bool = opt(False)
        scale_x_y: float = opt(1.0)
        new_coords: bool = opt(False)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        c, _, _ = need_map(in_shapes[0], self.kind)
        self.mask = config.mask or list(range(config.num))
        self.entries = 5 + config.classes
        many = "1 mask" if len(self.mask) == 1 else f"{len(self.mask)} masks"
        _, anchors, _, self.labels = together(
            lambda: check_mask(self.mask, config.num),
            lambda: read_anchors(config.anchors, config.num),
            lambda: check_filters(self, c, len(self.mask) * self.entries,
                                  f"[yolo] with classes={config.classes}, {many}"),
            lambda: read_labels(config.map, net.folder, config.classes))
        self.anchors = anchors / np.array([net.width or 1, net.height or 1], np.float32)  # fractions of the image
        self.truths = config.max * 5  # numbers of truth for one image

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        c = self.config
        y = ops.yolo_activate(x, anchors=len(self.mask), classes=c.classes, scale_x_y=c.scale_x_y,
                              new_coords=c.new_coords)
        return y, y if train else None

    def loss(self, ops: Any, saved: Any, truth: Array, seen: int) -> Loss:
        c = self.config
        dx, figures = ops.yolo_loss(
            saved, rows_of_truth(ops, self.kind, truth, 5), self.anchors, self.labels, mask=tuple(self.mask),
            limit=c.max, ignore_thresh=c.ignore_thresh, truth_thresh=c.truth_thresh, new_coords=c.new_coords)
        _, _, h, w = saved.shape
        return box_loss(ops, dx, figures, FIGURES, len(saved) * len(self.mask) * h * w)

    def decode(self, y: np.ndarray, thresh: float, hier: float = 0.5, map: np.ndarray | None = None) -> Detections:
        """Candidates of one image, y (C, H, W), with objectness above `thresh`, cell by cell.  `hier` and `map` only
        matter to heads with a label tree."""
        _, h, w = y.shape
        y = y.reshape(len(self.mask), self.entries, h, w).transpose(2, 3, 0, 1)  # Darknet's order: cells, then anchors
        i, j, a = np.nonzero(y[..., 4] > thresh)
        p = y[i, j, a]
        boxes = np.empty((len(p), 4), np.float32)
        boxes[:, 0] = (j + p[:, 0]) / np.float32(w)
        boxes[:, 1] = (i + p[:, 1]) / np.float32(h)
        with np.errstate(over="ignore"):
            factor = (2 * p[:, 2:4]) ** 2 if self.config.new_coords else np.exp(p[:, 2:4])
            boxes[:, 2:] = factor * self.anchors[self.mask][a]
        prob = p[:, 5:] * p[:, 4:5]
        prob[~(prob > thresh)] = 0
        return Detections(boxes, p[:, 4].copy(), prob)

    def box_layout(self) -> BoxLayout:
        """The same for kernels."""
        _, h, w = self.out_shape
        box = self.entries * h * w
        return BoxLayout((h, w), self.anchors[self.mask], self.config.classes, True, (0, 1, box, h * w),
                         (4 * h * w, 1, box), (5 * h * w, 1, box, h * w),
                         TWICE_SQUARED if self.config.new_coords else EXP)


def check_mask(mask: list[int], num: int) -> None:
    for m in mask:
        if not 0 <= m < num:
            raise LayerProblem(f"mask={m} chooses an anchor that does not exist: they are 0 to {num - 1}", "mask")
    if len(set(mask)) < len(mask):
        raise LayerProblem("mask chooses an anchor twice", "mask")

"""[yolo]: the detection head of YOLOv3 (Redmon & Farhadi, 2018, section 2.1).

Each cell (i, j) of the map predicts a box for each anchor of `mask`, with entries x, y, w, h, objectness, classes:

    box = ((j + s(x)) / W, (i + s(y)) / H, exp(w) * anchor_w / net_w, exp(h) * anchor_h / net_h)

Objectness and classes are logistic.  The output keeps the layout (N, masks * (5 + classes), H, W).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from darkpy.cfg import opt
from darkpy.layers.base import Array, Layer, LayerConfig, LayerProblem, NetInfo, need_map, register
from darkpy.layers.detections import Detections
from darkpy.ops.spec import Shape

MAX_CLASSES = 1 << 17


@register("yolo")
class Yolo(Layer):
    is_loss = True

    @dataclass
    class Config(LayerConfig):
        classes: int = opt(20, low=1, high=MAX_CLASSES)
        num: int = opt(1, low=1, high=1 << 12)
        mask: list[int] = opt([])
        anchors: list[float] = opt([])
        map: str = opt("")
        max: int = opt(90, low=1, high=1 << 16)
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
        if len(config.anchors) < 2 * config.num:
            raise LayerProblem(f"{len(config.anchors) // 2} anchors for num={config.num}: give num pairs w,h",
                               "anchors")
        for m in self.mask:
            if not 0 <= m < config.num:
                raise LayerProblem(f"mask={m} chooses an anchor that does not exist: they are 0 to {config.num - 1}",
                                   "mask")
        self.entries = 5 + config.classes
        check_filters(self, c, len(self.mask) * self.entries,
                      f"[yolo] with classes={config.classes}, {len(self.mask)} masks")
        self.anchors = np.array(config.anchors[: 2 * config.num], np.float32).reshape(-1, 2)  # pixels of the input

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        c = self.config
        if c.new_coords:  # a fork's heads whose convolution already ends in logistic
            return ops.scale(x, factor=1.0), None
        return ops.yolo_activate(x, anchors=len(self.mask), classes=c.classes, scale_x_y=c.scale_x_y), None

    def decode(self, y: np.ndarray, thresh: float, hier: float = 0.5) -> Detections:
        """Candidates of one image, y (C, H, W), with objectness above `thresh`, cell by cell."""
        _, h, w = y.shape
        y = y.reshape(len(self.mask), self.entries, h, w).transpose(2, 3, 0, 1)  # Darknet's order: cells, then anchors
        i, j, a = np.nonzero(y[..., 4] > thresh)
        p = y[i, j, a]
        boxes = np.empty((len(p), 4), np.float32)
        boxes[:, 0] = (j + p[:, 0]) / np.float32(w)
        boxes[:, 1] = (i + p[:, 1]) / np.float32(h)
        anchors = self.anchors[self.mask][a] / np.array([self.net.width, self.net.height], np.float32)
        if self.config.new_coords:
            boxes[:, :2] = boxes[:, :2] + decode_offset(p[:, :2], self.config.scale_x_y) / np.float32([w, h])
            boxes[:, 2:] = (2 * p[:, 2:4]) ** 2 * anchors
        else:
            with np.errstate(over="ignore"):
                boxes[:, 2:] = np.exp(p[:, 2:4]) * anchors
        prob = p[:, 5:] * p[:, 4:5]
        prob[~(prob > thresh)] = 0
        return Detections(boxes, p[:, 4].copy(), prob)


def decode_offset(p: np.ndarray, s: float) -> np.ndarray:
    """What scale_x_y adds to an activated offset p: (s - 1) * p - (s - 1) / 2."""
    return (s - 1) * p - (s - 1) / 2


def check_filters(layer: Layer, got: int, needed: int, who: str) -> None:
    """A LayerProblem at the layer before, whose `filters` do not fit this head."""
    if got != needed:
        raise LayerProblem(f"[convolutional] filters={got} feeds {who}: it needs filters={needed}", "filters",
                           source=layer.net.index - 1)

"""[detection]: the head of the first YOLO (Redmon et al., 2015, section 2).

The image is divided into side x side cells.  The input holds, one behind the other,

    classes        (side*side, classes)  P(class | object) of each cell
    confidences    (side*side, num)      of each of its boxes
    boxes          (side*side, num, 4)   x, y in the cell, w, h in the image; with sqrt=1 the square roots of w, h

and, but for a softmax over the classes if `softmax` is set, it is the output as it stands.  In training the box that
overlaps an object best is responsible for it; the gradient is that of half the squared errors, weighted (section 2.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from darkpy.cfg import opt
from darkpy.errors import UsageError
from darkpy.layers.base import Array, Layer, LayerConfig, LayerProblem, Loss, NetInfo, flat, register
from darkpy.layers.detections import Detections
from darkpy.layers.heads import MAX_BOXES, MAX_CLASSES, box_loss
from darkpy.ops.boxes import PLAIN, SQUARED, BoxLayout
from darkpy.ops.spec import Shape
from darkpy.ops.spec.head_loss import GRID_FIGURES

RANDOM_UNTIL = 64000  # images during which random=1 draws the responsible box


@register("detection")
class Detection(Layer):
    is_loss = True

    @dataclass
    class Config(LayerConfig):
        classes: int = opt(1, low=1, high=MAX_CLASSES)
        coords: int = opt(1)
        num: int = opt(1, low=1, high=1 << 12)
        side: int = opt(7, low=1, high=1 << 12)
        softmax: bool = opt(False)
        sqrt: bool = opt(False)
        rescore: bool = opt(False)
        forced: bool = opt(False)
        random: bool = opt(False)
        coord_scale: float = opt(1.0)
        object_scale: float = opt(1.0)
        noobject_scale: float = opt(1.0)
        class_scale: float = opt(1.0)
        jitter: float = opt(0.2)
        max: int = opt(90, low=1, high=MAX_BOXES)
        reorg: bool = opt(False)  # never more than read

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        if config.coords != 4:
            raise LayerProblem(f"coords={config.coords}: a box has 4 coordinates: write coords=4", "coords")
        if config.forced and config.num < 2:
            raise LayerProblem("forced=1 chooses between two boxes: it needs num=2 or more", "forced")
        self.cells = config.side**2
        needed = self.cells * (5 * config.num + config.classes)
        got = flat(in_shapes[0])
        if got != needed:
            raise LayerProblem(
                f"[convolutional] {got} numbers feed [detection] with side={config.side}, num={config.num}, "
                f"classes={config.classes}: it needs side*side*(num*5 + classes) = {needed}", "output",
                source=net.index - 1)
        self.out_shape = (needed,)
        self.truths = self.cells * (5 + config.classes)  # numbers of truth for one image

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        y = ops.reshape(x, shape=self.out_shape)
        if self.config.softmax:
            y = ops.softmax(y, sizes=(self.config.classes,) * self.cells)
        return y, y if train else None

    def loss(self, ops: Any, saved: Any, truth: Array, seen: int) -> Loss:
        c = self.config
        if truth.shape[1] != self.truths:
            raise UsageError(f"truth of {truth.shape[1]} numbers for an image: [detection] with side={c.side}, "
                             f"classes={c.classes} takes side*side*(5 + classes) = {self.truths}")
        dx, figures = ops.detection_loss(
            saved, truth, side=c.side, num=c.num, classes=c.classes, sqrt=c.sqrt, rescore=c.rescore, forced=c.forced,
            object_scale=c.object_scale, noobject_scale=c.noobject_scale, class_scale=c.class_scale,
            coord_scale=c.coord_scale, random=self.random if c.random and seen < RANDOM_UNTIL else None)
        loss = box_loss(ops, ops.reshape(dx, shape=self.in_shapes[0]), figures, GRID_FIGURES,
                        len(saved) * self.cells * c.num)
        loss.report["all_class"] /= c.classes
        return loss

    def decode(self, y: np.ndarray, thresh: float, hier: float = 0.5, map: np.ndarray | None = None) -> Detections:
        """Candidates of one image, y (n,), that have a class with a probability above `thresh`, cell by cell.

        Unlike that of later heads the confidence alone decides nothing, for the class scores may exceed 1.  Boxes are
        fractions of the stretched image: this head knows no letterbox.
        """
        c = self.config
        y = y.reshape(-1)
        classes = y[: self.cells * c.classes].reshape(self.cells, 1, c.classes)
        confidences = y[classes.size : classes.size + self.cells * c.num].reshape(self.cells, c.num)
        boxes = y[classes.size + confidences.size :].reshape(self.cells, c.num, 4)
        prob = confidences[..., None] * classes
        prob[~(prob > thresh)] = 0
        cell, k = np.nonzero(prob.any(2))
        boxes = boxes[cell, k]
        boxes[:, 0] = (boxes[:, 0] + cell % c.side) / np.float32(c.side)
        boxes[:, 1] = (boxes[:, 1] + cell // c.side) / np.float32(c.side)
        if c.sqrt:
            boxes[:, 2:] **= 2
        return Detections(boxes, confidences[cell, k], prob[cell, k])

    def box_layout(self) -> BoxLayout:
        """The same for kernels."""
        c = self.config
        confidences = self.cells * c.classes
        boxes = confidences + self.cells * c.num
        return BoxLayout((c.side, c.side), np.ones((c.num, 2), np.float32), c.classes, True, (boxes, 4 * c.num, 4, 1),
                         (confidences, c.num, 1), (0, c.classes, 0, 1), SQUARED if c.sqrt else PLAIN, gated=False)

"""[region]: the detection head of YOLOv2 and YOLO9000 (Redmon & Farhadi, 2016, sections 2 and 4).

Each cell (i, j) of the map predicts a box for each anchor, with entries x, y, w, h, (mask,) objectness, classes:

    box = ((j + s(x)) / W, (i + s(y)) / H, exp(w) * anchor_w / W, exp(h) * anchor_h / H)

Anchors count in cells.  Classes go through a softmax; with a label `tree` through one softmax for each group of
siblings, so that an entry is the probability of a class given its parent; with softmax=0 through the logistic.

In training, a cell's anchor of the most similar shape is responsible for an object.  The gradient is that of half the
squared error for x, y, objectness (through the logistic) and w, h, and of cross-entropy for the softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    read_named,
    rows_of_truth,
    together,
)
from darkpy.ops.boxes import BoxLayout
from darkpy.ops.spec import Shape
from darkpy.ops.spec.head_loss import FIGURES

if TYPE_CHECKING:
    from darkpy.vision.tree import Tree

WARM_UP = 12800  # images during which all boxes are drawn to their anchors


@register("region")
class Region(Layer):
    is_loss = True

    @dataclass
    class Config(LayerConfig):
        classes: int = opt(20, low=1, high=MAX_CLASSES)
        coords: int = opt(4, low=4, high=1 << 16)
        num: int = opt(1, low=1, high=MAX_ANCHORS)
        anchors: list[float] = opt([])
        softmax: bool = opt(False)
        background: bool = opt(False)
        tree: str = opt("")
        map: str = opt("")
        max: int = opt(30, low=1, high=MAX_BOXES)
        thresh: float = opt(0.5)
        rescore: bool = opt(False)
        bias_match: bool = opt(False)
        coord_scale: float = opt(1.0)
        object_scale: float = opt(1.0)
        noobject_scale: float = opt(1.0)
        mask_scale: float = opt(1.0)
        class_scale: float = opt(1.0)
        jitter: float = opt(0.2)
        random: bool = opt(False)
        log: bool = opt(False)  # this and the next three were never more than read
        sqrt: bool = opt(False)
        classfix: int = opt(0)
        absolute: bool = opt(False)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        c, h, w = need_map(in_shapes[0], self.kind)
        self.entries = config.coords + 1 + config.classes
        boxes = f"num={config.num}" + (f", coords={config.coords}" if config.coords != 4 else "")
        anchors, _, self.tree, self.labels = together(
            lambda: read_anchors(config.anchors, config.num),
            lambda: check_filters(self, c, config.num * self.entries,
                                  f"[region] with classes={config.classes}, {boxes}"),
            lambda: self.read_tree() if config.tree else None,
            lambda: read_labels(config.map, net.folder, config.classes))
        self.anchors = anchors / np.array([w, h], np.float32)  # fractions
        self.branches = np.zeros((0, 3), np.int32)  # parent, first and end of its sibling group for each class
        if self.tree:
            first = self.tree.group_offset[self.tree.group]
            self.branches = np.stack([self.tree.parent, first, first + self.tree.group_size[self.tree.group]], 1)
        self.truths = config.max * (config.coords + 1)  # numbers of truth for one image

    def read_tree(self) -> Tree:
        from darkpy.vision.tree import Tree

        c = self.config
        if c.background:
            raise LayerProblem("background=1 needs one softmax over all classes, which a tree does not have: drop one",
                               "background")
        tree = read_named(Tree.read, "tree", c.tree, self.net.folder)
        if len(tree) != c.classes:
            raise LayerProblem(f"tree={c.tree} has {len(tree)} nodes, but classes={c.classes}: they must be equal",
                               "tree")
        return tree

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        c = self.config
        groups = tuple(self.tree.group_size.tolist()) if self.tree else ()
        y = ops.region_activate(x, anchors=c.num, coords=c.coords, classes=c.classes, softmax_classes=c.softmax,
                                background=c.background, groups=groups)
        return y, y if train else None

    def loss(self, ops: Any, saved: Any, truth: Array, seen: int) -> Loss:
        c = self.config
        dx, figures = ops.region_loss(
            saved, rows_of_truth(ops, self.kind, truth, c.coords + 1), self.anchors, self.labels, self.branches,
            coords=c.coords, limit=c.max, thresh=c.thresh, object_scale=c.object_scale,
            noobject_scale=c.noobject_scale, class_scale=c.class_scale, coord_scale=c.coord_scale,
            mask_scale=c.mask_scale, rescore=c.rescore, bias_match=c.bias_match, background=c.background,
            softmax_classes=c.softmax, warm_up=seen < WARM_UP)
        _, _, h, w = saved.shape
        loss = box_loss(ops, dx, figures, FIGURES, len(saved) * c.num * h * w)
        del loss.report["recall75"]  # which Darknet prints for [yolo] only
        return loss

    def decode(self, y: np.ndarray, thresh: float, hier: float = 0.5, map: np.ndarray | None = None) -> Detections:
        """Candidates of one image, y (C, H, W), with objectness above `thresh`, anchor by anchor.

        With a tree, a candidate is given the one most specific class that is still likely (`hier`).  If `map` (n,)
        names nodes of the tree, it has n probabilities instead, of exactly these nodes.
        """
        c = self.config
        _, h, w = y.shape
        y = y.reshape(c.num, self.entries, h, w).transpose(0, 2, 3, 1)  # Darknet's order: anchors, then cells
        objectness = np.ones_like(y[..., 0]) if c.background else y[..., c.coords]
        a, i, j = np.nonzero(objectness > thresh)
        p, scale = y[a, i, j], objectness[a, i, j]
        boxes = np.empty((len(p), 4), np.float32)
        boxes[:, 0] = (j + p[:, 0]) / np.float32(w)
        boxes[:, 1] = (i + p[:, 1]) / np.float32(h)
        with np.errstate(over="ignore"):
            boxes[:, 2:] = np.exp(p[:, 2:4]) * self.anchors[a]
        prob = p[:, c.coords + 1 :]
        if self.tree and map is not None:
            prob = self.tree.hierarchy_predictions(prob)[:, map] * scale[:, None]
            prob[~(prob > thresh)] = 0
        elif self.tree:
            # the walk down the tree multiplies probabilities that contain those of their ancestors already
            best = self.tree.top_prediction(self.tree.hierarchy_predictions(prob), hier)
            prob = np.zeros_like(prob)
            prob[np.arange(len(p)), best] = scale
        else:
            prob = prob * scale[:, None]
            prob[~(prob > thresh)] = 0
        return Detections(boxes, scale, prob, p[:, 4 : c.coords].copy() if c.coords > 4 else None)

    def box_layout(self) -> BoxLayout | None:
        """The same for kernels; None with a tree, whose classes depend on one another."""
        c = self.config
        _, h, w = self.out_shape
        box = self.entries * h * w
        return None if self.tree else BoxLayout(
            (h, w), self.anchors, c.classes, False, (0, 1, box, h * w),
            None if c.background else (c.coords * h * w, 1, box), ((c.coords + 1) * h * w, 1, box, h * w))

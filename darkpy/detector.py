"""A detector: image -> letterbox -> network -> boxes of all heads -> suppression -> Result, as Darknet does it.

    model = Detector("yolov3.cfg", "yolov3.weights")
    for result in model.detect(["a.jpg", "b.jpg"], thresh=.25):
        print(result.path, result.boxes.xyxy)
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from darkpy import shipped
from darkpy.calibrate import plan_for
from darkpy.errors import ModelError, UsageError
from darkpy.labels import Names, class_names
from darkpy.layers.detections import Detections
from darkpy.network import load
from darkpy.pictures import OnError, Picture, batches, check_input
from darkpy.result import Boxes, Result
from darkpy.vision.boxes import correct_boxes, letterbox_terms
from darkpy.vision.nms import nms_sort


class Detector:
    """A network with detection heads; without a cfg the small one that darkpy brings along, for scenes it draws.

    `names`: a list, a file with a name per line, or a .data file that points to one; by default `<cfg>.names` beside
    the cfg, or the list of the data set with as many classes (COCO, VOC ...).  `size`: side of the net's input, or
    (height, width), instead of the cfg's.  `threads`: CPU threads.  `lax`: unknown keys of the cfg are no error.
    `partial`: neither is a .weights file with too few or too many numbers.  `precision`: "bf16" or "int8" where the CPU
    can (see `Network.plan`); for int8 `calibration` is a Calibration, the path of one, or some typical images.

    Raises CfgError, WeightsError, DataError for names.
    """

    def __init__(self, cfg: str | os.PathLike[str] | None = None, weights: str | os.PathLike[str] | None = None,
                 names: Names = None, *, size: int | tuple[int, int] | None = None, device: str = "cpu",
                 threads: int | None = None, lax: bool = False, partial: bool = False,
                 precision: str = "float32", calibration: Any = None):
        if cfg is None:
            cfg, weights = shipped.find(shipped.CFG), weights or shipped.find(shipped.WEIGHTS)
        cfg = os.fspath(cfg)
        self.net = load(cfg, weights, batch=1, size=size, device=device, lax=lax, partial=partial)
        self.heads: list[Any] = [layer for layer in self.net.layers if hasattr(layer, "decode")]
        if not self.heads:
            raise ModelError(f"{cfg}: no detection layer ([yolo], [region] or [detection]): "
                             "for a classifier use darkpy classify, or darkpy.Classifier")
        counts = sorted({head.config.classes for head in self.heads})
        if len(counts) > 1:
            raise ModelError(f"{cfg}: its heads disagree: {' and '.join(map(str, counts))} classes")
        self.input_shape = check_input(self.net.input_shape, cfg)
        self.names = class_names(names, cfg, counts[0])
        self.is_grid = any(head.kind == "detection" for head in self.heads)  # YOLO v1
        self._run = plan_for(self.net, not self.is_grid, threads, precision, calibration)
        # on a GPU, where it finds the boxes too: but with a tree of classes, or for frames in the mean
        layouts = [head.box_layout() for head in self.heads] if self.net.ops.on_device else []
        self._layouts = layouts if all(layouts) else []

    def detect(self, sources: Any, thresh: float | None = None, nms: float | None = None, hier: float = 0.5,
               batch: int = 8, letterbox: bool | None = None, on_error: OnError | None = None,
               nodes: np.ndarray | None = None, average: int = 1) -> Iterator[Result]:
        """One Result for each image, in order.

        sources    an image or any iterable of them: path, bytes, uint8 (H, W, 3) RGB, float (3, H, W) in [0, 1],
                   PIL.Image; a list is decoded ahead while the net computes
        thresh     least confidence of a detection: .5 by default, .2 for YOLO v1
        nms        of two boxes of one class with a larger IoU only the better stays: .45, .4 for v1; 0 keeps all
        hier       least probability at which a label tree (YOLO9000) is followed further
        batch      images computed at once
        letterbox  keep the aspect ratio, or else stretch; by default as the net was trained: only v1 stretches
        on_error   called with a source that cannot be read and its error, and the next image follows; without it the
                   error is raised
        nodes      with a label tree: these nodes (n,) alone are the classes, each with its own probability
        average    for the frames of a film: the net's outputs are those of so many last frames in the mean
        """
        if nodes is not None and not all(getattr(head, "tree", None) for head in self.heads):
            raise UsageError(f"{self.net.graph.path}: nodes were chosen, but this net has no tree of classes")
        thresh = thresh if thresh is not None else 0.2 if self.is_grid else 0.5
        nms = nms if nms is not None else 0.4 if self.is_grid else 0.45
        fit = letterbox if letterbox is not None else not self.is_grid
        if average < 1:
            raise UsageError(f"average={average}: it is at least 1")
        for name, value in (("thresh", thresh), ("nms", nms), ("hier", hier)):
            if not 0 <= value <= 1:
                raise UsageError(f"{name}={value}: it lies between 0 and 1")
        last: deque[list[np.ndarray]] = deque(maxlen=average)
        for pictures in batches(sources, self.input_shape, fit, batch, on_error):
            yield from self._detect(pictures, thresh, nms, hier, fit, nodes, last)

    def _detect(self, pictures: list[Picture], thresh: float, nms: float, hier: float, fit: bool,
                nodes: np.ndarray | None, last: deque[list[np.ndarray]]) -> Iterator[Result]:
        chosen = {} if nodes is None else {"map": nodes}
        names = self.names if nodes is None else [self.names[k] for k in nodes]
        x = np.stack([p.x for p in pictures])
        self._run.program(len(x))  # made once, so no part of the time of an image
        start = time.perf_counter()
        if last.maxlen == 1 and self._layouts:
            yield from self._on_device(pictures, x, thresh, nms, fit)
            return
        outputs = self._run(x)
        ms = (time.perf_counter() - start) * 1000 / len(pictures)
        for n, picture in enumerate(pictures):
            start = time.perf_counter()
            last.append([y[n] for y in outputs])
            means = last[0] if last.maxlen == 1 else [np.mean(ys, axis=0) for ys in zip(*last, strict=True)]
            found = Detections.concat([head.decode(y, thresh, hier, **chosen)
                                       for head, y in zip(self.heads, means, strict=True)])
            boxes = select(found, picture.size, self.input_shape[1:], thresh, nms, fit)
            speed = {"preprocess": picture.ms, "inference": ms, "postprocess": (time.perf_counter() - start) * 1000}
            yield Result(boxes, names, picture.rgb, picture.path, speed)

    def _on_device(self, pictures: list[Picture], x: np.ndarray, thresh: float, nms: float,
                   fit: bool) -> Iterator[Result]:
        """The same where boxes are decoded and thinned out on a GPU."""
        start = time.perf_counter()
        height, width = self.input_shape[1:]
        terms = [letterbox_terms(*p.size, width, height) if fit else (0, 0, 1, 1, 1, 1) for p in pictures]
        found = self._run.boxes(x, self._layouts, np.array(terms, np.float64), thresh, nms)  # type: ignore[union-attr]
        ms = (time.perf_counter() - start) * 1000 / len(pictures)
        for picture, (numbers, before, prob) in zip(pictures, found, strict=True):
            start = time.perf_counter()
            boxes, objectness = numbers[:, :4], numbers[:, 4]
            # the order the whole list has behind suppression; an IoU above 1 there is none
            order = nms_sort(boxes, objectness, before, 1)[1] if nms > 0 else np.arange(len(boxes))
            kept = ranked(boxes, objectness, prob, order, thresh, picture.size)
            speed = {"preprocess": picture.ms, "inference": ms, "postprocess": (time.perf_counter() - start) * 1000}
            yield Result(kept, self.names, picture.rgb, picture.path, speed)


def select(found: Detections, image_size: tuple[int, int], net_size: tuple[int, int], thresh: float, nms: float,
           fit: bool) -> Boxes:
    """Candidates of the net's input (size as height, width) -> what is left of them in the image (width, height)."""
    boxes = correct_boxes(found.boxes, *image_size, net_size[1], net_size[0]) if fit else found.boxes
    # untrained or damaged weights give boxes without end
    prob = np.where(np.isfinite(boxes).all(axis=1)[:, None], found.prob, 0)
    order = np.arange(len(boxes))
    if nms > 0:
        prob, order = nms_sort(boxes, found.objectness, prob, nms)
    return ranked(boxes, found.objectness, prob, order, thresh, image_size)


def ranked(boxes: np.ndarray, objectness: np.ndarray, prob: np.ndarray, order: np.ndarray, thresh: float,
           image_size: tuple[int, int]) -> Boxes:
    """Every box of the image for every class it has above `thresh`, the most confident first, ties as in `order`."""
    row, class_id = np.nonzero(prob[order] > thresh)
    confidence = prob[order[row], class_id]
    best = np.argsort(-confidence, kind="stable")
    row, class_id = order[row[best]], class_id[best]
    return Boxes(boxes[row], confidence[best], class_id, objectness[row], image_size)

"""A detector measured on the images of a .data file's list, whose label files say what there is to find.

Detections are those of the original's `valid`: confidence above .005, suppression at .45.  What of a box lies outside
its image does not count, neither of objects nor of detections, as in the files that VOC's and COCO's programs read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from darkpy.datafile import DataFile
from darkpy.datasets.annotations import refuse
from darkpy.datasets.labels import read_labels
from darkpy.datasets.paths import images_of, label_path, read_list
from darkpy.detector import Detector
from darkpy.errors import DataError
from darkpy.evaluation import breakdown, coco, voc
from darkpy.evaluation.confusion import confusion_matrix
from darkpy.evaluation.curves import POINTS, Score
from darkpy.evaluation.tables import Found, Truth, pairwise_iou
from darkpy.pictures import OnError
from darkpy.result import Result
from darkpy.vision.boxes import to_xyxy
from darkpy.vision.names import read_map
from darkpy.vision.nms import nms_obj

THRESH, NMS = 0.005, 0.45

Watch = Callable[[Iterable[Result], int], Iterable[Result]]  # shows progress through so many results


# -- what there is to find ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Labelled:
    """Images and their labels: (n, 5) rows class, x, y, w, h for each; `difficult` ones need not be found."""

    images: list[str]
    labels: list[np.ndarray]
    difficult: list[np.ndarray]


def read_truth(data: DataFile, classes: int) -> Labelled:
    """The images of `valid=`, each once, with their label files; and those of `difficult=`, a list of as many images
    whose label files hold the difficult objects, as in a fork.

    Raises DataError with a line for each file that is missing or wrong.
    """
    listed = images_of(data, "valid").images
    problems: list[str] = []
    images: dict[str, np.ndarray] = {}
    for image in listed:
        if image not in images:
            images[image] = labels_of(image, classes, problems)
    difficult: dict[str, np.ndarray] = {}
    if data.config.difficult:
        others = read_list(data.find("difficult"))
        if len(others) != len(listed):
            raise DataError(f"{others.path}: {len(others)} images, but {len(listed)} in valid=: one for each")
        difficult = {image: labels_of(other, classes, problems)
                     for image, other in zip(listed, others.images, strict=True)}
    refuse(problems)
    nothing = np.zeros((0, 5), np.float32)
    return Labelled(list(images), list(images.values()), [difficult.get(image, nothing) for image in images])


def labels_of(image: str, classes: int, problems: list[str]) -> np.ndarray:
    try:
        rows = read_labels(label_path(image), classes)
    except DataError as e:
        problems.append(str(e))
        return np.zeros((0, 5), np.float32)
    return rows[(rows[:, 3] > 0) & (rows[:, 4] > 0)]  # the others say that a class is somewhere in the image


def class_map(model: Detector, data: DataFile) -> np.ndarray | None:
    """The nodes of the net's tree that the classes of the data set are, by `map=`; None where none is given."""
    if not data.config.map:
        return None
    if not all(getattr(head, "tree", None) for head in model.heads):
        raise DataError(f"{data.section.place('map')}: map= leads to nodes of a tree, which this net does not have: "
                        "remove it")
    return read_map(data.find("map"), limit=len(model.names))


# -- what was found ----------------------------------------------------------------------------------------------------


@dataclass
class Collected:
    """Objects and detections of all images that could be read."""

    classes: int
    images: int = 0
    truth: list[tuple[np.ndarray, ...]] = field(default_factory=list)  # image, class, box, difficult
    found: list[tuple[np.ndarray, ...]] = field(default_factory=list)  # image, class, box, confidence

    def add(self, result: Result, labels: np.ndarray, difficult: np.ndarray) -> None:
        """One more image."""
        b = result.boxes
        size = np.array(2 * b.image_size, np.float64)
        for rows, hard in ((labels, False), (difficult, True)):
            boxes = inside(to_xyxy(rows[:, 1:].astype(np.float64))) * size
            self.truth.append((np.full(len(rows), self.images), rows[:, 0].astype(np.int64), boxes,
                               np.full(len(rows), hard)))
        boxes = inside(to_xyxy(b.xywhn.astype(np.float64))) * size
        self.found.append((np.full(len(b), self.images), b.class_id, boxes, b.confidence))
        self.images += 1

    def tables(self) -> tuple[Truth, Found]:
        if not self.images:
            raise DataError("none of the images could be read: nothing can be measured")
        image, class_id, boxes, hard = (np.concatenate(part) for part in zip(*self.truth, strict=True))
        truth = Truth.of(image, class_id, boxes, difficult=hard)
        return truth, Found.of(*(np.concatenate(part) for part in zip(*self.found, strict=True)))


def inside(xyxy: np.ndarray) -> np.ndarray:
    """The part within the image of boxes in fractions of it."""
    return np.clip(xyxy, 0, 1)


def collect(model: Detector, labelled: Labelled, thresh: float = THRESH, nms: float = NMS, batch: int = 8,
            letterbox: bool | None = None, on_error: OnError | None = None, watch: Watch | None = None,
            nodes: np.ndarray | None = None) -> Collected:
    """Run the detector on all images.  One that cannot be read is left out, if `on_error` takes its error; `nodes`
    from `class_map`."""
    collected = Collected(len(model.names if nodes is None else nodes))
    number = {image: i for i, image in enumerate(labelled.images)}
    results: Iterable[Result] = model.detect(labelled.images, thresh, nms, batch=batch, letterbox=letterbox,
                                             on_error=on_error, nodes=nodes)
    for result in watch(results, len(number)) if watch else results:
        i = number[result.path or ""]
        collected.add(result, labelled.labels[i], labelled.difficult[i])
    return collected


# -- the measures ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Report:
    """All that is measured.  Numbers of classes without objects are NaN, and means leave them out."""

    names: list[str]
    images: int
    iou_thresh: float
    thresh: float  # of confidence, for counts and confusion
    objects: np.ndarray  # (classes,)
    voc: voc.VocScores
    coco: coco.CocoScores
    confusion: np.ndarray  # (classes + 1, classes + 1)
    errors: np.ndarray  # (classes, 5)

    def shown(self) -> list[int]:
        """Classes with objects or with detections above the threshold."""
        return [k for k, n in enumerate(self.objects) if n or self.voc.scores[k].wrong]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings; None for NaN."""
        aps = {points: self.voc.aps(points) for points in POINTS}
        classes = [{"class_id": k, "name": self.names[k], "objects": int(self.objects[k]),
                    "ap": plain(aps[0][k]), "ap_11": plain(aps[11][k]), "ap_101": plain(aps[101][k]),
                    "coco_ap": plain(ap), **counts(self.voc.scores[k]),
                    "errors": dict(zip(breakdown.KINDS, self.errors[k].tolist(), strict=True))}
                   for k, ap in enumerate(self.coco.class_ap())]
        return {"images": self.images, "objects": int(self.objects.sum()), "iou_thresh": self.iou_thresh,
                "thresh": self.thresh, "map": plain(self.voc.mean_ap(0)), "map_11": plain(self.voc.mean_ap(11)),
                "map_101": plain(self.voc.mean_ap(101)), **counts(self.voc.total),
                "coco": {name: plain(value) for name, value in self.coco.summary().items()},
                "errors": dict(zip(breakdown.KINDS, self.errors.sum(axis=0).tolist(), strict=True)),
                "confusion": self.confusion.tolist(), "classes": classes}


def plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def counts(score: Score) -> dict[str, float]:
    return {"tp": score.right, "fp": score.wrong, "fn": score.missed, "precision": score.precision,
            "recall": score.recall, "f1": score.f1, "mean_iou": score.iou}


def measure(collected: Collected, names: list[str], iou_thresh: float = 0.5, thresh: float = 0.25,
            groups: Iterable[Iterable[str]] = breakdown.VOC_GROUPS) -> Report:
    """`groups` are names of classes that are similar to each other."""
    truth, found = collected.tables()
    classes = collected.classes
    return Report(names, collected.images, iou_thresh, thresh, truth.per_class(classes),
                  voc.evaluate(truth, found, classes, iou_thresh, thresh), coco.evaluate(truth, found, classes),
                  confusion_matrix(truth, found, classes, iou_thresh, thresh),
                  breakdown.error_breakdown(truth, found, breakdown.similar_classes(names, groups)))


# -- recall of proposals -----------------------------------------------------------------------------------------------


@dataclass
class Recall:
    """Proposals, that is boxes of whatever class, against objects: as the original's `recall` counts them."""

    images: int = 0
    proposals: int = 0
    objects: int = 0
    found: int = 0
    iou: float = 0.0  # sum over the objects of the best overlap

    def to_dict(self) -> dict[str, float]:
        n = max(self.objects, 1)
        return {**{k: v for k, v in asdict(self).items() if k != "iou"},
                "proposals_per_image": self.proposals / max(self.images, 1), "mean_iou": self.iou / n,
                "recall": self.found / n}


def recall(model: Detector, labelled: Labelled, thresh: float = 0.001, nms: float = 0.4, iou_thresh: float = 0.5,
           batch: int = 8, letterbox: bool | None = None, on_error: OnError | None = None) -> Iterator[Recall]:
    """The state after each image.  A proposal is a box with a class of probability above `thresh`, suppressed by
    objectness alone; an object is found by any box that overlaps it by more than `iou_thresh`."""
    state = Recall()
    number = {image: i for i, image in enumerate(labelled.images)}
    for result in model.detect(labelled.images, thresh, 0, batch=batch, letterbox=letterbox, on_error=on_error):
        labels = labelled.labels[number[result.path or ""]]
        b = result.boxes
        boxes, first = np.unique(b.xywhn, axis=0, return_index=True)
        objectness, _, _ = nms_obj(boxes, b.objectness[first], np.zeros((len(boxes), 1), np.float32), nms)
        boxes = boxes[objectness > thresh]
        best = np.zeros(len(labels))
        if len(boxes):
            best = pairwise_iou(to_xyxy(labels[:, 1:].astype(float)), to_xyxy(boxes.astype(float))).max(axis=1)
        state.images += 1
        state.proposals += len(boxes)
        state.objects += len(labels)
        state.found += int((best > iou_thresh).sum())
        state.iou += float(best.sum())
        yield state

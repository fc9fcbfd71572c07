"""Anchors for a data set: k-means over the shapes of its boxes, with 1 - IoU as distance (YOLOv2, section 2).

Boxes are laid on each other with their centres, so only width and height count:

    IoU(a, b) = min(aw, bw) min(ah, bh) / (aw ah + bw bh - min(aw, bw) min(ah, bh))

and unlike with Euclidean distance large boxes do not weigh more than small ones.  A cluster's centre is the mean of
its boxes.  The best of several starts counts, each begun as in k-means++.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from darkpy import datafile
from darkpy.build import Graph
from darkpy.datasets.annotations import refuse
from darkpy.datasets.labels import read_labels
from darkpy.datasets.paths import label_path, read_list
from darkpy.errors import DataError
from darkpy.jit import njit
from darkpy.tasks.check import in_threads
from darkpy.vision.decode import image_size
from darkpy.vision.image import letterbox_size
from darkpy.vision.names import read_names

ROUNDS = 300  # of one start, if it has not come to rest before
WORKERS = 4


@dataclass(frozen=True)
class Clusters:
    """k anchors: `shapes` (k, 2), width and height as fractions of the input, by area; their boxes and mean IoU."""

    shapes: np.ndarray
    members: np.ndarray  # (n,) number of the anchor of each box
    iou: float

    def pixels(self, width: int, height: int) -> str:
        """The line for [yolo]."""
        return self.line(self.shapes * (width, height), ".0f")

    def cells(self, width: int, height: int, stride: int) -> str:
        """The line for [region]: one cell is `stride` pixels."""
        return self.line(self.shapes * (width / stride, height / stride), ".4g")

    @staticmethod
    def line(sizes: np.ndarray, form: str) -> str:
        return "anchors=" + ", ".join(f"{w:{form}},{h:{form}}" for w, h in sizes.tolist())


# -- shapes of a data set ---------------------------------------------------------------------------------------------


def read_shapes(data: str | Path, width: int, height: int, key: str = "train", fit: bool = True,
                progress: Callable[[Iterable[np.ndarray], int], Iterable[np.ndarray]] | None = None) -> np.ndarray:
    """Width and height (n, 2), as fractions of an input of width x height pixels, of all boxes of a data set.

    With `fit` images are letterboxed, as in darkpy and the original; else they are stretched, as forks do.
    Raises DataError with a line for each file that cannot be read, and where there is no box.
    """
    found = datafile.read(data, lax=True)
    images = read_list(found.find(key))
    classes = found.config.classes or len(read_names(found.find("names")))
    problems: list[str] = []

    def shapes_of(i: int) -> np.ndarray:
        path = images.images[i]
        try:
            rows = read_labels(label_path(path), classes)
            rows = rows[(rows[:, 3] > 0) & (rows[:, 4] > 0) & ((rows[:, 1] != 0) | (rows[:, 2] != 0)), 3:]
            if not fit or not len(rows):
                return rows.astype(np.float64)
            inner_w, inner_h = letterbox_size(*image_size(path), width, height)
            return rows * np.array((inner_w / width, inner_h / height))
        except DataError as e:
            problems.append(str(e))
            return np.zeros((0, 2))

    parts: Iterable[np.ndarray] = in_threads(shapes_of, range(len(images)), WORKERS)
    shapes = np.concatenate(list(progress(parts, len(images)) if progress else parts))
    refuse(sorted(problems))
    if not len(shapes):
        raise DataError(f"{images.path}: its images have no boxes to take anchors from")
    return shapes


# -- k-means ----------------------------------------------------------------------------------------------------------


@njit
def _assign(shapes, centres, members, ious):
    """The centre with the largest IoU for each shape (n, 2), and that IoU."""
    for i in range(shapes.shape[0]):
        w, h = shapes[i, 0], shapes[i, 1]
        best, where = -1.0, 0
        for k in range(centres.shape[0]):
            common = min(w, centres[k, 0]) * min(h, centres[k, 1])
            iou = common / (w * h + centres[k, 0] * centres[k, 1] - common)
            if iou > best:
                best, where = iou, k
        members[i] = where
        ious[i] = best


def assign(shapes: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each shape (n, 2) the number of the centre it overlaps most, and their IoU."""
    members, ious = np.empty(len(shapes), np.int64), np.empty(len(shapes))
    _assign(np.ascontiguousarray(shapes, np.float64), np.ascontiguousarray(centres, np.float64), members, ious)
    return members, ious


def kmeans(shapes: np.ndarray, k: int, seed: int = 0, starts: int = 10) -> Clusters:
    """The best of several starts.  The same shapes and seed give the same anchors."""
    different = len(np.unique(shapes, axis=0))
    if k > different:
        raise DataError(f"{k} anchors from {different} different box shapes: ask for {different} at most")
    random = np.random.default_rng(seed)
    best = max((one_start(shapes, k, random) for _ in range(starts)), key=lambda found: found.iou)
    order = np.argsort(best.shapes.prod(1), kind="stable")
    return Clusters(best.shapes[order], np.argsort(order)[best.members], best.iou)


def one_start(shapes: np.ndarray, k: int, random: np.random.Generator) -> Clusters:
    """Means move until no box changes its cluster.  With this distance a step may make it worse: the best counts."""
    centres = spread(shapes, k, random)
    best, last = None, np.full(len(shapes), -1)
    for _ in range(ROUNDS):
        members, ious = assign(shapes, centres)
        if best is None or ious.mean() > best.iou:
            best = Clusters(centres, members, float(ious.mean()))
        if (members == last).all():
            break
        last = members
        counts = np.bincount(members, minlength=k)
        sums = np.stack([np.bincount(members, shapes[:, axis], k) for axis in (0, 1)], 1)
        centres = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres)
    assert best is not None
    return best


def spread(shapes: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
    """k shapes to begin with, each drawn with a probability that grows with its distance from those before."""
    chosen = [shapes[random.integers(len(shapes))]]
    for _ in range(k - 1):
        _, ious = assign(shapes, np.array(chosen))
        far = np.maximum(1 - ious, 0) ** 2
        chosen.append(shapes[random.choice(len(shapes), p=far / far.sum())])
    return np.array(chosen)


def mean_iou(shapes: np.ndarray, anchors: np.ndarray) -> float:
    """How well given anchors (k, 2), fractions of the input, fit."""
    return float(assign(shapes, anchors)[1].mean())


def anchors_of(graph: Graph) -> np.ndarray | None:
    """The anchors a net has, as fractions of its input, for comparison."""
    found = [layer.anchors for layer in graph.layers if hasattr(layer, "decode") and hasattr(layer, "anchors")]
    return np.asarray(found[-1], np.float64) if found else None

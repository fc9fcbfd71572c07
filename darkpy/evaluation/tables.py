"""What is compared: the objects that are there and those a detector found, of all images, a row for each.

Images and classes are numbers from 0.  Boxes are left, top, right, bottom; in pixels where sizes matter (COCO).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Truth:
    """m objects.  `crowd` marks boxes around many of them, which any number of detections may match; `difficult`
    objects need not be found.  Neither counts as an object, nor what is found there as wrong."""

    image: np.ndarray  # (m,) int64
    class_id: np.ndarray  # (m,) int64
    boxes: np.ndarray  # (m, 4) float64
    area: np.ndarray  # (m,) float64: COCO's is that of the outline, not of the box
    crowd: np.ndarray  # (m,) bool
    difficult: np.ndarray  # (m,) bool

    @staticmethod
    def of(image: object, class_id: object, boxes: object, area: object = None, crowd: object = None,
           difficult: object = None) -> Truth:
        """The table of anything like arrays; `area` is the boxes' where it is not given."""
        frames = np.asarray(boxes, np.float64).reshape(-1, 4)
        none = np.zeros(len(frames), bool)
        return Truth(np.asarray(image, np.int64).reshape(-1), np.asarray(class_id, np.int64).reshape(-1), frames,
                     areas(frames) if area is None else np.asarray(area, np.float64),
                     none if crowd is None else np.asarray(crowd, bool),
                     none if difficult is None else np.asarray(difficult, bool))

    @property
    def counts(self) -> np.ndarray:
        """(m,) bool: objects that have to be found."""
        return ~(self.crowd | self.difficult)

    def per_class(self, classes: int) -> np.ndarray:
        """(classes,) int64: how many of each have to be found."""
        return np.bincount(self.class_id[self.counts], minlength=classes)


@dataclass(frozen=True)
class Found:
    """n detections, in any order."""

    image: np.ndarray  # (n,) int64
    class_id: np.ndarray  # (n,) int64
    boxes: np.ndarray  # (n, 4) float64
    confidence: np.ndarray  # (n,) float64

    @staticmethod
    def of(image: object, class_id: object, boxes: object, confidence: object) -> Found:
        """The table of anything like arrays."""
        return Found(np.asarray(image, np.int64).reshape(-1), np.asarray(class_id, np.int64).reshape(-1),
                     np.asarray(boxes, np.float64).reshape(-1, 4), np.asarray(confidence, np.float64).reshape(-1))

    def where(self, rows: np.ndarray) -> Found:
        """Some of the rows, chosen by a mask or by numbers."""
        return Found(self.image[rows], self.class_id[rows], self.boxes[rows], self.confidence[rows])


def areas(boxes: np.ndarray) -> np.ndarray:
    """(n,) of boxes (n, 4)."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def pairwise_iou(a: np.ndarray, b: np.ndarray, crowd: np.ndarray | None = None) -> np.ndarray:
    """Intersection over union of all boxes a (n, 4) with all of b (m, 4), as (n, m); 0 where there is no area.

    For a `crowd` in b it is the part of a inside of it, as COCO defines it.
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    own = areas(a)[:, None]
    total = own + areas(b)[None] - common
    if crowd is not None:
        total = np.where(crowd[None], own, total)
    return np.divide(common, total, out=np.zeros_like(common), where=total > 0)


def groups(*keys: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """For each combination of values of the keys (n,): these values, and the numbers of its rows, ascending."""
    if not len(keys[0]):
        return
    order = np.lexsort(keys[::-1])
    ranked = np.stack([key[order] for key in keys])
    starts = np.flatnonzero(np.r_[True, (ranked[:, 1:] != ranked[:, :-1]).any(axis=0)])
    for start, rows in zip(starts.tolist(), np.split(order, starts[1:]), strict=True):
        yield tuple(ranked[:, start].tolist()), rows


def lookup(*keys: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
    """`groups` as a dictionary."""
    return dict(groups(*keys))

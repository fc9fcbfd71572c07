"""The measures of COCO: average precision and recall over ten overlaps, by the size of objects.

    AP     mean over overlaps .5, .55 ... .95, classes, and 101 levels of recall; AP50 and AP75 at one overlap
    APs    objects of up to 32 x 32 pixels; APm up to 96 x 96; APl the others
    AR     the recall that is reached with the 1, 10 or 100 most confident detections of each image and class

Where only objects of one size count, the others are ignored, and so are detections of other sizes that match nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkpy.evaluation.curves import LEVELS, at_levels
from darkpy.evaluation.matching import by_confidence, match_coco
from darkpy.evaluation.tables import Found, Truth, areas, groups, lookup, pairwise_iou
from darkpy.evaluation.voc import mean

IOUS = np.linspace(0.5, 0.95, 10)
SIZES = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
MOST = (1, 10, 100)  # detections of an image and class


@dataclass(frozen=True)
class CocoScores:
    """NaN for classes without objects (of a size)."""

    ap: np.ndarray  # (sizes, overlaps, classes), with up to 100 detections
    recall: np.ndarray  # (sizes, MOST, overlaps, classes)

    def summary(self) -> dict[str, float]:
        """The twelve numbers of COCO's table."""
        numbers = {"AP": mean(self.ap[0]), "AP50": mean(self.ap[0, 0]), "AP75": mean(self.ap[0, 5])}
        for i, size in enumerate("sml", 1):
            numbers[f"AP{size}"] = mean(self.ap[i])
        for i, most in enumerate(MOST):
            numbers[f"AR{most}"] = mean(self.recall[0, i])
        for i, size in enumerate("sml", 1):
            numbers[f"AR{size}"] = mean(self.recall[i, -1])
        return numbers

    def class_ap(self) -> np.ndarray:
        """(classes,) AP over all overlaps."""
        return self.ap[0].mean(axis=0)


@dataclass(frozen=True)
class Verdicts:
    """Detections of one class and size range, image after image: confidence and rank (n,) within the image, and for
    each overlap (T, n) whether an object is found and whether the detection does not count."""

    confidence: np.ndarray
    rank: np.ndarray
    matched: np.ndarray
    ignored: np.ndarray


def evaluate(truth: Truth, found: Found, classes: int) -> CocoScores:
    """All measures.  Boxes are in pixels."""
    ap = np.full((len(SIZES), len(IOUS), classes), np.nan)
    recall = np.full((len(SIZES), len(MOST), len(IOUS), classes), np.nan)
    objects, detections = lookup(truth.class_id), lookup(found.class_id)
    nothing = np.zeros(0, np.int64)
    for (k,), there in objects.items():
        if not 0 <= k < classes:
            continue
        answers = detections.get((k,), nothing)
        for i, parts in enumerate(verdicts(truth, found, there, answers)):
            low, high = list(SIZES.values())[i]
            area = truth.area[there]
            count = int((truth.counts[there] & (area >= low) & (area <= high)).sum())
            if count:
                ap[i, :, k], recall[i, :, :, k] = measure(parts, count)
    return CocoScores(ap, recall)


def verdicts(truth: Truth, found: Found, there: np.ndarray, answers: np.ndarray) -> list[Verdicts]:
    """For each size range: one class's objects (rows `there`) against its detections (rows `answers`)."""
    rows = answers[np.lexsort((-found.confidence[answers], found.image[answers]))]
    image = found.image[rows]
    rank = np.arange(len(rows)) - np.searchsorted(image, image)
    rows, image, rank = (column[rank < MOST[-1]] for column in (rows, image, rank))
    size = areas(found.boxes[rows])
    matched, ignored = np.zeros((2, len(SIZES), len(IOUS), len(rows)), bool)
    for (where,), own in groups(truth.image[there]):
        own = there[own]
        part = slice(*np.searchsorted(image, [where, where + 1]))
        crowd, area, counts = truth.crowd[own], truth.area[own], truth.counts[own]
        iou = pairwise_iou(found.boxes[rows[part]], truth.boxes[own], crowd)
        for i, (low, high) in enumerate(SIZES.values()):
            skip = ~counts | (area < low) | (area > high)
            matched[i, :, part], ignored[i, :, part] = match_coco(iou, skip, crowd, IOUS)
    for i, (low, high) in enumerate(SIZES.values()):
        ignored[i] |= ~matched[i] & ((size < low) | (size > high))
    return [Verdicts(found.confidence[rows], rank, m, i) for m, i in zip(matched, ignored, strict=True)]


def measure(found: Verdicts, objects: int) -> tuple[np.ndarray, np.ndarray]:
    """AP (T,) and recall (MOST, T) of one class."""
    order = by_confidence(found.confidence)
    matched, counts = found.matched[:, order], ~found.ignored[:, order]
    right, wrong = matched & counts, ~matched & counts
    recall = np.stack([(right & (found.rank[order] < most)).sum(axis=1) / objects for most in MOST])
    hits, misses = right.cumsum(axis=1), wrong.cumsum(axis=1)
    ap = [at_levels(h / objects, h / np.maximum(h + m, 1), LEVELS[101]).mean()
          for h, m in zip(hits, misses, strict=True)]
    return np.array(ap), recall

"""The measure of Pascal VOC: average precision of each class at one overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkpy.evaluation.curves import ALL, Curve, Score, curve, score
from darkpy.evaluation.matching import Matches, match_voc
from darkpy.evaluation.tables import Found, Truth


@dataclass(frozen=True)
class VocScores:
    """`curves` and `scores` by class; `total` is the score over all classes, at the same confidence."""

    matches: Matches
    curves: list[Curve]
    scores: list[Score]
    total: Score

    def aps(self, points: int = ALL) -> np.ndarray:
        """(classes,) AP; NaN for classes without objects."""
        return np.array([c.ap(points) for c in self.curves])

    def mean_ap(self, points: int = ALL) -> float:
        """Over the classes that have objects; NaN where none has."""
        return mean(self.aps(points))


def mean(values: np.ndarray) -> float:
    """Of those that are numbers; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def evaluate(truth: Truth, found: Found, classes: int, iou_thresh: float = 0.5, thresh: float = 0.25) -> VocScores:
    """Curves over all detections, and scores of those with a confidence above `thresh`."""
    matches = match_voc(truth, found, iou_thresh)
    objects = truth.per_class(classes).tolist()
    sure = found.confidence > thresh
    curves, scores = [], []
    for k in range(classes):
        own = found.class_id == k
        curves.append(curve(found.confidence[own], matches.verdict[own], objects[k]))
        scores.append(score(matches.verdict[own & sure], matches.iou[own & sure], objects[k]))
    return VocScores(matches, curves, scores, score(matches.verdict[sure], matches.iou[sure], sum(objects)))

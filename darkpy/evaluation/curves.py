"""Precision against recall, and the area under it.

With detections sorted by confidence, after the k-th:  recall = right / objects,  precision = right / (right + wrong).
Average precision (AP) is the mean over recall of the best precision that is reached at this recall or a higher one:
over 11 levels (VOC until 2009), over 101 (COCO), or over all (VOC since 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkpy.evaluation.matching import IGNORED, RIGHT, WRONG, by_confidence

ALL = 0
LEVELS = {11: np.arange(11) / 10, 101: np.linspace(0, 1, 101)}  # each as its devkit rounds them
POINTS = (ALL, 11, 101)


@dataclass(frozen=True)
class Curve:
    """One class: precision and recall after each detection that counts; `objects` are to be found."""

    confidence: np.ndarray  # (n,) descending
    precision: np.ndarray  # (n,)
    recall: np.ndarray  # (n,)
    objects: int

    def ap(self, points: int = ALL) -> float:
        """Average precision; NaN where there is nothing to find."""
        return average_precision(self.recall, self.precision, points) if self.objects else float("nan")


def curve(confidence: np.ndarray, verdict: np.ndarray, objects: int) -> Curve:
    """The curve of detections (n,) with the verdicts of `match_voc`."""
    order = by_confidence(confidence)
    order = order[verdict[order] != IGNORED]
    right, wrong = np.cumsum(verdict[order] == RIGHT), np.cumsum(verdict[order] == WRONG)
    recall = right / objects if objects else np.zeros(len(order))
    return Curve(confidence[order], right / np.maximum(right + wrong, 1), recall, objects)


def envelope(precision: np.ndarray) -> np.ndarray:
    """At each place the best precision from there on; precision (..., n)."""
    return np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]


def at_levels(recall: np.ndarray, precision: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The best precision at each level of recall or beyond; 0 where recall ends before."""
    return np.append(envelope(precision), 0.0)[np.searchsorted(recall, levels, side="left")]


def average_precision(recall: np.ndarray, precision: np.ndarray, points: int = ALL) -> float:
    """AP of a curve, recall ascending, over 11 or 101 levels, or over all (0)."""
    if points != ALL:
        return float(at_levels(recall, precision, LEVELS[points]).mean())
    return float((np.diff(recall, prepend=0.0) * envelope(precision)).sum())


@dataclass(frozen=True)
class Score:
    """What remains at one threshold of confidence."""

    right: int
    wrong: int
    missed: int
    iou: float  # mean over all that is found, wrong ones counting 0, as a fork of Darknet prints it

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        both = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / both if both else 0.0


def score(verdict: np.ndarray, iou: np.ndarray, objects: int) -> Score:
    """The score of detections (n,) that are confident enough."""
    right, wrong = int((verdict == RIGHT).sum()), int((verdict == WRONG).sum())
    overlap = float(iou[verdict == RIGHT].sum() / (right + wrong)) if right + wrong else 0.0
    return Score(right, wrong, objects - right, overlap)

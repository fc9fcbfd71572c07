"""Which detection finds which object, within an image and a class.  The most confident chooses first.

    VOC   a detection belongs to the object it overlaps most; the first one there is right, all others are wrong
    COCO  a detection takes, of the objects still free, the one it overlaps most

In both an overlap of exactly the threshold is enough, as in VOC's devkit and COCO's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkpy.evaluation.tables import Found, Truth, lookup, pairwise_iou

RIGHT, WRONG, IGNORED = 1, 0, -1
NEARLY = 1 - 1e-10  # an overlap of 1 may fall short of it by rounding


@dataclass(frozen=True)
class Matches:
    """For each of n detections."""

    verdict: np.ndarray  # (n,) int8: RIGHT, WRONG, or IGNORED at a difficult object
    object: np.ndarray  # (n,) int64: row of the object of its class it overlaps most, -1 where there is none
    iou: np.ndarray  # (n,) float64: that overlap


def by_confidence(confidence: np.ndarray) -> np.ndarray:
    """Rows, the most confident first; equal ones keep their order."""
    return np.argsort(-confidence, kind="stable")


def match_voc(truth: Truth, found: Found, iou_thresh: float = 0.5) -> Matches:
    """Each detection against the objects of its image and class."""
    n = len(found.confidence)
    verdict, owner, best_iou = np.full(n, WRONG, np.int8), np.full(n, -1), np.zeros(n)
    objects = lookup(truth.class_id, truth.image)
    counts = truth.counts
    for key, rows in lookup(found.class_id, found.image).items():
        there = objects.get(key)
        if there is None:
            continue
        rows = rows[by_confidence(found.confidence[rows])]
        iou = pairwise_iou(found.boxes[rows], truth.boxes[there])
        best = iou.argmax(axis=1)
        best_iou[rows] = iou[np.arange(len(rows)), best]
        owner[rows] = np.where(best_iou[rows] > 0, there[best], -1)
        hit = best_iou[rows] >= iou_thresh
        verdict[rows[hit & ~counts[there[best]]]] = IGNORED
        near = np.flatnonzero(hit & counts[there[best]])
        _, first = np.unique(best[near], return_index=True)
        verdict[rows[near[first]]] = RIGHT
    return Matches(verdict, owner, best_iou)


def match_coco(iou: np.ndarray, ignored: np.ndarray, crowd: np.ndarray, thresholds: np.ndarray
               ) -> tuple[np.ndarray, np.ndarray]:
    """For T thresholds at once: detections by confidence and objects with overlaps `iou` (n, m).

    Objects that count come before those that are `ignored` (m,); a `crowd` is never taken.  Returns two arrays (T, n)
    bool: is there an object, and is it an ignored one?
    """
    n, m = iou.shape
    limits = np.minimum(thresholds, NEARLY)
    level = np.arange(len(limits))
    matched, at_ignored = np.zeros((2, len(limits), n), bool)
    taken = np.zeros((len(limits), m), bool)
    reachable = np.flatnonzero((iou >= limits.min()).any(axis=1))
    for d in reachable:
        free = np.where(taken & ~crowd, -1.0, iou[d])
        for kind in (False, True):
            score = np.where(ignored == kind, free, -1.0)
            best = m - 1 - score[:, ::-1].argmax(axis=1)  # the last of equals
            hit = ~matched[:, d] & (score[level, best] >= limits)
            taken[level[hit], best[hit]] = True
            matched[hit, d] = True
            at_ignored[hit, d] = kind
    return matched, at_ignored

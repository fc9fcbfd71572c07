"""What kinds of errors a detector makes, after Hoiem et al. 2012, as in Figure 4 of the YOLO paper.

Of each class the N most confident detections are looked at, N being the number of its objects:

    correct        right class, overlap of at least .5, and the first one there
    localisation   right class, overlap above .1 (or a second one on the same object)
    similar        overlap above .1 with an object of a similar class
    other          overlap above .1 with an object of any class
    background     the rest
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from darkpy.evaluation.matching import IGNORED, RIGHT, by_confidence, match_voc
from darkpy.evaluation.tables import Found, Truth, lookup, pairwise_iou

KINDS = ("correct", "localisation", "similar", "other", "background")
CORRECT, LOCALISATION, SIMILAR, OTHER, BACKGROUND = range(5)
LEAST = 0.1  # overlap that is more than chance

VOC_GROUPS = (("aeroplane", "bicycle", "boat", "bus", "car", "motorbike", "train"),
              ("bird", "cat", "cow", "dog", "horse", "person", "sheep"),
              ("chair", "diningtable", "sofa"), ("aeroplane", "bird"))


def similar_classes(names: Sequence[str], groups: Iterable[Iterable[str]] = VOC_GROUPS) -> np.ndarray:
    """(classes, classes) bool: pairs that stand in a group together.  Names that are no class are passed over."""
    similar = np.zeros((len(names), len(names)), bool)
    for group in groups:
        wanted = set(group)
        member = np.array([name in wanted for name in names], bool)
        similar |= np.outer(member, member)
    return similar


def error_breakdown(truth: Truth, found: Found, similar: np.ndarray, top: int | None = None) -> np.ndarray:
    """(classes, 5) int64: how many detections of each class are of each of the KINDS.

    similar (classes, classes) from `similar_classes`; `top`: the same N for all classes, in place of the number of
    objects.  Detections on difficult objects are passed over.
    """
    classes = len(similar)
    table = np.zeros((classes, len(KINDS)), np.int64)
    verdict = match_voc(truth, found).verdict
    limits = truth.per_class(classes) if top is None else np.full(classes, top)
    objects = lookup(truth.image)
    chosen = []
    for (k,), rows in lookup(found.class_id).items():
        rows = rows[verdict[rows] != IGNORED]
        chosen.append(rows[by_confidence(found.confidence[rows])][: limits[k]])
    rows = np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)
    for image, own in lookup(found.image[rows]).items():
        answers = rows[own]
        there = objects.get(image, np.zeros(0, np.int64))
        k = found.class_id[answers]
        near = pairwise_iou(found.boxes[answers], truth.boxes[there]) > LEAST
        same = k[:, None] == truth.class_id[there][None]
        alike = similar[k][:, truth.class_id[there]]
        kind = np.select([verdict[answers] == RIGHT, (near & same).any(1), (near & alike).any(1), near.any(1)],
                         [CORRECT, LOCALISATION, SIMILAR, OTHER], BACKGROUND)
        np.add.at(table, (k, kind), 1)
    return table

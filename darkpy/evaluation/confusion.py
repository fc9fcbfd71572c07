"""Which class is taken for which."""

from __future__ import annotations

import numpy as np

from darkpy.evaluation.tables import Found, Truth, lookup, pairwise_iou


def confusion_matrix(truth: Truth, found: Found, classes: int, iou_thresh: float = 0.5, thresh: float = 0.25
                     ) -> np.ndarray:
    """(classes + 1, classes + 1) int64: rows are true classes, columns what was found; the last is background.

    Within an image an object and a detection of any class with a confidence above `thresh` belong together by their
    overlap, the largest first; of equal ones that of the right class, then the more confident.  An object left over
    is found as background, a detection left over was background.
    """
    matrix = np.zeros((classes + 1, classes + 1), np.int64)
    found = found.where(found.confidence > thresh)
    objects, answers = lookup(truth.image), lookup(found.image)
    counts = truth.counts
    nothing = np.zeros(0, np.int64)
    for image in sorted({*objects, *answers}):
        there, rows = objects.get(image, nothing), answers.get(image, nothing)
        iou = pairwise_iou(found.boxes[rows], truth.boxes[there])
        d, t = np.nonzero(iou >= iou_thresh)
        wrong = found.class_id[rows][d] != truth.class_id[there][t]
        free_d, free_t = np.ones(len(rows), bool), np.ones(len(there), bool)
        for pair in np.lexsort((-found.confidence[rows][d], wrong, -iou[d, t])):
            i, j = d[pair], t[pair]
            if free_d[i] and free_t[j]:
                free_d[i] = free_t[j] = False
                if counts[there[j]]:
                    matrix[truth.class_id[there[j]], found.class_id[rows[i]]] += 1
        # what lies on an object that does not count is not wrong
        excused = (iou[:, ~counts[there]] >= iou_thresh).any(axis=1)
        np.add.at(matrix, (classes, found.class_id[rows[free_d & ~excused]]), 1)
        np.add.at(matrix, (truth.class_id[there[free_t & counts[there]]], classes), 1)
    return matrix

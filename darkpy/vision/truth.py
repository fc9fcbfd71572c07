"""Labels under augmentation, and the arrays of truth that the detection layers are trained on.

A label is a row (class, x, y, w, h), centre and size in fractions of the image, as in Darknet's text files.
"""

from __future__ import annotations

import numpy as np

# What Darknet writes for a label at (0, 0): no box is meant, only "this class is somewhere in the image" (YOLO9000).
NO_BOX = np.float32(999999)

_SMALLEST = np.float32(0.001)  # detection truth: boxes with a side below this share of the image are dropped
_SMALLEST_IN_GRID = np.float32(0.005)  # the same for YOLO v1


def _rows(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels, dtype=np.float32)
    if labels.size == 0:
        return np.zeros((0, 5), np.float32)
    if labels.ndim != 2 or labels.shape[1] != 5:
        raise ValueError(f"expected labels (n, 5), got {labels.shape}")
    return labels


def correct_truth(labels: np.ndarray, dx: float, dy: float, sx: float, sy: float, flip: bool) -> np.ndarray:
    """The labels (n, 5) after the image was scaled by sx, sy, moved by -dx, -dy (fractions) and perhaps mirrored.

    What leaves the image is cut off, centre and size being computed anew; a box wholly outside becomes a line without
    area on the edge.  A label at (0, 0) becomes `NO_BOX` in all four numbers.
    """
    labels = _rows(labels)
    x, y, w, h = labels[:, 1:].T
    # The four steps round to float32 where Darknet stores its intermediate values.
    left, right = (x - w / 2) * np.float32(sx) - np.float32(dx), (x + w / 2) * np.float32(sx) - np.float32(dx)
    top, bottom = (y - h / 2) * np.float32(sy) - np.float32(dy), (y + h / 2) * np.float32(sy) - np.float32(dy)
    if flip:
        left, right = 1 - right, 1 - left
    left, right, top, bottom = (np.clip(edge, np.float32(0), np.float32(1)) for edge in (left, right, top, bottom))
    out = np.empty_like(labels)
    out[:, 0] = labels[:, 0]
    out[:, 1] = (left + right) / 2
    out[:, 2] = (top + bottom) / 2
    out[:, 3] = np.clip(right - left, 0, 1)
    out[:, 4] = np.clip(bottom - top, 0, 1)
    out[(x == 0) & (y == 0), 1:] = NO_BOX
    return out


def fill_truth_detection(labels: np.ndarray, num_boxes: int) -> np.ndarray:
    """The truth of one image for [yolo] and [region]: (num_boxes, 5) rows x, y, w, h, class, zeros after the last.

    `labels` are corrected already.  Only the first num_boxes are looked at; of those, boxes with a side below 0.001 are
    dropped.  (Darknet shuffles the labels before, so that it is not always the same ones that fall off the end.)
    """
    labels = _rows(labels)[:num_boxes]
    kept = labels[(labels[:, 3] >= _SMALLEST) & (labels[:, 4] >= _SMALLEST)]
    truth = np.zeros((num_boxes, 5), np.float32)
    truth[: len(kept), :4] = kept[:, 1:]
    truth[: len(kept), 4] = kept[:, 0]
    return truth


def fill_truth_region(labels: np.ndarray, side: int, classes: int) -> np.ndarray:
    """The truth of one image for [detection] (YOLO v1): (side, side, 1 + classes + 4).

    Each cell holds whether an object has its centre there, the class one-hot, and x, y inside the cell with w, h of the
    image.  The first label in a cell wins; boxes with a side below 0.005, or without a place, are dropped.
    """
    truth = np.zeros((side, side, 5 + classes), np.float32)
    for number, x, y, w, h in _rows(labels):
        if not (w >= _SMALLEST_IN_GRID and h >= _SMALLEST_IN_GRID and 0 <= x < 1 and 0 <= y < 1):
            continue
        column, row = int(x * side), int(y * side)
        cell = truth[min(row, side - 1), min(column, side - 1)]
        if cell[0]:
            continue
        cell[0] = 1
        if 0 <= number < classes:
            cell[1 + int(number)] = 1
        cell[1 + classes :] = x * side - column, y * side - row, w, h
    return truth

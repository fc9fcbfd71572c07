"""Boxes from the raw numbers of a detection head: the same NumPy for every peer.

Only cells whose objectness passes the threshold are touched, so this is close to free; darkpy itself is timed with its
own complete activation and decoding.
"""

from __future__ import annotations

import numpy as np

from bench.graph import Head

THRESH = 0.5


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def decode(head: Head, raw: np.ndarray, thresh: float = THRESH) -> tuple[np.ndarray, np.ndarray]:
    """raw (anchors * (5 + classes), H, W) -> boxes (n, 4) as x, y, w, h fractions, probabilities (n, classes)."""
    _, h, w = raw.shape
    y = raw.reshape(len(head.anchors), 5 + head.classes, h, w)
    a, i, j = np.nonzero(y[:, 4] > np.log(thresh / (1 - thresh)))
    p = y[a, :, i, j]
    xy = logistic(p[:, :2]) * head.scale_x_y - (head.scale_x_y - 1) / 2
    xy = (xy + np.stack([j, i], 1)) / np.array([w, h], np.float32)
    wh = np.exp(p[:, 2:4]) * np.array(head.anchors, np.float32)[a]
    if head.softmax:
        e = np.exp(p[:, 5:] - p[:, 5:].max(1, keepdims=True))
        classes = e / e.sum(1, keepdims=True)
    else:
        classes = logistic(p[:, 5:])
    prob = classes * logistic(p[:, 4:5])
    prob[prob <= thresh] = 0
    return np.concatenate([xy, wh], 1), prob

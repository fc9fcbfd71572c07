"""Activations of the detection heads on their own layout (N, anchors * entries, H, W)."""

import numpy as np

from darkpy.ops.reference.activations import logistic
from darkpy.ops.reference.norm import softmax

__all__ = ["region_activate", "yolo_activate"]


def yolo_activate(x, *, anchors, classes, scale_x_y=1.0, new_coords=False):
    n, _, h, w = x.shape
    y = x.reshape(n, anchors, 5 + classes, h, w).copy()
    if not new_coords:
        with np.errstate(over="ignore"):
            y[:, :, :2] = logistic(y[:, :, :2])
            y[:, :, 4:] = logistic(y[:, :, 4:])
    if scale_x_y != 1:
        s = x.dtype.type(scale_x_y)
        y[:, :, :2] = y[:, :, :2] * s - (s - 1) / 2
    return y.reshape(x.shape)


def region_activate(x, *, anchors, coords, classes, softmax_classes, background, groups=()):
    n, _, h, w = x.shape
    y = x.reshape(n, anchors, coords + 1 + classes, h, w).copy()
    with np.errstate(over="ignore"):
        y[:, :, :2] = logistic(y[:, :, :2])
        y[:, :, 4:coords] = logistic(y[:, :, 4:coords])
        if not background:
            y[:, :, coords] = logistic(y[:, :, coords])
        first = coords if background and softmax_classes else coords + 1
        scores = y[:, :, first:].reshape(n * anchors, -1, h, w)
        soft = groups or softmax_classes
        scores = softmax(scores, sizes=groups or (scores.shape[1],)) if soft else logistic(scores)
        y[:, :, first:] = scores.reshape(n, anchors, -1, h, w)
    return y.reshape(x.shape)

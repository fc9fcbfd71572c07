"""Losses of the heads whose truth is laid out like the output: [detection] (a grid) and [iseg] (masks).

`d` is the delta, minus the gradient.
"""

import numpy as np

from darkpy.ops.reference.head_loss import iou

__all__ = ["detection_loss", "iseg_loss"]


def grid_parts(y, cells, classes, num):
    """Views of y (N, numbers): classes (N, cells, classes), confidences (N, cells, num), boxes (N, cells, num, 4)."""
    n, a, b = len(y), cells * classes, cells * (classes + num)
    return y[:, :a].reshape(n, cells, classes), y[:, a:b].reshape(n, cells, num), y[:, b:].reshape(n, cells, num, 4)


def detection_loss(y, truth, *, side, num, classes, sqrt, rescore, forced, object_scale, noobject_scale, class_scale,
                   coord_scale, random=None):
    n, cells = len(y), side * side
    truth = truth.astype(y.dtype).reshape(n, cells, 5 + classes)
    delta = np.zeros_like(y)
    p_class, p_conf, p_box = grid_parts(y, cells, classes, num)
    d_class, d_conf, d_box = grid_parts(delta, cells, classes, num)
    d_conf[...] = noobject_scale * -p_conf

    b, i = np.nonzero(np.abs(truth[..., 0]) >= 1)  # image and cell of each object
    onehot, box = truth[b, i, 1 : 1 + classes], truth[b, i, 1 + classes :]
    in_cell = np.array([side, side, 1, 1], y.dtype)  # x and y count from the cell's corner, in cells
    out, goal = p_box[b, i] / in_cell, box / in_cell
    if sqrt:
        out[..., 2:] **= 2
    overlap = iou(out, goal[:, None])
    distance = np.sqrt(((out - goal[:, None]) ** 2).sum(-1))
    # the responsible box: the best overlap, or the nearest where none overlaps
    best = np.where((overlap > 0).any(1), overlap.argmax(1), distance.argmin(1))
    if forced:
        best = np.where(goal[:, 2] * goal[:, 3] < 0.1, 1, 0)
    if random is not None:
        best = random.integers(0, num, len(b))
    overlap = overlap[np.arange(len(b)), best]

    d_class[b, i] = class_scale * (onehot - p_class[b, i])
    d_conf[b, i, best] = object_scale * ((overlap if rescore else 1) - p_conf[b, i, best])
    if sqrt:
        box = np.concatenate([box[:, :2], np.sqrt(np.maximum(box[:, 2:], 0))], 1)
    d_box[b, i, best] = coord_scale * (box - p_box[b, i, best])

    def per_image(values):
        return np.bincount(b, values, n)

    figures = np.stack([(delta.astype(float) ** 2).sum(1), per_image(overlap),
                        per_image(np.where(onehot != 0, p_class[b, i], 0).sum(1)), per_image(p_class[b, i].sum(1)),
                        per_image(p_conf[b, i, best]), p_conf.sum((1, 2), dtype=float), per_image(np.ones(len(b)))], 1)
    return -delta, figures


def iseg_loss(y, truth, *, classes):
    n = len(y)
    out = y.reshape(n, y.shape[1], -1)
    delta = -out
    delta[:, classes:] *= y.dtype.type(0.1)  # embeddings should stay small
    figures = np.zeros((n, 3))
    for p, d, f, rows in zip(out, delta, figures, truth.astype(y.dtype), strict=True):
        ends = np.flatnonzero(rows[:, 0] <= -1)
        rows = rows[: ends[0]] if len(ends) else rows
        places, means = [], []
        for row in rows:
            at = np.flatnonzero(row[1:])
            if len(at) and row[0] < classes:
                label = int(row[0])
                d[label, at] = row[1:][at] - p[label, at]
                places.append(at)
                means.append(p[classes:, at].mean(1))
                f[1] += ((p[classes:, at] - means[-1][:, None]) ** 2).sum() / len(at)
        f[2] = len(places)
        # each pixel's embedding one step toward the mean of its own instance, and one away from every other's
        for own, at in enumerate(places):
            steps = np.where(np.array(means)[:, :, None] < p[None, classes:, at], -0.1, 0.1)
            d[classes:, at] += 2 * steps[own] - steps.sum(0)
        d[classes:] *= y.dtype.type(0.01)
        f[0] = (d.astype(float) ** 2).sum()
    return -delta.reshape(y.shape), figures

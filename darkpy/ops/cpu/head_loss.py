"""Losses of [yolo] and [region], an image a thread.  `d` is the delta, minus the gradient, which is turned at the end.

Every image has its own sums, so the result does not depend on the number of threads.
"""

import math

import numpy as np

from darkpy.jit import njit, prange
from darkpy.ops.reference.head_loss import (
    CLASS,
    CLASSIFIED,
    COST,
    COUNT,
    IOU,
    NO_OBJ,
    NO_PLACE,
    OBJ,
    RECALL50,
    RECALL75,
    WARM_UP_SCALE,
)

HALF = np.float32(0.5)


@njit
def iou(a, b):
    """Intersection over union of two boxes (x, y, w, h); 0 where it is not defined."""
    ax, ay, aw, ah = a
    bx, by, bw, bh = b
    w = min(ax + aw * HALF, bx + bw * HALF) - max(ax - aw * HALF, bx - bw * HALF)
    h = min(ay + ah * HALF, by + bh * HALF) - max(ay - ah * HALF, by - bh * HALF)
    common = w * h
    ratio = common / (aw * ah + bw * bh - common)
    return ratio if w >= 0 and h >= 0 and ratio > 0 else np.float32(0)


@njit
def shape_iou(aw, ah, bw, bh):
    """IoU of two boxes centred on the same point."""
    common = min(aw, bw) * min(ah, bh)
    ratio = common / (aw * ah + bw * bh - common)
    return ratio if ratio > 0 else np.float32(0)


@njit
def read_list(truth, labels, column, limit):
    """Row numbers and output classes of what can be trained on in one image's list, which ends at the first x of 0."""
    rows, classes = np.empty(len(truth), np.int64), np.empty(len(truth), np.int64)
    count = 0
    for t in range(min(limit, len(truth))):
        x, y, w, h, number = truth[t, 0], truth[t, 1], truth[t, 2], truth[t, 3], truth[t, column]
        if x == 0:
            break
        if (0 <= x <= 1 and 0 <= y <= 1 and 0 < w < math.inf and 0 < h < math.inf and -1 < number < len(labels)):
            rows[count], classes[count] = t, labels[int(number)]
            count += 1
    return rows[:count], classes[:count]


@njit
def box_of(row):
    return row[0], row[1], row[2], row[3]


@njit
def predicted(p, a, i, j, anchor, new_coords):
    """The box of one prediction of p (A, entries, H, W)."""
    _, _, h, w = p.shape
    pw, ph = p[a, 2, i, j], p[a, 3, i, j]
    if new_coords:
        fw, fh = np.float32(4) * pw * pw, np.float32(4) * ph * ph
    else:
        fw, fh = np.exp(pw), np.exp(ph)
    return ((np.float32(j) + p[a, 0, i, j]) / np.float32(w), (np.float32(i) + p[a, 1, i, j]) / np.float32(h),
            fw * anchor[0], fh * anchor[1])


@njit
def box_delta(d, p, a, i, j, row, anchor, scale, new_coords):
    _, _, h, w = p.shape
    scale *= np.float32(2) - row[2] * row[3]
    d[a, 0, i, j] = scale * (row[0] * w - j - p[a, 0, i, j])
    d[a, 1, i, j] = scale * (row[1] * h - i - p[a, 1, i, j])
    for k in range(2):
        ratio = row[2 + k] / anchor[k]
        target = np.sqrt(ratio / np.float32(4)) if new_coords else np.log(ratio)
        d[a, 2 + k, i, j] = scale * (target - p[a, 2 + k, i, j])


@njit
def class_delta(d, p, a, i, j, first, end, label, scale, keep):
    """Delta of the entries first to end toward `label`; with `keep`, a cell that has a class already gains this one."""
    if not (keep and d[a, first, i, j] != 0):
        for k in range(first, end):
            d[a, k, i, j] = -scale * p[a, k, i, j]
    d[a, label, i, j] = scale * (1 - p[a, label, i, j])


@njit
def best_overlap(box, truth, rows):
    """(largest IoU of a box with the rows of truth, which of them)."""
    best, which = np.float32(0), 0
    for t in range(len(rows)):
        overlap = iou(box, box_of(truth[rows[t]]))
        if overlap > best:
            best, which = overlap, t
    return best, which


@njit
def cell_of(row, h, w):
    return min(int(row[1] * h), h - 1), min(int(row[0] * w), w - 1)


@njit
def turn(dx):
    """The cost of one image's delta (numbers,), which becomes the gradient."""
    cost = 0.0
    for k in range(dx.size):
        cost += float(dx[k]) * float(dx[k])
        dx[k] = -dx[k]
    return cost


@njit
def count_object(f, overlap, obj):
    f[IOU] += overlap
    f[OBJ] += obj
    f[RECALL50] += overlap > 0.5
    f[RECALL75] += overlap > 0.75
    f[COUNT] += 1


@njit
def yolo_image(d, f, p, truth, anchors, labels, mask, limit, ignore_thresh, truth_thresh, new_coords):
    """d, p (masks, entries, H, W)."""
    masks, entries, h, w = p.shape
    one = np.float32(1)
    rows, classes = read_list(truth, labels, 4, limit)
    for a in range(masks):
        for i in range(h):
            for j in range(w):
                f[NO_OBJ] += p[a, 4, i, j]
                best, t = best_overlap(predicted(p, a, i, j, anchors[mask[a]], new_coords), truth, rows)
                if best > truth_thresh:
                    d[a, 4, i, j] = 1 - p[a, 4, i, j]
                    class_delta(d, p, a, i, j, 5, entries, 5 + classes[t], one, True)
                    box_delta(d, p, a, i, j, truth[rows[t]], anchors[mask[a]], one, new_coords)
                elif best > ignore_thresh:
                    d[a, 4, i, j] = 0
                else:
                    d[a, 4, i, j] = -p[a, 4, i, j]
    for t in range(len(rows)):
        row = truth[rows[t]]
        best, anchor = np.float32(0), 0
        for n in range(len(anchors)):
            overlap = shape_iou(anchors[n, 0], anchors[n, 1], row[2], row[3])
            if overlap > best:
                best, anchor = overlap, n
        i, j = cell_of(row, h, w)
        for a in range(masks):
            if mask[a] == anchor:
                label = 5 + classes[t]
                count_object(f, iou(predicted(p, a, i, j, anchors[anchor], new_coords), box_of(row)), p[a, 4, i, j])
                f[CLASS] += p[a, label, i, j]
                f[CLASSIFIED] += 1
                d[a, 4, i, j] = 1 - p[a, 4, i, j]
                class_delta(d, p, a, i, j, 5, entries, label, one, True)
                box_delta(d, p, a, i, j, row, anchors[anchor], one, new_coords)


@njit(parallel=True)
def _yolo(dx, delta, figures, y, truth, anchors, labels, mask, limit, ignore_thresh, truth_thresh, new_coords):
    """delta is dx in the layout of y, (N, masks, entries, H, W)."""
    for b in prange(len(y)):
        yolo_image(delta[b], figures[b], y[b], truth[b], anchors, labels, mask, limit, ignore_thresh, truth_thresh,
                   new_coords)
        figures[b, COST] = turn(dx[b])


def yolo_loss(dx, figures, y, truth, anchors, labels, *, mask, limit, ignore_thresh, truth_thresh, new_coords=False):
    n, _, h, w = y.shape
    shape = (n, len(mask), -1, h, w)
    dx.fill(0)
    figures.fill(0)
    _yolo(dx.reshape(n, -1), dx.reshape(shape), figures, y.reshape(shape), truth, anchors, labels,
          np.array(mask, np.int64), limit, np.float32(ignore_thresh), np.float32(truth_thresh), new_coords)


@njit
def add_class(d, p, f, a, i, j, coords, label, scale, tree, keep):
    """Class delta of one cell, along the path up the tree if there is one."""
    first = coords + 1
    f[CLASSIFIED] += 1
    if len(tree) == 0:
        if not (keep and d[a, first, i, j] != 0):
            f[CLASS] += p[a, first + label, i, j]
        class_delta(d, p, a, i, j, first, p.shape[1], first + label, scale, keep)
        return
    probability = 1.0
    while label >= 0:
        probability *= p[a, first + label, i, j]
        class_delta(d, p, a, i, j, first + tree[label, 1], first + tree[label, 2], first + label, scale, False)
        label = tree[label, 0]
    f[CLASS] += probability


@njit
def train_placeless(d, p, f, number, coords, scale, tree):
    """Only a class is known: it is trained where the network believes in it most.  d holds the objectness deltas."""
    if not -1 < number < len(tree):
        return
    anchors, _, h, w = p.shape
    best, ba, bi, bj = np.float32(0), 0, 0, 0
    for a in range(anchors):
        for i in range(h):
            for j in range(w):
                belief, node = p[a, coords, i, j], int(number)
                while node >= 0:
                    belief *= p[a, coords + 1 + node, i, j]
                    node = tree[node, 0]
                if belief > best:
                    best, ba, bi, bj = belief, a, i, j
    d[ba, coords, bi, bj] = 0
    add_class(d, p, f, ba, bi, bj, coords, int(number), scale, tree, False)


@njit
def find_placeless(truth, coords, limit):
    """The class of the first row without a place, or NaN."""
    for t in range(min(limit, len(truth))):
        if truth[t, 0] == 0:
            break
        if truth[t, 0] > NO_PLACE and truth[t, 1] > NO_PLACE:
            return truth[t, coords]
    return np.float32(np.nan)


@njit
def region_image(d, f, p, truth, anchors, labels, tree, coords, limit, thresh, scales, rescore, bias_match, background,
                 softmax_classes, warm_up):
    """d, p (anchors, entries, H, W)."""
    object_scale, noobject_scale, class_scale, coord_scale, mask_scale = scales
    num, _, h, w = p.shape
    number = find_placeless(truth, coords, limit)
    placeless = len(tree) > 0 and number == number
    rows, classes = read_list(truth, labels, coords, 0 if placeless else limit)
    empty = np.float32(1 if background and not placeless else 0)
    for a in range(num):
        for i in range(h):
            for j in range(w):
                d[a, coords, i, j] = noobject_scale * (empty - p[a, coords, i, j])
                if placeless:
                    continue
                f[NO_OBJ] += p[a, coords, i, j]
                if best_overlap(predicted(p, a, i, j, anchors[a], False), truth, rows)[0] > thresh:
                    d[a, coords, i, j] = 0
                if warm_up:  # draw every box to its anchor, in the middle of its cell
                    for k in range(4):
                        d[a, k, i, j] = np.float32(WARM_UP_SCALE) * ((HALF if k < 2 else 0) - p[a, k, i, j])
    if placeless:
        train_placeless(d, p, f, number, coords, class_scale, tree)
        return
    for t in range(len(rows)):
        row = truth[rows[t]]
        i, j = cell_of(row, h, w)
        best, a = np.float32(0), 0
        for n in range(num):
            _, _, pw, ph = predicted(p, n, i, j, anchors[n], False)
            if bias_match:
                pw, ph = anchors[n, 0], anchors[n, 1]
            match = shape_iou(pw, ph, row[2], row[3])
            if match > best:
                best, a = match, n
        overlap = iou(predicted(p, a, i, j, anchors[a], False), box_of(row))
        count_object(f, overlap, p[a, coords, i, j])
        box_delta(d, p, a, i, j, row, anchors[a], coord_scale, False)
        for k in range(4, coords):
            d[a, k, i, j] = mask_scale * (row[1 + k] - p[a, k, i, j])
        goal = np.float32(0) if background else overlap if rescore else np.float32(1)
        d[a, coords, i, j] = object_scale * (goal - p[a, coords, i, j])
        add_class(d, p, f, a, i, j, coords, classes[t], class_scale, tree, not softmax_classes)


@njit
def through_logistic(d, p, coords, background):
    """The derivative of the logistic, for the entries that went through it."""
    num, _, h, w = p.shape
    for a in range(num):
        for k in range(coords + 1):
            if k == 2 or k == 3 or (k == coords and background):
                continue
            for i in range(h):
                for j in range(w):
                    d[a, k, i, j] *= p[a, k, i, j] * (1 - p[a, k, i, j])


@njit(parallel=True)
def _region(dx, delta, figures, y, truth, anchors, labels, tree, coords, limit, thresh, scales, rescore, bias_match,
            background, softmax_classes, warm_up):
    """delta is dx in the layout of y, (N, anchors, entries, H, W)."""
    for b in prange(len(y)):
        region_image(delta[b], figures[b], y[b], truth[b], anchors, labels, tree, coords, limit, thresh, scales,
                     rescore, bias_match, background, softmax_classes, warm_up)
        figures[b, COST] = turn(dx[b])
        through_logistic(delta[b], y[b], coords, background)


def region_loss(dx, figures, y, truth, anchors, labels, tree, *, coords, limit, thresh, object_scale, noobject_scale,
                class_scale, coord_scale, mask_scale, rescore, bias_match, background, softmax_classes, warm_up):
    n, _, h, w = y.shape
    shape = (n, len(anchors), -1, h, w)
    scales = np.array([object_scale, noobject_scale, class_scale, coord_scale, mask_scale], np.float32)
    dx.fill(0)
    figures.fill(0)
    _region(dx.reshape(n, -1), dx.reshape(shape), figures, y.reshape(shape), truth, anchors, labels, tree, coords,
            limit, np.float32(thresh), scales, rescore, bias_match, background, softmax_classes, warm_up)


KERNELS = {"yolo_loss": yolo_loss, "region_loss": region_loss}

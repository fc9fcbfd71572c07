"""Losses of the heads whose truth is a list of boxes: [yolo] and [region].

`d` below is the delta, minus the gradient, as in the papers' and the original's "target - prediction".
Boxes are x, y, w, h (centre, fractions of the image) along the last axis.
"""

import numpy as np

__all__ = ["region_loss", "yolo_loss"]

COST, IOU, CLASS, OBJ, NO_OBJ, RECALL50, RECALL75, COUNT, CLASSIFIED = range(9)  # FIGURES of the spec
NO_PLACE = 100000  # an x and y beyond it say: this class is somewhere in the image (YOLO9000, section 4)
WARM_UP_SCALE = 0.01


def iou(a, b):
    """Intersection over union, broadcast over all but the last axis; 0 where it is not defined."""
    low = np.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)
    high = np.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        common = np.where((high < low).any(-1), 0, (high - low).prod(-1))
        ratio = common / (a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - common)
    return np.where(np.isnan(ratio), 0, ratio).astype(a.dtype, copy=False)


def shape_iou(sizes, size):
    """IoU of boxes (n, 2) with one box, all centred on the same point."""
    return iou(np.pad(sizes, ((0, 0), (2, 0))), np.pad(size, (2, 0)))


def listed(truth, limit):
    """Rows of one image's list: up to the first whose x is 0."""
    rows = truth[:limit]
    ends = np.flatnonzero(rows[:, 0] == 0)
    return rows[: ends[0]] if len(ends) else rows


def usable(rows, labels, column):
    """The rows that can be trained on, with their output classes."""
    x, y, w, h = rows[:, :4].T
    number = rows[:, column]
    inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    ok = inside & (w > 0) & (w < np.inf) & (h > 0) & (h < np.inf) & (number > -1) & (number < len(labels))
    return rows[ok], labels[number[ok].astype(int)]


def predicted(p, anchors, new_coords=False):
    """Boxes (A, H, W, 4) of one image's activated output p (A, entries, H, W)."""
    _, _, h, w = p.shape
    boxes = np.moveaxis(p[:, :4], 1, -1).copy()
    boxes[..., 0] = (boxes[..., 0] + np.arange(w)) / w
    boxes[..., 1] = (boxes[..., 1] + np.arange(h)[:, None]) / h
    with np.errstate(over="ignore"):
        factor = (2 * boxes[..., 2:]) ** 2 if new_coords else np.exp(boxes[..., 2:])
        boxes[..., 2:] = factor * anchors[:, None, None]
    return boxes


def cell_of(row, h, w):
    """(i, j) of the cell that a box's centre lies in."""
    return min(int(row[1] * h), h - 1), min(int(row[0] * w), w - 1)


def box_target(row, anchor, i, j, h, w, new_coords=False):
    """What x, y, w, h of the head should be in cell (i, j) for the box `row` to come out."""
    size = np.sqrt(row[2:4] / (4 * anchor)) if new_coords else np.log(row[2:4] / anchor)
    return np.array([row[0] * w - j, row[1] * h - i, *size], row.dtype)


def class_delta(d, p, label, scale=1, keep=False):
    """Delta of one cell's classes toward `label`; with `keep`, a cell that has a class already gains this one."""
    if keep and d[0]:
        d[label] = scale * (1 - p[label])
    else:
        d[:] = -scale * p
        d[label] += scale


def tree_delta(d, p, label, scale, tree):
    """The same along a tree's path from `label` up to its root: each step against its siblings.  Returns P(label)."""
    probability = 1
    while label >= 0:
        probability *= p[label]
        parent, first, end = tree[label]
        class_delta(d[first:end], p[first:end], label - first, scale)
        label = parent
    return probability


def yolo_loss(y, truth, anchors, labels, *, mask, limit, ignore_thresh, truth_thresh, new_coords=False):
    n, _, h, w = y.shape
    mask = list(mask)
    out = y.reshape(n, len(mask), -1, h, w)
    delta = np.zeros_like(out)
    figures = np.zeros((n, 9))
    anchors = anchors.astype(y.dtype)

    def object_delta(d, p, row, label, anchor, i, j):
        """Delta of one prediction that is responsible for `row`."""
        d[4] = 1 - p[4]
        class_delta(d[5:], p[5:], label, keep=True)
        d[:4] = (2 - row[2] * row[3]) * (box_target(row, anchor, i, j, h, w, new_coords) - p[:4])

    for p, d, f, rows in zip(out, delta, figures, truth.astype(y.dtype), strict=True):
        rows, classes = usable(listed(rows, limit), labels, 4)
        boxes = predicted(p, anchors[mask], new_coords)
        f[NO_OBJ] = p[:, 4].sum(dtype=float)
        d[:, 4] = -p[:, 4]
        if len(rows):
            overlap = iou(boxes[..., None, :], rows[:, :4])
            best = overlap.max(-1)
            d[:, 4][best > ignore_thresh] = 0  # neither object nor background
            for a, i, j in np.argwhere(best > truth_thresh):
                t = overlap[a, i, j].argmax()
                object_delta(d[a, :, i, j], p[a, :, i, j], rows[t], classes[t], anchors[mask[a]], i, j)
        for row, label in zip(rows, classes, strict=True):
            anchor = int(shape_iou(anchors, row[2:4]).argmax())
            if anchor not in mask:  # another head's object
                continue
            a, (i, j) = mask.index(anchor), cell_of(row, h, w)
            object_delta(d[a, :, i, j], p[a, :, i, j], row, label, anchors[anchor], i, j)
            overlap = iou(boxes[a, i, j], row[:4])
            f[[IOU, CLASS, OBJ]] += overlap, p[a, 5 + label, i, j], p[a, 4, i, j]
            f[[RECALL50, RECALL75, COUNT, CLASSIFIED]] += overlap > 0.5, overlap > 0.75, 1, 1
        f[COST] = (d.astype(float) ** 2).sum()
    return -delta.reshape(y.shape), figures


def region_loss(y, truth, anchors, labels, tree, *, coords, limit, thresh, object_scale, noobject_scale, class_scale,
                coord_scale, mask_scale, rescore, bias_match, background, softmax_classes, warm_up):
    n, _, h, w = y.shape
    out = y.reshape(n, len(anchors), -1, h, w)
    delta = np.zeros_like(out)
    figures = np.zeros((n, 9))
    anchors = anchors.astype(y.dtype)

    def add_class(d, p, f, label):
        d, p = d[coords + 1 :], p[coords + 1 :]
        if len(tree):
            f[CLASS] += tree_delta(d, p, label, class_scale, tree)
        else:
            first = softmax_classes or not d[0]
            f[CLASS] += p[label] if first else 0
            class_delta(d, p, label, class_scale, keep=not softmax_classes)
        f[CLASSIFIED] += 1

    for p, d, f, rows in zip(out, delta, figures, truth.astype(y.dtype), strict=True):
        rows = listed(rows, limit)
        placeless = rows[(rows[:, 0] > NO_PLACE) & (rows[:, 1] > NO_PLACE), coords]
        obj = p[:, coords]
        if len(tree) and len(placeless):
            # only the class is known: it is trained where the network believes in it most, and no box at all
            d[:, coords] = noobject_scale * -obj
            if -1 < placeless[0] < len(tree):
                label = int(placeless[0])
                belief = obj.copy()
                node = label
                while node >= 0:
                    belief = belief * p[:, coords + 1 + node]
                    node = tree[node][0]
                a, i, j = np.unravel_index(np.where(belief > 0, belief, 0).argmax(), belief.shape)
                d[a, coords, i, j] = 0
                add_class(d[a, :, i, j], p[a, :, i, j], f, label)
            continue
        rows, classes = usable(rows, labels, coords)
        boxes = predicted(p, anchors)
        f[NO_OBJ] = obj.sum(dtype=float)
        d[:, coords] = noobject_scale * ((1 if background else 0) - obj)
        if len(rows):
            d[:, coords][iou(boxes[..., None, :], rows[:, :4]).max(-1) > thresh] = 0
        if warm_up:  # draw every box to its anchor, in the middle of its cell
            d[:, :2] = WARM_UP_SCALE * (0.5 - p[:, :2])
            d[:, 2:4] = WARM_UP_SCALE * -p[:, 2:4]
        for row, label in zip(rows, classes, strict=True):
            i, j = cell_of(row, h, w)
            best = int(shape_iou(anchors if bias_match else boxes[:, i, j, 2:], row[2:4]).argmax())
            cell, dcell = p[best, :, i, j], d[best, :, i, j]
            overlap = iou(boxes[best, i, j], row[:4])
            dcell[:4] = coord_scale * (2 - row[2] * row[3]) * (box_target(row, anchors[best], i, j, h, w) - cell[:4])
            dcell[4:coords] = mask_scale * (row[5 : coords + 1] - cell[4:coords])
            goal = 0 if background else overlap if rescore else 1
            dcell[coords] = object_scale * (goal - cell[coords])
            f[[IOU, OBJ, RECALL50, RECALL75, COUNT]] += overlap, cell[coords], overlap > 0.5, overlap > 0.75, 1
            add_class(dcell, cell, f, label)
    figures[:, COST] = (delta.astype(float) ** 2).sum((1, 2, 3, 4))
    for part in (slice(0, 2), slice(4, coords if background else coords + 1)):  # where the output is logistic
        delta[:, :, part] *= out[:, :, part] * (1 - out[:, :, part])
    return -delta.reshape(y.shape), figures

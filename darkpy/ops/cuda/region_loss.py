"""Loss of [region] on the device; what it shares with [yolo] is in head_loss.py."""

from __future__ import annotations

import numpy as np

from darkpy.cuda import TEAM, cuda, device, kernel
from darkpy.ops.cuda.head_loss import (
    FIGURES,
    HALF,
    NO_PLACE,
    ONE,
    THREE_QUARTERS,
    WARM,
    ZERO,
    begin,
    box_delta,
    box_size,
    cell_of,
    class_delta,
    overlap_with,
    shape_iou,
    turn,
    usable,
)
from darkpy.ops.cuda.memory import Array, upload
from darkpy.ops.reference.head_loss import CLASS, CLASSIFIED, COUNT, IOU, OBJ, RECALL50, RECALL75

F = np.float32


@device
def find_placeless(truth, image, boxes, columns, limit):
    """Where the first row without a place begins, or -1."""
    for t in range(min(limit, boxes)):
        row = (image * boxes + t) * columns
        if truth[row] == ZERO:
            break
        if truth[row] > NO_PLACE and truth[row + 1] > NO_PLACE:
            return row
    return -1


@device
def add_class(d, p, figures, f, at, size, coords, entries, label, scale, tree, classes, keep, t):
    """Class deltas of one cell, along the path up the tree if there is one, by all threads of a team."""
    first = coords + 1
    taken = keep and d[at + first * size] != ZERO
    cuda.syncthreads()
    if classes == 0:
        if not taken:
            class_delta(d, p, at, size, first, entries, first + label, scale, TEAM, t)
        cuda.syncthreads()
        if t == 0:
            e = at + (first + label) * size
            d[e] = scale * (ONE - p[e])
            figures[f + CLASS] += ZERO if taken else p[e]
            figures[f + CLASSIFIED] += 1
    else:
        probability = ONE
        node = label
        while node >= 0:
            probability *= p[at + (first + node) * size]
            class_delta(d, p, at, size, first + tree[3 * node + 1], first + tree[3 * node + 2], first + node, scale,
                        TEAM, t)
            node = tree[3 * node]
        if t == 0:
            figures[f + CLASS] += probability
            figures[f + CLASSIFIED] += 1
    cuda.syncthreads()


@kernel("FFFFIT10Fi")
def _region_background(d, p, truth, anchors, labels, g, scales, n):
    """A thread for each of n predictions; scales: of objects, background, classes, boxes, masks, and the threshold."""
    boxes, limit, num, coords, entries, h, w, flags, classes, in_tree = g
    size, columns = h * w, coords + 1
    background, warm_up = flags & 1, flags & 2
    for item in range(cuda.grid(1), n, cuda.gridsize(1)):
        rest = item // size
        place = item - rest * size
        image = rest // num
        anchor = rest - image * num
        at = rest * entries * size + place
        obj = at + coords * size
        placeless = in_tree > 0 and find_placeless(truth, image, boxes, columns, limit) >= 0
        d[obj] = scales[1] * ((ONE if background and not placeless else ZERO) - p[obj])
        if not placeless:
            for t in range(min(limit, boxes)):
                row = (image * boxes + t) * columns
                if truth[row] == ZERO:
                    break
                if usable(truth, row, coords, classes) and overlap_with(
                        p, at, size, place, (h, w), anchors, anchor, 0, truth, row) > scales[5]:
                    d[obj] = ZERO
            if warm_up:  # draw every box to its anchor, in the middle of its cell
                for k in range(4):
                    d[at + k * size] = WARM * ((HALF if k < 2 else ZERO) - p[at + k * size])


@kernel("FDIFFFIIT10F", TEAM)
def _region_objects(d, figures, skip, p, truth, anchors, labels, tree, g, scales):
    """A team for each image."""
    boxes, limit, num, coords, entries, h, w, flags, classes, in_tree = g
    best_of = cuda.shared.array(TEAM, np.float32)
    place_of = cuda.shared.array(TEAM, np.int64)
    image, t, size, columns = cuda.blockIdx.x, cuda.threadIdx.x, h * w, coords + 1
    f, origin = image * FIGURES, image * num * entries * size
    background, rescore, bias_match, keep = flags & 1, flags & 4, flags & 8, flags & 16
    row = find_placeless(truth, image, boxes, columns, limit) if in_tree else -1
    if row >= 0:
        # only the class is known: it is trained where the network believes in it most
        number = truth[row + coords]
        if t == 0:
            skip[image] = 1
        if number > -ONE and number < F(in_tree):
            label = int(number)
            best, which = ZERO, 0
            for item in range(t, num * size, TEAM):
                a = item // size
                at = origin + (a * entries - a) * size + item  # a * entries * size and the place in the map
                belief, node = p[at + coords * size], label
                while node >= 0:
                    belief *= p[at + (coords + 1 + node) * size]
                    node = tree[3 * node]
                if belief > best:
                    best, which = belief, item
            best_of[t], place_of[t] = best, which
            cuda.syncthreads()
            best, which = ZERO, 0
            for k in range(TEAM):  # of equal ones the first
                if best_of[k] > best or (best_of[k] == best and best > ZERO and place_of[k] < which):
                    best, which = best_of[k], place_of[k]
            a = which // size
            at = origin + (a * entries - a) * size + which
            if t == 0:
                d[at + coords * size] = ZERO
            add_class(d, p, figures, f, at, size, coords, entries, label, scales[2], tree, in_tree, 0, t)
    else:
        for k in range(min(limit, boxes)):
            row = (image * boxes + k) * columns
            if truth[row] == ZERO:
                break
            if usable(truth, row, coords, classes):
                place = cell_of(truth, row, (h, w))
                best, a = ZERO, 0
                for i in range(num):
                    at = origin + i * entries * size + place
                    pw, ph = anchors[2 * i], anchors[2 * i + 1]
                    if not bias_match:
                        pw, ph = box_size(p[at + 2 * size], pw, 0), box_size(p[at + 3 * size], ph, 0)
                    match = shape_iou(pw, ph, truth[row + 2], truth[row + 3])
                    if match > best:
                        best, a = match, i
                at = origin + a * entries * size + place
                obj = at + coords * size
                if t == 0:
                    common = overlap_with(p, at, size, place, (h, w), anchors, a, 0, truth, row)
                    figures[f + IOU] += common
                    figures[f + OBJ] += p[obj]
                    figures[f + RECALL50] += 1 if common > HALF else 0
                    figures[f + RECALL75] += 1 if common > THREE_QUARTERS else 0
                    figures[f + COUNT] += 1
                    box_delta(d, p, at, size, place, (h, w), truth, row, anchors, a, scales[3], 0)
                    for i in range(4, coords):
                        d[at + i * size] = scales[4] * (truth[row + 1 + i] - p[at + i * size])
                    goal = ZERO if background else common if rescore else ONE
                    d[obj] = scales[0] * (goal - p[obj])
                add_class(d, p, figures, f, at, size, coords, entries, labels[int(truth[row + coords])], scales[2],
                          tree, in_tree, keep, t)


def region_loss(dx: Array, figures: Array, y: Array, truth: Array, anchors: Array, labels: Array, tree: Array, *,
                coords: int, limit: int, thresh: float, object_scale: float, noobject_scale: float, class_scale: float,
                coord_scale: float, mask_scale: float, rescore: bool, bias_match: bool, background: bool,
                softmax_classes: bool, warm_up: bool) -> None:
    n, _, h, w = y.shape
    num, boxes = anchors.shape[0], truth.shape[1]
    entries = y.shape[1] // num
    scales = upload(np.array([object_scale, noobject_scale, class_scale, coord_scale, mask_scale, thresh], np.float32))
    options = background, warm_up, rescore, bias_match, not softmax_classes
    flags = sum(1 << k for k, option in enumerate(options) if option)
    g = (boxes, limit, num, coords, entries, h, w, flags, labels.size, tree.shape[0])
    skip = begin(dx, figures)
    count = n * num * h * w
    _region_background(count, dx.data, y.data, truth.data, anchors.data, labels.data, g, scales.data, count)
    _region_objects.blocks(n, dx.data, figures.data, skip.data, y.data, truth.data, anchors.data, labels.data,
                           tree.data, g, scales.data)
    turn(dx, figures, y, skip, entries, coords, coords, background, through=True)


KERNELS = {"region_loss": region_loss}

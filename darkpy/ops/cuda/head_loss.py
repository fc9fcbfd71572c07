"""Losses of [yolo] and [region].  `d` is the delta, minus the gradient, which is turned at the end.

First a thread for each prediction decides whether it is background.  Then a team for each image goes through the list
of objects, one after another, as several may lie in one cell; its threads share the classes of an object.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from darkpy.cuda import TEAM, cuda, device, exp, kernel, log, sqrt
from darkpy.ops.cuda.basic import fill
from darkpy.ops.cuda.memory import Array, upload
from darkpy.ops.cuda.reduce import SPLITS, fill_whole, team_sum
from darkpy.ops.reference.head_loss import (
    CLASS,
    CLASSIFIED,
    COST,
    COUNT,
    IOU,
    NO_OBJ,
    OBJ,
    RECALL50,
    RECALL75,
    WARM_UP_SCALE,
)
from darkpy.ops.reference.head_loss import NO_PLACE as FAR

F = np.float32
ZERO, HALF, ONE, TWO, FOUR, INF, NO_PLACE, WARM = F(0), F(0.5), F(1), F(2), F(4), F(np.inf), F(FAR), F(WARM_UP_SCALE)
THREE_QUARTERS = F(0.75)
FIGURES = 9


@device
def iou(ax, ay, aw, ah, bx, by, bw, bh):
    """Intersection over union of two boxes; 0 where it is not defined."""
    w = min(ax + aw * HALF, bx + bw * HALF) - max(ax - aw * HALF, bx - bw * HALF)
    h = min(ay + ah * HALF, by + bh * HALF) - max(ay - ah * HALF, by - bh * HALF)
    common = w * h
    ratio = common / (aw * ah + bw * bh - common)
    return ratio if w >= ZERO and h >= ZERO and ratio > ZERO else ZERO


@device
def shape_iou(aw, ah, bw, bh):
    """IoU of two boxes centred on the same point."""
    common = min(aw, bw) * min(ah, bh)
    ratio = common / (aw * ah + bw * bh - common)
    return ratio if ratio > ZERO else ZERO


@device
def usable(truth, at, column, classes):
    """Whether the row of the truth that begins at `at` can be trained on."""
    x, y, w, h, number = truth[at], truth[at + 1], truth[at + 2], truth[at + 3], truth[at + column]
    return (ZERO <= x <= ONE and ZERO <= y <= ONE and ZERO < w < INF and ZERO < h < INF and number > -ONE
            and number < F(classes))


@device
def box_size(v, anchor, new_coords):
    return (FOUR * v * v if new_coords else exp(v)) * anchor


@device
def overlap_with(p, at, size, place, shape, anchors, anchor, new_coords, truth, row):
    """IoU of the prediction whose entries begin at `at`, `size` apart, with a row of the truth."""
    i = place // shape[1]
    j = place - i * shape[1]
    return iou((F(j) + p[at]) / F(shape[1]), (F(i) + p[at + size]) / F(shape[0]),
               box_size(p[at + 2 * size], anchors[2 * anchor], new_coords),
               box_size(p[at + 3 * size], anchors[2 * anchor + 1], new_coords),
               truth[row], truth[row + 1], truth[row + 2], truth[row + 3])


@device
def box_delta(d, p, at, size, place, shape, truth, row, anchors, anchor, scale, new_coords):
    """Deltas of x, y, w and h of a prediction toward a row of the truth."""
    h, w = shape
    i = place // w
    j = place - i * w
    weight = scale * (TWO - truth[row + 2] * truth[row + 3])
    d[at] = weight * (truth[row] * F(w) - F(j) - p[at])
    d[at + size] = weight * (truth[row + 1] * F(h) - F(i) - p[at + size])
    for k in range(2):
        ratio = truth[row + 2 + k] / anchors[2 * anchor + k]
        target = sqrt(ratio / FOUR) if new_coords else log(ratio)
        e = at + (2 + k) * size
        d[e] = weight * (target - p[e])


@device
def class_delta(d, p, at, size, first, end, label, scale, step, start):
    """Deltas of the entries first to end toward `label`, those that this thread, `start`, has to do."""
    for k in range(first + start, end, step):
        e = at + k * size
        d[e] = scale * ((ONE if k == label else ZERO) - p[e])


@device
def cell_of(truth, row, shape):
    h, w = shape
    return min(int(truth[row + 1] * F(h)), h - 1) * w + min(int(truth[row] * F(w)), w - 1)


@kernel("FFFFIIT8ffi")
def _yolo_background(d, p, truth, anchors, labels, mask, g, ignore, least, n):
    """A thread for each of n predictions."""
    boxes, limit, masks, entries, h, w, new_coords, classes = g
    size = h * w
    for item in range(cuda.grid(1), n, cuda.gridsize(1)):
        rest = item // size
        place = item - rest * size
        image = rest // masks
        anchor = mask[rest - image * masks]
        at = rest * entries * size + place
        best, which = ZERO, -1
        for t in range(min(limit, boxes)):
            row = (image * boxes + t) * 5
            if truth[row] == ZERO:
                break
            if usable(truth, row, 4, classes):
                common = overlap_with(p, at, size, place, (h, w), anchors, anchor, new_coords, truth, row)
                if common > best or which < 0:
                    best, which = common, row
        obj = at + 4 * size
        d[obj] = ZERO if best > ignore else -p[obj]
        if which >= 0 and best > least:
            d[obj] = ONE - p[obj]
            class_delta(d, p, at, size, 5, entries, 5 + labels[int(truth[which + 4])], ONE, 1, 0)
            box_delta(d, p, at, size, place, (h, w), truth, which, anchors, anchor, ONE, new_coords)


@kernel("FDFFFIIT9", TEAM)
def _yolo_objects(d, figures, p, truth, anchors, labels, mask, g):
    """A team for each image."""
    boxes, limit, masks, entries, h, w, new_coords, classes, num = g
    image, t, size = cuda.blockIdx.x, cuda.threadIdx.x, h * w
    f = image * FIGURES
    for k in range(min(limit, boxes)):
        row = (image * boxes + k) * 5
        if truth[row] == ZERO:
            break
        if not usable(truth, row, 4, classes):
            continue
        best, anchor = ZERO, 0
        for i in range(num):
            common = shape_iou(anchors[2 * i], anchors[2 * i + 1], truth[row + 2], truth[row + 3])
            if common > best:
                best, anchor = common, i
        for a in range(masks):
            if mask[a] != anchor:
                continue
            place = cell_of(truth, row, (h, w))
            at = (image * masks + a) * entries * size + place
            label = 5 + labels[int(truth[row + 4])]
            taken = d[at + 5 * size] != ZERO  # by an object before: its class stays
            cuda.syncthreads()
            if not taken:
                class_delta(d, p, at, size, 5, entries, label, ONE, TEAM, t)
            cuda.syncthreads()
            if t == 0:
                d[at + label * size] = ONE - p[at + label * size]
                d[at + 4 * size] = ONE - p[at + 4 * size]
                box_delta(d, p, at, size, place, (h, w), truth, row, anchors, anchor, ONE, new_coords)
                common = overlap_with(p, at, size, place, (h, w), anchors, anchor, new_coords, truth, row)
                figures[f + IOU] += common
                figures[f + CLASS] += p[at + label * size]
                figures[f + OBJ] += p[at + 4 * size]
                figures[f + RECALL50] += 1 if common > HALF else 0
                figures[f + RECALL75] += 1 if common > THREE_QUARTERS else 0
                figures[f + COUNT] += 1
                figures[f + CLASSIFIED] += 1
            cuda.syncthreads()


@kernel("FDFT6iii", TEAM)
def _turn(d, parts, p, g, coords, background, through):
    """Sums of squares and of objectness of one image's part, and delta becomes gradient: parts (N, splits, 2).

    `through`: the delta was that of logistic(x), and is taken on to x.
    """
    item, entries, size, obj, splits, _ = g
    scratch = cuda.shared.array(TEAM, np.float64)
    t, image, split = cuda.threadIdx.x, cuda.blockIdx.y, cuda.blockIdx.x
    cost, total = 0.0, 0.0
    for i in range(split * TEAM + t, item, splits * TEAM):
        at = image * item + i
        v = d[at]
        cost += float(v) * float(v)
        entry = (i // size) % entries
        if entry == obj:
            total += p[at]
        if through and entry <= coords and entry != 2 and entry != 3 and not (entry == coords and background):
            v *= p[at] * (ONE - p[at])
        d[at] = -v
    cost = team_sum(scratch, t, cost)
    total = team_sum(scratch, t, total)
    if t == 0:
        parts[(image * splits + split) * 2] = cost
        parts[(image * splits + split) * 2 + 1] = total


@kernel("DDIiiii")
def _finish(figures, parts, skip, kinds, no_obj, splits, n):
    """A thread for each image, of `kinds` figures; `skip`: of which images objectness, figure `no_obj`, does not
    count."""
    for image in range(cuda.grid(1), n, cuda.gridsize(1)):
        cost, total = 0.0, 0.0
        for k in range(splits):
            cost += parts[(image * splits + k) * 2]
            total += parts[(image * splits + k) * 2 + 1]
        figures[image * kinds + COST] = cost
        if no_obj >= 0:
            figures[image * kinds + no_obj] = 0.0 if skip[image] else total


@kernel("Dfi")
def fill_figures(y, value, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = value


def turn(dx: Array, figures: Array, y: Array, skip: Array, entries: int, obj: int, coords: int = 0,
         background: bool = False, through: bool = False, no_obj: int = NO_OBJ) -> None:
    """The gradient of a delta, its cost and, as figure `no_obj` unless that is -1, the sum of the entry `obj`."""
    n, splits = y.shape[0], min(SPLITS, -(-y.item // TEAM))
    parts = Array((n, splits, 2), "float64")
    _turn.blocks((splits, n), dx.data, parts.data, y.data, (y.item, entries, y.shape[2] * y.shape[3], obj, splits, 0),
                 coords, int(background), int(through))
    _finish(n, figures.data, parts.data, skip.data, figures.shape[1], no_obj, splits, n)


def begin(dx: Array, figures: Array) -> Array:
    """Zeros everywhere; int32 (N,): whether an image counts no background, which is no at first."""
    fill(dx, 0)
    fill_figures(figures.size, figures.data, ZERO, figures.size)
    skip = Array((dx.shape[0],), "int32")
    fill_whole(skip.size, skip.data, 0, skip.size)
    return skip


@lru_cache(maxsize=64)
def mask_array(mask: tuple[int, ...]) -> Array:
    return upload(np.array(mask, np.int32))


def yolo_loss(dx: Array, figures: Array, y: Array, truth: Array, anchors: Array, labels: Array, *, mask: Any,
              limit: int, ignore_thresh: float, truth_thresh: float, new_coords: bool = False) -> None:
    n, _, h, w = y.shape
    masks, boxes = len(mask), truth.shape[1]
    entries = y.shape[1] // masks
    own = mask_array(tuple(int(m) for m in mask))
    skip = begin(dx, figures)
    g = (boxes, limit, masks, entries, h, w, int(new_coords), labels.size)
    count = n * masks * h * w
    _yolo_background(count, dx.data, y.data, truth.data, anchors.data, labels.data, own.data, g,
                     np.float32(ignore_thresh), np.float32(truth_thresh), count)
    _yolo_objects.blocks(n, dx.data, figures.data, y.data, truth.data, anchors.data, labels.data, own.data,
                         (*g, anchors.shape[0]))
    turn(dx, figures, y, skip, entries, 4)


KERNELS = {"yolo_loss": yolo_loss}

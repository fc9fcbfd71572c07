"""Boxes of detection heads on the device: candidates, suppression within each class, and only what is left copied.

What layers' `decode` and `vision/nms.py` do, for all images of a batch; a label tree is left to them.  Every box a head
could yield has a slot, in the order of Darknet's list, head after head.  `prob` is (images, classes, slots), 0 where a
class does not pass the threshold.  A team takes a class of an image: it picks the best box that remains, drops those
that one overlaps, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from darkpy.cuda import TEAM, cuda, device, exp, kernel
from darkpy.ops.boxes import EXP, SQUARED, TWICE_SQUARED, BoxLayout
from darkpy.ops.cuda.memory import Array, upload
from darkpy.ops.cuda.reduce import fill_whole

ZERO, HALF, ONE, INF = np.float32(0), np.float32(0.5), np.float32(1), np.float32(np.inf)
BOX = 5  # x, y, w, h, objectness


@device
def _size(v, code):
    if code == EXP:
        return exp(v)
    if code == TWICE_SQUARED:
        return (v + v) * (v + v)
    return v * v if code == SQUARED else v


@kernel("FFFFDT22fi")
def _decode_boxes(boxes, prob, y, anchors, terms, g, thresh, n):
    """boxes (images, slots, 5) and prob of one head's slots; terms (images, 6) as `vision.boxes.letterbox_terms`."""
    (rows, columns, per_cell, classes, cells_first, first, slots, item, box_at, box_cell, box_box, box_entry, has, o_at,
     o_cell, o_box, p_at, p_cell, p_box, p_entry, code, gated) = g
    cells = rows * columns
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image = i // (cells * per_cell)
        slot = i - image * cells * per_cell
        if cells_first:
            cell = slot // per_cell
            box = slot - cell * per_cell
        else:
            box = slot // cells
            cell = slot - box * cells
        row = cell // columns
        base, t = image * item, image * 6
        at = base + box_at + cell * box_cell + box * box_box
        # in double precision, as NumPy adds a float32 to a whole number
        x = np.float32((np.float64(cell - row * columns) + np.float64(y[at])) / np.float64(columns))
        v = np.float32((np.float64(row) + np.float64(y[at + box_entry])) / np.float64(rows))
        w = _size(y[at + 2 * box_entry], code) * anchors[2 * box]
        h = _size(y[at + 3 * box_entry], code) * anchors[2 * box + 1]
        x = np.float32((np.float64(x) - terms[t]) / terms[t + 2])
        v = np.float32((np.float64(v) - terms[t + 1]) / terms[t + 3])
        w, h = np.float32(np.float64(w) * terms[t + 4]), np.float32(np.float64(h) * terms[t + 5])
        objectness = y[base + o_at + cell * o_cell + box * o_box] if has else ONE
        good = abs(x) < INF and abs(v) < INF and abs(w) < INF and abs(h) < INF
        if gated:
            good = good and objectness > thresh
        slot += first
        place = (image * slots + slot) * BOX
        boxes[place], boxes[place + 1], boxes[place + 2], boxes[place + 3] = x, v, w, h
        boxes[place + 4] = objectness
        at = base + p_at + cell * p_cell + box * p_box
        for k in range(classes):
            p = ZERO
            if good:
                p = y[at + k * p_entry] * objectness
                if not p > thresh:
                    p = ZERO
            prob[(image * classes + k) * slots + slot] = p


@device
def _ahead(prob, base, slots, k, a, b):
    """Whether slot a comes before slot b when class k is dealt with: by its probability, ties as the classes before
    left them, and as the slots are at first.  A slot of -1 is none."""
    if a < 0 or b < 0:
        return a >= 0
    while k >= 0:
        p, q = prob[base + k * slots + a], prob[base + k * slots + b]
        if p != q:
            return p > q
        k -= 1
    return a < b


@device
def _iou(boxes, a, b):
    """Intersection over union of the boxes that begin at a and b, by edges as vision/nms.py has it."""
    aw, ah, bw, bh = boxes[a + 2], boxes[a + 3], boxes[b + 2], boxes[b + 3]
    width = min(boxes[a] + aw * HALF, boxes[b] + bw * HALF) - max(boxes[a] - aw * HALF, boxes[b] - bw * HALF)
    height = (min(boxes[a + 1] + ah * HALF, boxes[b + 1] + bh * HALF)
              - max(boxes[a + 1] - ah * HALF, boxes[b + 1] - bh * HALF))
    common = max(width, ZERO) * max(height, ZERO)
    return common / (aw * ah + bw * bh - common)


@kernel("FFFIiif", TEAM)
def _suppress(left, prob, boxes, members, classes, slots, thresh):
    """left: prob with 0 for what overlaps a better box of its class; members: room for a slot number each."""
    scratch = cuda.shared.array(TEAM, np.int32)
    t, k, image = cuda.threadIdx.x, cuda.blockIdx.x, cuda.blockIdx.y
    image_at = image * classes * slots
    at = image_at + k * slots
    mine = 0  # each thread has a list of its own: every so many-th place
    for slot in range(t, slots, TEAM):
        left[at + slot] = ZERO
        if prob[at + slot] > ZERO:
            members[at + t + mine * TEAM] = slot
            mine += 1
    while True:
        best = -1
        for j in range(mine):
            slot = members[at + t + j * TEAM]
            if _ahead(prob, image_at, slots, k, slot, best):
                best = slot
        scratch[t] = best
        cuda.syncthreads()
        width = TEAM // 2
        while width > 0:
            if t < width and _ahead(prob, image_at, slots, k, scratch[t + width], scratch[t]):
                scratch[t] = scratch[t + width]
            cuda.syncthreads()
            width //= 2
        best = scratch[0]
        cuda.syncthreads()
        if best < 0:
            break
        j = 0
        while j < mine:
            slot = members[at + t + j * TEAM]
            if slot == best:
                left[at + slot] = prob[at + slot]
            if slot == best or _iou(boxes, (image * slots + best) * BOX, (image * slots + slot) * BOX) > thresh:
                mine -= 1
                members[at + t + j * TEAM] = members[at + t + mine * TEAM]
            else:
                j += 1


@kernel("IIFiii")
def _list(listed, count, left, classes, slots, n):
    """The slots with a class left, in any order, each as image * slots + slot."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        image = i // slots
        at = image * classes * slots + i - image * slots
        some = False
        for k in range(classes):
            if left[at + k * slots] > ZERO:
                some = True
        if some:
            listed[cuda.atomic.add(count, 0, 1)] = i


@kernel("FIFFFiii")
def _collect(rows, listed, boxes, prob, left, classes, slots, n):
    """A row for each listed slot: its box, all of its prob, all that is left of it."""
    length = BOX + 2 * classes
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        r = i // length
        column = i - r * length
        slot = listed[r]
        if column < BOX:
            rows[i] = boxes[slot * BOX + column]
        else:
            image = slot // slots
            k = column - BOX
            at = image * classes * slots + slot - image * slots
            rows[i] = prob[at + k * slots] if k < classes else left[at + (k - classes) * slots]


@lru_cache(maxsize=64)
def anchors(head: BoxLayout) -> Array:
    return upload(head.anchors.astype(np.float32).reshape(-1))


def kept(outputs: Sequence[Array], layouts: Sequence[BoxLayout], terms: np.ndarray, thresh: float,
         nms: float) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each image the boxes of all heads that are left: x, y, w, h, objectness (n, 5), probabilities (n, classes)
    that pass `thresh`, and those of them that no better box of the class overlaps by an IoU above `nms` (0: all), else
    0; in the order of Darknet's list before it is sorted.

    terms  float64 (images, 6): how boxes go back to the photo (`vision.boxes.letterbox_terms`)
    """
    images, classes, slots = len(terms), layouts[0].classes, sum(head.slots for head in layouts)
    boxes, prob = Array((images, slots, BOX)), Array((images, classes, slots))
    back = upload(terms)
    first = 0
    for y, head in zip(outputs, layouts, strict=True):
        g = (*head.grid, len(head.anchors), classes, int(head.cells_first), first, slots, y.pitch, *head.xywh,
             int(head.objectness is not None), *(head.objectness or (0, 0, 0)), *head.prob, head.size, int(head.gated))
        n = images * head.slots
        _decode_boxes(n, boxes.data, prob.data, y.data, anchors(head).data, back.data, g, np.float32(thresh), n)
        first += head.slots
    left = prob
    if nms > 0:
        left = Array(prob.shape)
        members = Array(prob.shape, "int32")
        _suppress.blocks((classes, images), left.data, prob.data, boxes.data, members.data, classes, slots,
                         np.float32(nms))
    listed, count = Array((images * slots,), "int32"), Array((1,), "int32")
    fill_whole(1, count.data, 0, 1)
    _list(images * slots, listed.data, count.data, left.data, classes, slots, images * slots)
    found = int(count.host()[0])
    rows = Array((found, BOX + 2 * classes))
    _collect(rows.size, rows.data, listed.data, boxes.data, prob.data, left.data, classes, slots, rows.size)
    which = listed.view((found,)).host()
    order = np.argsort(which)
    numbers = np.split(rows.host()[order], np.searchsorted(which[order], np.arange(1, images) * slots))
    return [(part[:, :BOX], part[:, BOX : BOX + classes], part[:, BOX + classes :]) for part in numbers]

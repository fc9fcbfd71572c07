"""Non-maximum suppression: of several boxes on one object, keep the most confident.

Both forms of Darknet are here, with the order in which it leaves its list, because that order decides later ties and is
the order in which results are printed.  Detections of objectness 0 are first moved to the end and take no part.
"""

from __future__ import annotations

import numpy as np

from darkpy.jit import njit


@njit
def _live_first(objectness):
    """The order after every entry of objectness 0 was exchanged with the last entry not yet looked at, and the number
    of entries that remain in front."""
    order = np.arange(objectness.size)
    live = objectness.size
    i = 0
    while i < live:
        if objectness[order[i]] == 0:
            live -= 1
            order[i], order[live] = order[live], order[i]
        else:
            i += 1
    return order, live


@njit
def _overlaps(left, top, right, bottom, area, l, t, r, b, a, thresh):
    """Whether any of some boxes, given by their edges and areas, overlaps the box l t r b, a by an IoU above thresh.

    There is no early exit and no branch, so that the compiler uses vector instructions: a dozen times as fast.  A NaN
    compares false and suppresses nothing.
    """
    hit = np.int32(0)
    zero = np.float32(0)
    for j in range(left.size):
        common = max(min(r, right[j]) - max(l, left[j]), zero) * max(min(b, bottom[j]) - max(t, top[j]), zero)
        if common / (a + area[j] - common) > thresh:
            hit = np.int32(1)
    return hit


@njit
def _suppress(left, top, right, bottom, area, thresh, dead):
    """Mark in `dead` every box that overlaps an earlier surviving one by an IoU above thresh.

    The boxes come with the most confident first.  The survivors' edges are moved to the front of the same arrays, so
    that each box is compared with survivors only, a block at a time.
    """
    block = 128
    survivors = 0
    for i in range(left.size):
        l, t, r, b, a = left[i], top[i], right[i], bottom[i], area[i]
        hit = False
        for s in range(0, survivors, block):
            e = min(s + block, survivors)
            if _overlaps(left[s:e], top[s:e], right[s:e], bottom[s:e], area[s:e], l, t, r, b, a, thresh):
                hit = True
                break
        dead[i] = hit
        if not hit:
            k = survivors
            left[k], top[k], right[k], bottom[k], area[k] = l, t, r, b, a
            survivors += 1


@njit
def _suppress_in_order(boxes, rows, thresh, dead):
    """`_suppress` for the boxes (N, 4) at `rows`, taken in that order."""
    half = np.float32(0.5)
    x, y, w, h = boxes[rows, 0], boxes[rows, 1], boxes[rows, 2], boxes[rows, 3]
    _suppress(x - w * half, y - h * half, x + w * half, y + h * half, w * h, thresh, dead)


@njit
def _nms_sort(boxes, prob, order, thresh):
    """For every class: bring `order` into descending order of its column of prob (a stable sort), then suppress.

    boxes (N, 4), prob (classes, N); prob is changed.  Entries of probability 0 stay behind the others in the order they
    had, so only the non-zero ones, usually few, are sorted and compared.
    """
    classes, n = prob.shape
    candidates = np.empty(n, np.int64)
    rest = np.empty(n, np.int64)
    dead = np.empty(n, np.bool_)
    for k in range(classes):
        count = skipped = 0
        for i in order:
            if prob[k, i] == 0:
                rest[skipped] = i
                skipped += 1
            else:
                candidates[count] = i
                count += 1
        if count == 0:
            continue
        chosen = candidates[:count]
        if count > 1:
            chosen = chosen[np.argsort(-prob[k][chosen], kind="mergesort")]
        order[:count] = chosen
        order[count:] = rest[:skipped]
        _suppress_in_order(boxes, chosen, thresh, dead)
        for i in range(count):
            if dead[i]:
                prob[k, chosen[i]] = 0


def _check(boxes: np.ndarray, objectness: np.ndarray, prob: np.ndarray, thresh: float) -> tuple[np.ndarray, ...]:
    boxes, objectness, prob = (np.ascontiguousarray(a, dtype=np.float32) for a in (boxes, objectness, prob))
    n = len(objectness)
    if boxes.shape != (n, 4) or objectness.ndim != 1 or prob.ndim != 2 or prob.shape[0] != n:
        raise ValueError(f"boxes {boxes.shape}, objectness {objectness.shape} and prob {prob.shape} do not match")
    if not 0 <= thresh <= 1:
        raise ValueError(f"thresh={thresh}: an IoU lies between 0 and 1")
    return boxes, objectness, prob


def nms_sort(
    boxes: np.ndarray, objectness: np.ndarray, prob: np.ndarray, thresh: float = 0.45
) -> tuple[np.ndarray, np.ndarray]:
    """Suppression within each class (Darknet's do_nms_sort).

    boxes       (N, 4) centre and size, any unit
    objectness  (N,) detections at exactly 0 take no part
    prob        (N, classes), not negative; 0 means not a candidate for that class
    thresh      a later box of the same class goes if its IoU with an earlier one is above this

    Returns (prob, order): a copy of prob, rows in the given order, with the suppressed entries 0; and the indices (N,)
    of the detections in the order Darknet leaves them: sorted by the last class, ties by the one before, and so on.
    """
    boxes, objectness, prob = _check(boxes, objectness, prob, thresh)
    order, live = _live_first(objectness)
    # Only the live rows are turned to class-major order: with thousands of classes the rest would cost most time.
    head = np.sort(order[:live])
    columns = np.ascontiguousarray(prob[head].T)
    rank = np.searchsorted(head, order[:live])
    _nms_sort(boxes[head], columns, rank, np.float32(thresh))
    result = prob.copy()
    result[head] = columns.T
    order[:live] = head[rank]
    return result, order


def nms_obj(
    boxes: np.ndarray, objectness: np.ndarray, prob: np.ndarray, thresh: float = 0.45
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Suppression across classes, by objectness (Darknet's do_nms_obj).

    Arguments as in `nms_sort`.  Returns (objectness, prob, order): copies in which the suppressed detections have
    objectness 0 and all probabilities 0, and the indices in descending order of the original objectness, the entries
    that were 0 from the start at the end.
    """
    boxes, objectness, prob = _check(boxes, objectness, prob, thresh)
    order, live = _live_first(objectness)
    front = order[:live]
    front[:] = front[np.argsort(-objectness[front], kind="stable")]
    dead = np.zeros(live, np.bool_)
    _suppress_in_order(boxes, front, np.float32(thresh), dead)
    objectness, prob = objectness.copy(), prob.copy()
    objectness[front[dead]] = 0
    prob[front[dead]] = 0
    return objectness, prob, order

"""Losses of [detection] (a grid) and [iseg] (masks).  `d` is the delta, minus the gradient; it is turned at the end."""

from __future__ import annotations

import numpy as np

from darkpy.cuda import TEAM, cuda, kernel, sqrt
from darkpy.ops.cuda.head_loss import begin, iou, turn
from darkpy.ops.cuda.memory import Array, upload
from darkpy.ops.cuda.reduce import team_sum

F = np.float32
ZERO, ONE, TENTH, HUNDREDTH = F(0), F(1), F(0.1), F(0.01)
GRID_FIGURES = 7
NONE, DRAWN, FORCED = -1, 0, 1


@kernel("FDFFIT8F", TEAM)
def _detection(dx, figures, y, truth, drawn, g, scales):
    """A team for each image, its cells shared out.  scales: of objects, background, classes, boxes.

    drawn: the responsible box of each cell where random draws it, else -1."""
    side, num, classes, sqrt_sizes, rescore, forced, item, _ = g
    scratch = cuda.shared.array(TEAM, np.float64)
    image, t, cells = cuda.blockIdx.x, cuda.threadIdx.x, side * side
    row = 5 + classes
    cost, total_iou, total_class, all_class, obj, no_obj, count = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for cell in range(t, cells, TEAM):
        conf = image * item + cells * classes + cell * num
        boxes = image * item + cells * (classes + num) + cell * num * 4
        at = (image * cells + cell) * row
        is_object = abs(truth[at]) >= ONE
        best = drawn[image * cells + cell]
        bx, by, bw, bh = (truth[at + 1 + classes], truth[at + 2 + classes], truth[at + 3 + classes],
                          truth[at + 4 + classes])
        gx, gy = bx / F(side), by / F(side)
        common = ZERO
        if is_object:
            highest, nearest, near = ZERO, F(np.inf), 0
            over = 0
            for k in range(num):
                b = boxes + k * 4
                w, h = y[b + 2], y[b + 3]
                if sqrt_sizes:
                    w, h = w * w, h * h
                x0, y0 = y[b] / F(side), y[b + 1] / F(side)
                v = iou(x0, y0, w, h, gx, gy, bw, bh)
                if v > highest:
                    highest, over = v, k
                distance = sqrt((x0 - gx) * (x0 - gx) + (y0 - gy) * (y0 - gy) + (w - bw) * (w - bw)
                                + (h - bh) * (h - bh))
                if distance < nearest:
                    nearest, near = distance, k
            if best < 0:
                best = over if highest > ZERO else near
                if forced:
                    best = 1 if bw * bh < TENTH else 0
            b = boxes + best * 4
            w, h = y[b + 2], y[b + 3]
            if sqrt_sizes:
                w, h = w * w, h * h
            common = iou(y[b] / F(side), y[b + 1] / F(side), w, h, gx, gy, bw, bh)
        for k in range(num):
            p = y[conf + k]
            no_obj += p
            d = scales[1] * -p
            if is_object and k == best:
                d = scales[0] * ((common if rescore else ONE) - p)
                obj += p
                total_iou += common
                count += 1.0
            cost += float(d) * float(d)
            dx[conf + k] = -d
            for i in range(4):
                e = boxes + k * 4 + i
                d = ZERO
                if is_object and k == best:
                    target = bx if i == 0 else by if i == 1 else bw if i == 2 else bh
                    if sqrt_sizes and i > 1:
                        target = sqrt(max(target, ZERO))
                    d = scales[3] * (target - y[e])
                cost += float(d) * float(d)
                dx[e] = -d
        for k in range(classes):
            e = image * item + cell * classes + k
            d = ZERO
            if is_object:
                d = scales[2] * (truth[at + 1 + k] - y[e])
                all_class += y[e]
                if truth[at + 1 + k] != ZERO:
                    total_class += y[e]
            cost += float(d) * float(d)
            dx[e] = -d
    cost, total_iou = team_sum(scratch, t, cost), team_sum(scratch, t, total_iou)
    total_class, all_class = team_sum(scratch, t, total_class), team_sum(scratch, t, all_class)
    obj, no_obj, count = team_sum(scratch, t, obj), team_sum(scratch, t, no_obj), team_sum(scratch, t, count)
    if t == 0:
        f = image * GRID_FIGURES
        figures[f], figures[f + 1], figures[f + 2], figures[f + 3] = cost, total_iou, total_class, all_class
        figures[f + 4], figures[f + 5], figures[f + 6] = obj, no_obj, count


def detection_loss(dx: Array, figures: Array, y: Array, truth: Array, *, side: int, num: int, classes: int, sqrt: bool,
                   rescore: bool, forced: bool, object_scale: float, noobject_scale: float, class_scale: float,
                   coord_scale: float, random: np.random.Generator | None = None) -> None:
    n, cells = y.shape[0], side * side
    drawn = np.full((n, cells), NONE, np.int32)
    if random is not None:  # the draws are the host's, as on every device, and it has to know where objects are
        b, i = np.nonzero(np.abs(truth.host().reshape(n, cells, 5 + classes)[..., 0]) >= 1)
        drawn[b, i] = random.integers(0, num, len(b))
    scales = upload(np.array([object_scale, noobject_scale, class_scale, coord_scale], np.float32))
    _detection.blocks(n, dx.data, figures.data, y.data, truth.data, upload(drawn).data,
                      (side, num, classes, int(sqrt), int(rescore), int(forced), y.item, 0), scales.data)


@kernel("FFiiii")
def _base(d, y, channels, classes, size, n):
    """The delta of pixels without an object."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        d[i] = -y[i] if (i // size) % channels < classes else -y[i] * TENTH


@kernel("FFFFT6", TEAM)
def _instances(means, about, y, truth, g):
    """A team for each row of the truth, of each image: the mean embedding of its pixels, and about (rows, 2) how many
    they are (0 for rows that do not count) and their spread."""
    channels, classes, size, rows, ids, _ = g
    scratch = cuda.shared.array(TEAM, np.float32)
    t, image, k = cuda.threadIdx.x, cuda.blockIdx.y, cuda.blockIdx.x
    ended = False
    for i in range(k + 1):
        ended = ended or truth[(image * rows + i) * (1 + size)] <= -ONE
    row = (image * rows + k) * (1 + size)
    count, spread = ZERO, ZERO
    if not ended and truth[row] < F(classes):
        for i in range(t, size, TEAM):
            if truth[row + 1 + i] != ZERO:
                count += ONE
    count = team_sum(scratch, t, count)
    if count > ZERO:
        for c in range(ids):
            at = (image * channels + classes + c) * size
            total = ZERO
            for i in range(t, size, TEAM):
                if truth[row + 1 + i] != ZERO:
                    total += y[at + i]
            mean = team_sum(scratch, t, total) / count
            for i in range(t, size, TEAM):
                if truth[row + 1 + i] != ZERO:
                    spread += (y[at + i] - mean) * (y[at + i] - mean)
            if t == 0:
                means[(image * rows + k) * ids + c] = mean
    spread = team_sum(scratch, t, spread)
    if t == 0:
        about[(image * rows + k) * 2] = count
        about[(image * rows + k) * 2 + 1] = spread / max(count, ONE)


@kernel("FFFFFT6i")
def _pixels(d, y, truth, means, about, g, n):
    """A thread for each pixel of all images: its class, and its embedding one step toward the mean of its own
    instance, and one away from every other's."""
    channels, classes, size, rows, ids, _ = g
    for item in range(cuda.grid(1), n, cuda.gridsize(1)):
        image = item // size
        place = item - image * size
        base = image * channels * size + place
        for k in range(rows):
            row = image * rows + k
            value = truth[row * (1 + size) + 1 + place]
            if about[2 * row] > ZERO and value != ZERO:
                e = base + int(truth[row * (1 + size)]) * size
                d[e] = value - y[e]
                for c in range(ids):
                    e = base + (classes + c) * size
                    step = ZERO
                    for other in range(rows):
                        if about[2 * (image * rows + other)] > ZERO:
                            v = -TENTH if means[(image * rows + other) * ids + c] < y[e] else TENTH
                            step += v if other == k else -v
                    d[e] += step
        for c in range(ids):
            d[base + (classes + c) * size] *= HUNDREDTH


@kernel("DFii")
def _iseg_figures(figures, about, rows, n):
    for image in range(cuda.grid(1), n, cuda.gridsize(1)):
        spread, count = 0.0, 0.0
        for k in range(rows):
            if about[2 * (image * rows + k)] > ZERO:
                spread += about[2 * (image * rows + k) + 1]
                count += 1.0
        figures[image * 3 + 1] = spread
        figures[image * 3 + 2] = count


def iseg_loss(dx: Array, figures: Array, y: Array, truth: Array, *, classes: int) -> None:
    n, channels, h, w = y.shape
    rows, size, ids = truth.shape[1], h * w, channels - classes
    skip = begin(dx, figures)
    means, about = Array((n, rows, max(ids, 1))), Array((n, rows, 2))
    g = (channels, classes, size, rows, ids, 0)
    _base(y.size, dx.data, y.data, channels, classes, size, y.size)
    if rows:
        _instances.blocks((rows, n), means.data, about.data, y.data, truth.data, g)
    _pixels(n * size, dx.data, y.data, truth.data, means.data, about.data, g, n * size)
    _iseg_figures(n, figures.data, about.data, rows, n)
    turn(dx, figures, y, skip, channels, -1, no_obj=-1)


KERNELS = {"detection_loss": detection_loss, "iseg_loss": iseg_loss}

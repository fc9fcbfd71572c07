"""Activations of the detection heads on their own layout (N, anchors * entries, H, W)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from darkpy.cuda import cuda, kernel
from darkpy.ops.cuda.activations import logistic
from darkpy.ops.cuda.memory import Array, upload
from darkpy.ops.cuda.norm import softmax_pixels

ONE = np.float32(1)


@kernel("FFiifii")
def _yolo(y, x, entries, size, factor, raw, n):
    """raw: the numbers are logistic already."""
    shift = (factor - ONE) * np.float32(0.5)
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        entry = (i // size) % entries
        v = x[i]
        if entry != 2 and entry != 3:
            if not raw:
                v = logistic(v)
            if entry < 2:
                v = v * factor - shift
        y[i] = v


@kernel("FFiiiii")
def _region(y, x, entries, size, raw, last, n):
    """Entries up to `last` (which is not included) through the logistic but for w, h and `raw`; the others as they
    are."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        entry = (i // size) % entries
        v = x[i]
        y[i] = v if entry == 2 or entry == 3 or entry == raw or entry >= last else logistic(v)


@lru_cache(maxsize=64)
def bounds_from(first: int, sizes: tuple[int, ...]) -> Array:
    """int32 (groups + 1,): where each group of entries begins, and the end of the last."""
    return upload(first + np.cumsum((0, *sizes), dtype=np.int32))


def yolo_activate(y: Array, x: Array, *, anchors: int, classes: int, scale_x_y: float = 1.0,
                  new_coords: bool = False) -> None:
    _yolo(y.size, y.data, x.data, 5 + classes, x.shape[2] * x.shape[3], np.float32(scale_x_y), int(new_coords), y.size)


def region_activate(y: Array, x: Array, *, anchors: int, coords: int, classes: int, softmax_classes: bool,
                    background: bool, groups: tuple[int, ...] = ()) -> None:
    n, _, h, w = x.shape
    entries = coords + 1 + classes
    soft = bool(groups or softmax_classes)
    first = coords if background and softmax_classes else coords + 1
    raw = coords if background else -1
    _region(y.size, y.data, x.data, entries, h * w, raw, first if soft else entries, y.size)
    if soft:
        bounds = bounds_from(first, tuple(groups) or (entries - first,))
        softmax_pixels(y, x, bounds, n * anchors, entries, h * w, 1.0)


KERNELS = {"yolo_activate": yolo_activate, "region_activate": region_activate}

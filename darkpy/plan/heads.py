"""Detection heads in a plan: activated while the last convolution's map becomes a planar array."""

from __future__ import annotations

from typing import Any

import numpy as np

from darkpy.ops.cpu import heads
from darkpy.ops.cpu.tasks import arguments
from darkpy.plan.blocked import LANES, Blocked
from darkpy.plan.kernels import Call, FromBlocked
from darkpy.plan.trace import Value


class YoloHead(FromBlocked):
    """The op yolo_activate."""

    algorithm = "yolo head"

    def __init__(self, layer: int, x: Blocked, out: Value, anchors: int, classes: int, scale_x_y: float = 1.0,
                 new_coords: bool = False):
        super().__init__(layer, [x], out)
        entry = np.arange(x.blocks * LANES) % (5 + classes)
        place = entry < 2
        taken = ~np.isin(entry, (2, 3)) & (not new_coords)
        rows = [taken, np.where(place, scale_x_y, 1), np.where(place, -(scale_x_y - 1) / 2, 0)]
        self.tables = tables(rows)


class RegionHead(FromBlocked):
    """The op region_activate."""

    algorithm = "region head"

    def __init__(self, layer: int, x: Blocked, out: Value, anchors: int, coords: int, classes: int,
                 softmax_classes: bool, background: bool, groups: tuple[int, ...] = ()):
        super().__init__(layer, [x], out)
        self.entries = coords + 1 + classes
        self.first, self.groups = self.entries, np.zeros(0, np.int64)
        if groups or softmax_classes:
            self.first = coords if background and softmax_classes else coords + 1
            self.groups = np.array(groups or (self.entries - self.first,), np.int64)
        entry = np.arange(x.blocks * LANES) % self.entries
        raw = np.isin(entry, (2, 3)) | (entry >= self.first) | (background & (entry == coords))
        self.tables = tables([~raw, np.ones(len(entry)), np.zeros(len(entry))])

    def bind(self, memory: Any) -> list[Call]:
        calls = super().bind(memory)
        n, c, h, w = self.out.shape
        if len(self.groups):
            pieces = -(-h * w // LANES)
            slots = arguments(memory.array(self.out).ctypes.data, self.entries, h * w, self.first,
                              self.groups.ctypes.data, len(self.groups))
            calls.append(Call(n * c // self.entries * pieces, heads.softmax_groups(), slots, (self.groups,)))
        return calls


def tables(rows: list[np.ndarray]) -> np.ndarray:
    """(blocks, len(rows), 16) of rows of numbers for each channel."""
    return np.ascontiguousarray(np.stack(rows).reshape(len(rows), -1, LANES).transpose(1, 0, 2), np.float32)

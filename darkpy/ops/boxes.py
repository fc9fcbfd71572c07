"""BoxLayout: where the output of a detection head holds its boxes, for a kernel that serves all heads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EXP, TWICE_SQUARED, PLAIN, SQUARED = range(4)  # what makes a factor of the anchor out of the number for w or h


@dataclass(frozen=True, eq=False)
class BoxLayout:
    """One image's output of a head with a grid of cells, each with the same number of boxes.

    A number lies at  first + cell * per cell + box * per box (+ entry * per entry), with cells counted by rows.
    """

    grid: tuple[int, int]  # rows and columns of cells
    anchors: np.ndarray  # float32 (boxes of a cell, 2): w, h as fractions of the image
    classes: int
    cells_first: bool  # candidates cell by cell; else box by box
    xywh: tuple[int, int, int, int]
    objectness: tuple[int, int, int] | None  # None: always 1
    prob: tuple[int, int, int, int]
    size: int = EXP
    gated: bool = True  # whether an objectness up to the threshold rules a box out, whatever its classes

    @property
    def slots(self) -> int:
        """Boxes of all cells."""
        return self.grid[0] * self.grid[1] * len(self.anchors)

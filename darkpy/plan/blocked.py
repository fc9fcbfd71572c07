"""Blocked: the symbol of a map in the layout the fast kernels work on, (N, C/16, H, W, 16) with a border of zeros.

Each reader says how wide a border it needs; the widest counts.  A map may lie inside another: a route joins maps
without copying because its parts are written to their places in the whole from the start.  Its numbers are stored in
some Form; the maps inside another one have the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from darkpy.ops.cpu.vector import SIZES
from darkpy.plan.trace import Value

LANES = 16
PIXEL = 4 * LANES  # bytes of a vector of floats
WORD = 64  # channels in a word of a map of bits


class Form(NamedTuple):
    """How a map stores its numbers; a uint8 q stands for scale * (q - zero)."""

    dtype: str = "float32"
    scale: float = 1.0
    zero: int = 0

    def convert(self, other: Form, factor: float = 1.0) -> tuple[float, float]:
        """(a, b): a * q + b is, in the other form, `factor` times what q is in this one."""
        a = factor * self.scale / other.scale
        return a, other.zero - a * self.zero


FLOAT, BFLOAT = Form(), Form("bfloat16")


class Blocked(Value):
    """A blocked map of `shape` (N, C, H, W), maybe a run of blocks of a larger one."""

    __slots__ = ("_lead", "_trail", "first_block", "form", "parent")
    lanes = LANES  # channels of a block

    def __init__(self, shape: tuple[int, ...], name: str = "", form: Form = FLOAT):
        super().__init__(shape, form.dtype, name)
        self.form = form
        self.parent: Blocked | None = None
        self.first_block = 0
        self._lead = self._trail = 0

    @property
    def root(self) -> Blocked:
        return self.parent.root if self.parent else self

    @property
    def block_offset(self) -> int:
        """Number of this map's first block within its root."""
        return self.first_block + self.parent.block_offset if self.parent else 0

    @property
    def blocks(self) -> int:
        return -(-self.shape[1] // self.lanes)

    @property
    def pixel(self) -> int:
        """Bytes of a block's channels of a pixel."""
        return LANES * SIZES[self.form.dtype]

    @property
    def border(self) -> tuple[int, int]:
        """(lead, trail): pixels of zeros above and left of the image, and below and right of it."""
        return self.root._lead, self.root._trail

    def need(self, lead: int, trail: int) -> None:
        """A reader wants at least this border."""
        root = self.root
        root._lead, root._trail = max(root._lead, lead), max(root._trail, trail)

    def put_inside(self, parent: Blocked, first_block: int) -> None:
        """Share the memory of `parent` from one of its blocks on."""
        lead, trail = self.border
        self.parent, self.first_block = parent, first_block
        self.need(lead, trail)

    @property
    def steps(self) -> tuple[int, int, int]:
        """Bytes from image to image, from block to block, from row to row."""
        (lead, trail), root = self.border, self.root
        row = (lead + self.shape[3] + trail) * self.pixel
        block = (lead + self.shape[2] + trail) * row
        return root.blocks * block, block, row

    @property
    def nbytes(self) -> int:
        return self.shape[0] * self.blocks * self.steps[1]

    @property
    def start(self) -> int:
        """Bytes from the root's memory to this map's pixel (0, 0)."""
        _, block, row = self.steps
        lead = self.border[0]
        return self.block_offset * block + lead * row + lead * self.pixel


class Bits(Blocked):
    """The signs of a map, one bit each, blocks of 64 channels in a word (see ops/cpu/bits.py).

    Channels that are `flipped` have a 1 for -1, the others for +1.
    """

    __slots__ = ("flipped",)
    lanes = WORD

    def __init__(self, shape: tuple[int, ...], name: str, flipped: np.ndarray):
        super().__init__(shape, name)
        self.flipped = flipped

    @property
    def pixel(self) -> int:
        return WORD // 8

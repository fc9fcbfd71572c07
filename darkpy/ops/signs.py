"""Signs: weights that are plus or minus one number for each filter, a bit each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class Signs:
    """Weights (F, ...) = +-factor[f], kept as `bits` (F, bytes): bit i of a filter (lowest first) says whether its i-th
    weight is positive.  Where layers take weights it stands for the array.

    `source`: the real-valued weights it was made from, if they exist.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, bits: np.ndarray, factor: np.ndarray, shape: tuple[int, ...], source: Any = None):
        self.bits, self.factor, self.shape, self.source = bits, factor, shape, source

    @classmethod
    def of(cls, w: np.ndarray, source: Any = None) -> Signs | None:
        """The same weights as signs; None where a filter has more than one size of weights."""
        rows = w.reshape(len(w), -1)
        factor = np.abs(rows[:, :1])
        if not (np.abs(rows) == factor).all():
            return None
        bits = np.packbits(rows > 0, axis=1, bitorder="little")
        return cls(bits, np.ascontiguousarray(factor[:, 0], np.float32), w.shape, source)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.bits.nbytes + self.factor.nbytes

    def positive(self, some: slice = slice(None)) -> np.ndarray:
        """Which weights (of some filters) are positive."""
        bits, count = self.bits[some], math.prod(self.shape[1:])
        return np.unpackbits(bits, axis=1, count=count, bitorder="little").reshape(-1, *self.shape[1:]).view(bool)

    def array(self) -> np.ndarray:
        """The weights as float32."""
        factor = self.factor.reshape((-1,) + (1,) * (len(self.shape) - 1))
        return np.where(self.positive(), factor, -factor)

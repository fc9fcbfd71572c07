"""Multi-scale training (`random=1`): which input size each batch has.

The original draws a new size every 10 batches, one of 320, 352 ... 608 (classifiers: every 40, of 128 ... 448), and
trains the last 200 batches of a detector at the largest.  It does so whatever size the cfg names.  Here these ranges
hold for cfgs that name a size within them; another size is varied by the same factors, as if the cfg's were 416
(classifiers: 256).  A net that is not square keeps its proportions.  The last 200 batches are at most a tenth of all.

The size is a function of the seed and the batch's number alone, so that a resumed training meets the same sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkpy.netconfig import SIDE

STEP = 32  # sizes are multiples of it: what detectors of the family shrink an image by
STREAM = 3  # keeps the random numbers apart from those drawn for images


@dataclass(frozen=True)
class Range:
    """Sides in pixels, how often they change, and the side the factors refer to."""

    low: int
    high: int
    every: int
    usual: int


DETECTOR = Range(320, 608, 10, 416)
CLASSIFIER = Range(128, 448, 40, 256)
LAST = 200  # batches of a detector at the largest size


@dataclass(frozen=True)
class Sizes:
    """Input sizes (h, w) of the batches of a training.

    base         (h, w) of the cfg
    random       False: always that
    max_batches  of the whole training; 0: unknown
    """

    base: tuple[int, int]
    random: bool = False
    classifier: bool = False
    max_batches: int = 0
    seed: int = 0

    def __call__(self, batch: int) -> tuple[int, int]:
        """(h, w) of batch number `batch`, from 0; a batch is what one update is made from."""
        if not self.random:
            return self.base
        span = CLASSIFIER if self.classifier else DETECTOR
        sides = self.sides()
        last = min(LAST, self.max_batches // 10)
        if not self.classifier and self.max_batches and batch >= self.max_batches - last:
            return self.scaled(sides[-1])
        draw = np.random.default_rng((self.seed, STREAM, batch // span.every))
        return self.scaled(sides[int(draw.integers(len(sides)))])

    def sides(self) -> list[int]:
        """The longer sides to choose from."""
        span = CLASSIFIER if self.classifier else DETECTOR
        side = max(self.base)
        if span.low <= side <= span.high:
            low, high = span.low, span.high
        else:
            low, high = (multiple(side * end / span.usual) for end in (span.low, span.high))
        return list(range(low, min(high, SIDE) + 1, STEP))

    def scaled(self, side: int) -> tuple[int, int]:
        """(h, w) in the cfg's proportions whose longer side is `side`."""
        h, w = (multiple(side * s / max(self.base)) for s in self.base)
        return h, w

    @property
    def largest(self) -> tuple[int, int]:
        return self.scaled(self.sides()[-1]) if self.random else self.base


def multiple(side: float) -> int:
    """The nearest multiple of STEP, at least one."""
    return max(STEP, STEP * round(side / STEP))

"""Calibration: between which numbers the output of each layer lies on sample images, kept in a small JSON file.

    {"format": "darkpy calibration 1", "seen": 32013312, "images": 20, "layers": [[-0.9, 7.1], null, ...]}

uint8 maps spread their 256 numbers over these ranges.  `seen` ties the file to the weights it was measured with.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from darkpy.atomic import replacing
from darkpy.errors import DataError
from darkpy.plan.narrow import Range

FORMAT = "darkpy calibration 1"
MAX_BYTES = 1 << 20
LARGEST = float(np.finfo(np.float32).max)
REMEDY = "calibrate again"


@dataclass(frozen=True)
class Calibration:
    """`layers`: (low, high) of each layer's output, None where it has none; measured on so many `images` with weights
    that had seen `seen`."""

    layers: list[Range | None]
    seen: int
    images: int

    @property
    def ranges(self) -> dict[int, Range]:
        return {i: pair for i, pair in enumerate(self.layers) if pair is not None}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all.  Raises DataError."""
        text = json.dumps({"format": FORMAT, "seen": self.seen, "images": self.images, "layers": self.layers})
        with replacing(path, DataError) as file:
            file.write(text.encode() + b"\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Calibration:
        """Raises DataError for a file that is none."""
        name = os.fspath(path)
        try:
            with open(name, "rb") as file:
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES} bytes")
            found = json.loads(data.decode())
            if not isinstance(found, dict) or found.get("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT!r}")
            layers = [None if pair is None else checked(pair) for pair in found["layers"]]
            return cls(layers, int(found["seen"]), int(found["images"]))
        except OSError as e:
            raise DataError(f"{name}: {e.strerror or e}") from None
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as e:
            reason = f"it lacks {e}" if isinstance(e, KeyError) else str(e).splitlines()[0]
            raise DataError(f"{name}: is no calibration: {reason}: {REMEDY}") from None

    @classmethod
    def of(cls, source: Calibration | str | os.PathLike[str], layers: int, seen: int) -> Calibration:
        """A calibration or the file of one.  Raises DataError where it was measured with another net or weights."""
        found = cls.load(source) if isinstance(source, (str, os.PathLike)) else source
        found.check(layers, seen)
        return found

    def check(self, layers: int, seen: int) -> None:
        if len(self.layers) != layers:
            raise DataError(f"the calibration is of a net with {len(self.layers)} layers, this one has {layers}: "
                            f"{REMEDY}")
        if self.seen != seen:
            raise DataError(f"the calibration is of weights that had seen {self.seen} images, these have seen {seen}: "
                            f"{REMEDY}")


def checked(pair: object) -> Range:
    """(low, high) of a file."""
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError(f"{str(pair)[:40]!r} is no range")
    low, high = (float(v) for v in pair)
    if not -LARGEST <= low <= high <= LARGEST:
        raise ValueError(f"{low:g} to {high:g} is no range")
    return low, high


class Ranges:
    """Gathers the ranges of layers' outputs, image by image."""

    def __init__(self, layers: int):
        self.found: list[Range | None] = [None] * layers
        self.images = 0

    def add(self, outputs: Iterable[np.ndarray | None], images: int) -> None:
        """All layers' outputs for some images; numbers that are not finite do not count."""
        self.images += images
        for i, y in enumerate(outputs):
            if y is not None:
                with np.errstate(all="ignore"):
                    low, high = float(y.min()), float(y.max())
                if not (math.isfinite(low) and math.isfinite(high)):
                    finite = y[np.isfinite(y)]
                    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
                before = self.found[i] or (low, high)
                self.found[i] = min(low, before[0]), max(high, before[1])

    def calibration(self, seen: int) -> Calibration:
        """What was gathered, for weights that had seen so many images.  Raises DataError where that is nothing."""
        if not self.images:
            raise DataError("calibration needs at least one image")
        return Calibration(self.found, seen, self.images)

"""Images with numbers: what a `regressor` learns is the numbers in the label file of each image, as many as `classes=`.

The original reads what it can of a label file and leaves the rest at 0; here a file with other than so many numbers is
an error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkpy.datasets.augment import Colours, Windows
from darkpy.datasets.classification import LABEL_BYTES, see
from darkpy.datasets.labels import NUMBER
from darkpy.datasets.paths import ImageList, label_path
from darkpy.errors import DataError
from darkpy.vision.textfile import PathLike, read_lines, show

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class RegressionSet:
    """Images of a list with the numbers of their label files; `windows` as for classifiers."""

    images: ImageList
    numbers: int  # of truth for one image
    windows: Windows | None = None
    colours: Colours = Colours()

    def load(self, i: int, random: np.random.Generator, x: np.ndarray, truth: np.ndarray) -> None:
        """Fill x (C, h, w) and truth (numbers,) from image i.  Raises DataError for a bad image or label file."""
        path = self.images.images[i]
        truth[:] = read_numbers(label_path(path), self.numbers)
        see(path, random, x, self.windows, self.colours)


def read_numbers(path: PathLike, count: int) -> list[float]:
    """The `count` numbers of a label file.  DataError names the line of what is none, or says how many there are."""
    found: list[float] = []
    for line_number, line in enumerate(read_lines(path, "a label file", LABEL_BYTES), 1):
        for word in line.split():
            if len(word) > 40 or not NUMBER.fullmatch(word) or abs(float(word)) > LARGEST:
                raise DataError(f"{show(path)}:{line_number}: {ascii(word[:40])} is not a number")
            found.append(float(word))
    if len(found) != count:
        raise DataError(f"{show(path)}: {len(found)} numbers where the net gives {count}: write one for each")
    return found

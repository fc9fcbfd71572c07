"""Mask files: a line `class runs` for each instance, the runs being lengths with commas between them.

    3 120,4,76,6,500

The image is read row after row: 120 pixels are not of the instance, 4 are, 76 are not, and so on.  Pixels behind the
last run have the value that would come next.  The original looks for the file where it looks for labels, in a folder
`mask` in place of `images` or `JPEGImages`; it trusts the lengths and the class, and writes beyond the image if wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from darkpy.datasets.paths import label_path
from darkpy.errors import DataError
from darkpy.vision.textfile import PathLike, read_lines, show

MASK_BYTES = 1 << 28
MAX_MASKS = 1 << 12  # of one image
RUNS = re.compile(r"\d{1,9}(,\d{1,9})*,?", re.ASCII)


@dataclass(frozen=True)
class Mask:
    """One instance: its class, and the lengths of the runs (n,) int64, the first of them outside of it."""

    class_id: int
    runs: np.ndarray

    def plane(self, width: int, height: int) -> np.ndarray:
        """float32 (1, H, W): 1 in the instance, 0 outside; the runs must fit, as `read_masks` sees to."""
        rest = width * height - int(self.runs.sum())
        values = np.arange(len(self.runs) + 1) % 2
        return np.repeat(values.astype(np.float32), [*self.runs, rest]).reshape(1, height, width)


def runs_of(plane: np.ndarray) -> np.ndarray:
    """The lengths of the runs of a plane (H, W) of truth values, without those of the rest behind the last 1."""
    flat = np.concatenate([[False], plane.reshape(-1).astype(bool)])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    ends = np.append(edges, plane.size) if len(edges) % 2 else edges
    return np.diff(ends, prepend=0) if len(ends) else np.array([plane.size])


def mask_path(image: PathLike) -> str:
    """The mask file of an image: found as its label file is, in folders called mask."""
    return label_path(image, "mask")


def read_masks(path: PathLike, classes: int, size: tuple[int, int]) -> list[Mask]:
    """The instances in a mask file of an image of `size` (width, height).

    Raises DataError for a file that is missing or unreadable, and with the line of what is no mask.
    """
    masks: list[Mask] = []
    for number, line in enumerate(read_lines(path, "a mask file", MASK_BYTES), 1):
        words = line.split()
        if not words:
            continue
        place = f"{show(path)}:{number}"
        if len(masks) == MAX_MASKS:
            raise DataError(f"{place}: more than {MAX_MASKS} masks for one image")
        if len(words) != 2 or not RUNS.fullmatch(words[1]):
            raise DataError(f"{place}: {ascii(line.strip()[:40])} is no mask: it is a class and lengths of runs, as in "
                            "3 120,4,76,6")
        if not (words[0].isascii() and words[0].isdecimal() and len(words[0]) < 10 and int(words[0]) < classes):
            raise DataError(f"{place}: class {ascii(words[0][:40])[1:-1]} is not among 0 to {classes - 1}")
        runs = np.array(words[1].rstrip(",").split(","), np.int64)
        if runs.sum() > size[0] * size[1]:
            raise DataError(f"{place}: its runs cover {runs.sum()} pixels, but the image has {size[0]}x{size[1]}: it "
                            "belongs to an image of another size")
        masks.append(Mask(int(words[0]), runs))
    return masks

"""Images with classes: which class an image has, and the truth [softmax], [cost] and [logistic] take.

A class is found in one of two ways.

By path: the image's path contains the label of its class, as in train/dog/17.jpg or 00017_dog.png.  Where it
contains several, the one that ends furthest right counts, and of those that end there the longest: `c10`, not `c1`.
(The original sets all of them.)

By file (`tag=1` in the .data file): the label file of an image holds class numbers, and it may hold several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from darkpy.datasets import augment
from darkpy.datasets.augment import Colours, Windows
from darkpy.datasets.paths import ImageList, label_path
from darkpy.errors import DataError
from darkpy.vision import image
from darkpy.vision.decode import read_image, to_float
from darkpy.vision.textfile import PathLike, read_lines, show
from darkpy.vision.tree import Tree

LABEL_BYTES = 1 << 20


@dataclass(frozen=True)
class ByPath:
    """Finds the class by its label in the path.  `labels` are unique and not empty (see `check_labels`)."""

    labels: Sequence[str]

    def classes_of(self, path: str) -> list[int]:
        """The one class of an image; DataError where the path holds no label.  One class alone needs no label: a path
        without it is a counterexample."""
        best = max(((path.rfind(label) + len(label), len(label), i) for i, label in enumerate(self.labels)
                    if label in path), default=None)
        if best is not None:
            return [best[2]]
        if len(self.labels) == 1:
            return []
        raise DataError(f"{show(path)}: its path contains none of the {len(self.labels)} labels: put one into the name "
                        "of the file or its folder")


@dataclass(frozen=True)
class ByFile:
    """Finds classes in the label file of an image."""

    count: int

    def classes_of(self, path: str) -> list[int]:
        return read_tags(label_path(path), self.count)


def check_labels(labels: Sequence[str], place: str) -> None:
    """DataError for labels by which classes cannot be told apart."""
    seen: dict[str, int] = {}
    for line, label in enumerate(labels, 1):
        if not label:
            raise DataError(f"{place}:{line}: an empty label would be found in every path")
        if label in seen:
            raise DataError(f"{place}:{line}: the label {ascii(label[:40])} stands in line {seen[label]} already")
        seen[label] = line


def read_tags(path: PathLike, classes: int) -> list[int]:
    """The class numbers of a label file.  DataError names the line of what is none."""
    tags = []
    for number, line in enumerate(read_lines(path, "a label file", LABEL_BYTES), 1):
        for word in line.split():
            if not (word.isascii() and word.isdecimal() and len(word) <= 9 and int(word) < classes):
                raise DataError(f"{show(path)}:{number}: {ascii(word[:40])} must be a class, 0 to {classes - 1}")
            tags.append(int(word))
    return tags


@dataclass(frozen=True)
class ClassificationSet:
    """Images of a list with their classes.

    windows  None: no chance at all, but the middle of each image, as in validation
    tree     the truth of a class is 1 for its ancestors too, and groups that then say nothing hold -1234
    """

    images: ImageList
    classes: int
    labels: ByPath | ByFile
    windows: Windows | None = None
    colours: Colours = Colours()
    tree: Tree | None = None

    @property
    def numbers(self) -> int:
        """Of truth for one image."""
        return self.classes

    def load(self, i: int, random: np.random.Generator, x: np.ndarray, truth: np.ndarray) -> None:
        """Fill x (C, h, w) and truth (classes,) from image i.  Raises DataError for a bad image or no label."""
        path = self.images.images[i]
        truth[:] = 0
        truth[self.labels.classes_of(path)] = 1
        if self.tree is not None:
            truth[:] = self.tree.fill_truth(truth)
        see(path, random, x, self.windows, self.colours)


def see(path: str, random: np.random.Generator, x: np.ndarray, windows: Windows | None, colours: Colours) -> None:
    """Fill x (C, h, w) with a window of an image drawn at random, or its middle where `windows` is None."""
    rgb = read_image(path, channels=len(x))
    if windows is None:
        x[...] = image.center_crop(to_float(rgb), x.shape[2], x.shape[1])
    else:
        augment.window(rgb, random, x, windows, colours)

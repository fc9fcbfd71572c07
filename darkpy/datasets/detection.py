"""Images with boxes, and their truth as the detection heads take it.

    [yolo], [region]   rows x, y, w, h, class, as many as the head's max=, zeros behind the last
    [region] coords>4  rows of coords + 1 numbers: the class comes last, what a mask would say stays 0
    [detection]        for each cell: is there an object, one-hot class, x and y in the cell, w, h
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkpy.datasets import augment
from darkpy.datasets.augment import Colours
from darkpy.datasets.labels import read_labels
from darkpy.datasets.paths import ImageList, label_path
from darkpy.vision.decode import read_image
from darkpy.vision.truth import fill_truth_detection, fill_truth_region


@dataclass(frozen=True)
class BoxTruth:
    """Truth in rows, for [yolo] and [region]."""

    rows: int
    coords: int = 4

    @property
    def numbers(self) -> int:
        return self.rows * (self.coords + 1)

    def fill(self, labels: np.ndarray, out: np.ndarray) -> None:
        """Write labels (n, 5), corrected already, into out (numbers,)."""
        rows = fill_truth_detection(labels, self.rows)
        table = out.reshape(self.rows, self.coords + 1)
        table[:, :4], table[:, 4 : self.coords], table[:, self.coords] = rows[:, :4], 0, rows[:, 4]


@dataclass(frozen=True)
class GridTruth:
    """Truth by cell, for [detection]."""

    side: int
    classes: int

    @property
    def numbers(self) -> int:
        return self.side * self.side * (5 + self.classes)

    def fill(self, labels: np.ndarray, out: np.ndarray) -> None:
        out[:] = fill_truth_region(labels, self.side, self.classes).reshape(-1)


@dataclass(frozen=True)
class DetectionSet:
    """Images of a list with the boxes of their label files.

    classes  class numbers in label files are below it
    jitter   how far an image is distorted; None: not at all, nor are colours, and it is letterboxed
    """

    images: ImageList
    classes: int
    truth: BoxTruth | GridTruth
    jitter: float | None = None
    colours: Colours = Colours()
    flip: bool = True

    @property
    def numbers(self) -> int:
        """Of truth for one image."""
        return self.truth.numbers

    def load(self, i: int, random: np.random.Generator, x: np.ndarray, truth: np.ndarray) -> None:
        """Fill x (C, h, w) and truth (numbers,) from image i.  Raises DataError for a bad image or label file."""
        path = self.images.images[i]
        labels = read_labels(label_path(path), self.classes)
        rgb = read_image(path, channels=len(x))
        labels = labels[random.permutation(len(labels))]  # so that not always the same are beyond the last row
        if self.jitter is None:
            labels = augment.fit(rgb, labels, x)
        elif isinstance(self.truth, GridTruth):
            labels = augment.crop(rgb, labels, random, x, self.jitter, self.colours, self.flip)
        else:
            labels = augment.place(rgb, labels, random, x, self.jitter, self.colours, self.flip)
        self.truth.fill(labels, truth)

"""Images with masks, and their truth as networks that label pixels take it.

    class maps     for each class a map of the size of the net's output: how much of it is at each place
    [iseg]         rows of class and map, one for each instance, up to 90; a row with class -1 ends them

The maps of an instance are those of the original: for [iseg] the mask is seen in the window the image is seen in, and
then resized; class maps are sampled from the mask at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import groupby

import numpy as np

from darkpy.datasets.augment import Colours, View, Windows
from darkpy.datasets.masks import Mask, mask_path, read_masks
from darkpy.datasets.paths import ImageList
from darkpy.vision import image
from darkpy.vision.decode import read_image, to_float


@dataclass(frozen=True)
class Frame:
    """How an image of `size` (width, height) is seen in a net's input `w` x `h`: through a random `view`, or whole,
    letterboxed."""

    size: tuple[int, int]
    w: int
    h: int
    view: View | None = None

    def see(self, rgb: np.ndarray) -> np.ndarray:
        """The net's input (C, h, w) of uint8 (H, W, C)."""
        if self.view is None:
            return image.letterbox_uint8(rgb, self.w, self.h)
        return self.view.of(to_float(rgb), self.w, self.h)

    def sampled(self, plane: np.ndarray, shrink: int) -> np.ndarray:
        """The plane (1, H, W) in a map (1, h / shrink, w / shrink), 0 outside the image."""
        if self.view is None:
            return self.nearest(plane, shrink)
        return self.view.of(plane, self.w, self.h, shrink)

    def resized(self, plane: np.ndarray, shrink: int) -> np.ndarray:
        """As `sampled`, but seen at the input's size and then resized, with soft edges."""
        if self.view is None:
            return self.nearest(plane, shrink)
        return image.resize(self.view.of(plane, self.w, self.h), self.w // shrink, self.h // shrink)

    def nearest(self, plane: np.ndarray, shrink: int) -> np.ndarray:
        """The pixel of the image that each cell of the map stands for: as in `sampled`, cell i for the input's pixel
        i * shrink."""
        width, height = self.size
        inner_w, inner_h = image.letterbox_size(width, height, self.w, self.h)
        x = (np.arange(0, self.w, shrink) + 0.5 - (self.w - inner_w) // 2) * width / inner_w
        y = (np.arange(0, self.h, shrink) + 0.5 - (self.h - inner_h) // 2) * height / inner_h
        inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))
        rows, columns = (np.clip(v.astype(int), 0, n - 1) for v, n in ((y, height), (x, width)))
        return plane[:, rows][:, :, columns] * inside


@dataclass(frozen=True)
class ClassMaps:
    """Truth of a net that says of each pixel which classes are there."""

    classes: int
    shrink: int  # the input is so many times as wide as the map

    def numbers(self, w: int, h: int) -> int:
        return self.classes * (w // self.shrink) * (h // self.shrink)

    def fill(self, masks: list[Mask], frame: Frame, out: np.ndarray) -> None:
        out[:] = 0
        maps = out.reshape(self.classes, frame.h // self.shrink, frame.w // self.shrink)
        for k, same in groupby(sorted(masks, key=lambda mask: mask.class_id), lambda mask: mask.class_id):
            plane = reduce(np.maximum, (mask.plane(*frame.size) for mask in same))  # two at a time in memory
            maps[k] = frame.sampled(plane, self.shrink)[0]


@dataclass(frozen=True)
class Instances:
    """Truth of [iseg]."""

    classes: int
    shrink: int
    rows: int = 90

    def numbers(self, w: int, h: int) -> int:
        return self.rows * (1 + (w // self.shrink) * (h // self.shrink))

    def fill(self, masks: list[Mask], frame: Frame, out: np.ndarray) -> None:
        out[:] = 0
        table = out.reshape(self.rows, -1)
        for row, mask in zip(table, masks, strict=False):
            row[0], row[1:] = mask.class_id, frame.resized(mask.plane(*frame.size), self.shrink).reshape(-1)
        if len(masks) < self.rows:
            table[len(masks), 0] = -1


@dataclass(frozen=True)
class SegmentationSet:
    """Images of a list with the masks of their mask files.

    size     (h, w) of the net's input
    windows  how a window of an image is drawn; None: no chance at all, the image is letterboxed, as when it is used
    """

    images: ImageList
    truth: ClassMaps | Instances
    size: tuple[int, int]
    windows: Windows | None = None
    colours: Colours = Colours()

    @property
    def numbers(self) -> int:
        """Of truth for one image."""
        h, w = self.size
        return self.truth.numbers(w, h)

    def load(self, i: int, random: np.random.Generator, x: np.ndarray, truth: np.ndarray) -> None:
        """Fill x (C, h, w) and truth (numbers,) from image i.  Raises DataError for a bad image or mask file."""
        path = self.images.images[i]
        rgb = read_image(path, channels=len(x))
        size, (h, w) = (rgb.shape[1], rgb.shape[0]), self.size
        masks = read_masks(mask_path(path), self.truth.classes, size)
        view = View.draw(random, size, w, h, self.windows) if self.windows else None
        frame = Frame(size, w, h, view)
        x[...] = frame.see(rgb)
        if view:
            self.colours.distort(random, x)
        self.truth.fill(masks, frame, truth)

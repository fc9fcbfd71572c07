"""Detections in the files that the evaluation programs of VOC, COCO and ImageNet read, as the original's `valid` does.

    voc       <results>/comp4_det_test_<class>.txt: lines `image confidence left top right bottom`, pixels from 1
    coco      <results>/coco_results.json
    imagenet  <results>/imagenet-detection.txt: lines `number class confidence left top right bottom`, numbers from 1

Boxes are cut at the edges of the image.  Files are written when all images are done, each whole or not at all.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from darkpy.atomic import replacing
from darkpy.errors import DataError
from darkpy.result import Result
from darkpy.tasks.detect import COCO_IDS, coco_image_id, make_folder


class Results(Protocol):
    """A kind of files: gets all results, then writes."""

    def add(self, number: int, result: Result) -> None:
        """The result of the image that is `number` in the list, from 1."""

    def write(self) -> list[Path]:
        """Write all files and return them.  Raises DataError."""


class Voc:
    """One file for each class."""

    NAME = "comp4_det_test_"

    def __init__(self, folder: Path, stem: str, names: list[str]):
        files = [f"{stem or self.NAME}{name}.txt" for name in names]
        times = Counter(files)
        for name, file in zip(names, files, strict=True):
            if os.path.basename(file) != file or "\0" in file or times[file] > 1:
                raise DataError(f"the class {ascii(name[:40])} gives no name for a file of its own: rename it in the "
                                "list of names")
        self.paths = [folder / file for file in files]
        self.lines: list[list[str]] = [[] for _ in names]

    def add(self, number: int, result: Result) -> None:
        image = Path(result.path or "").stem
        for k, p, (left, top, right, bottom) in rows(result, 1):
            self.lines[k].append(f"{image} {p:f} {left:f} {top:f} {right:f} {bottom:f}\n")

    def write(self) -> list[Path]:
        for path, lines in zip(self.paths, self.lines, strict=True):
            write(path, "".join(lines))
        return self.paths


class Coco:
    """One file, a detection a line."""

    NAME = "coco_results"

    def __init__(self, folder: Path, stem: str, names: list[str]):
        self.path = folder / f"{stem or self.NAME}.json"
        self.ids = COCO_IDS if len(names) == len(COCO_IDS) else list(range(1, len(names) + 1))
        self.records: list[str] = []

    def add(self, number: int, result: Result) -> None:
        image = coco_image_id(result.path, number)
        for k, p, (left, top, right, bottom) in rows(result, 0):
            self.records.append(f'{{"image_id":{image}, "category_id":{self.ids[k]}, "bbox":[{left:f}, {top:f}, '
                                f'{right - left:f}, {bottom - top:f}], "score":{p:f}}}')

    def write(self) -> list[Path]:
        write(self.path, "[\n" + ",\n".join(self.records) + "\n]\n")
        return [self.path]


class Imagenet:
    """One file, images and classes by number."""

    NAME = "imagenet-detection"

    def __init__(self, folder: Path, stem: str, names: list[str]):
        self.path = folder / f"{stem or self.NAME}.txt"
        self.lines: list[str] = []

    def add(self, number: int, result: Result) -> None:
        for k, p, (left, top, right, bottom) in rows(result, 0):
            self.lines.append(f"{number} {k + 1} {p:f} {left:f} {top:f} {right:f} {bottom:f}\n")

    def write(self) -> list[Path]:
        write(self.path, "".join(self.lines))
        return [self.path]


KINDS: dict[str, Callable[[Path, str, list[str]], Results]] = {"voc": Voc, "coco": Coco, "imagenet": Imagenet}


def open_results(kind: str, folder: str, out: str | None, names: list[str]) -> Results:
    """A writer; `out` is what file names begin with, in place of the usual, and may hold another folder."""
    own, stem = os.path.split(out or "")
    return KINDS[kind](Path(own or folder), stem, names)


def rows(result: Result, first: int) -> list[tuple[int, float, list[float]]]:
    """Class, confidence, and edges cut at the image, whose first pixel is numbered `first`."""
    b = result.boxes
    edges = b.xyxy + np.float32(first)
    edges[:, :2] = np.maximum(edges[:, :2], first)
    edges[:, 2:] = np.minimum(edges[:, 2:], np.array(b.image_size, np.float32))
    return list(zip(b.class_id.tolist(), b.confidence.tolist(), edges.tolist(), strict=True))


def write(path: Path, text: str) -> None:
    make_folder(path.parent)
    with replacing(path, DataError) as file:
        file.write(text.encode())

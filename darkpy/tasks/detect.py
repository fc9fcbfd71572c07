"""Detection over many images: which images are meant, and what is written of the results.

Pictures go to one file or a folder, labels beside them, lists (JSON, CSV, COCO) to a stream.  No input is overwritten.
"""

from __future__ import annotations

import csv
import glob
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from darkpy.atomic import replacing
from darkpy.errors import DataError, UsageError
from darkpy.result import Result
from darkpy.segmenter import Segmentation
from darkpy.vision.textfile import read_lines

IMAGES = frozenset([".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".pnm", ".webp", ".tif", ".tiff",
                    ".tga"])
PICTURES = frozenset([".jpg", ".jpeg", ".png"])  # what can be written
# COCO numbers its 80 classes from 1 to 90, with gaps
COCO_GAPS = frozenset([12, 26, 29, 30, 45, 66, 68, 69, 71, 83])
COCO_IDS = [i for i in range(1, 91) if i not in COCO_GAPS]


# -- in -----------------------------------------------------------------------------------------------------------


def find_images(arguments: Iterable[str]) -> list[str]:
    """Paths of the images meant by files, folders, patterns with `*`, and .txt lists of paths.

    Files are not looked at: one that is missing is found out when it is read.  Raises DataError for an empty folder
    or pattern and for a list that cannot be read.
    """
    found: list[str] = []
    for text in arguments:
        if os.path.isdir(text):
            inside = sorted(p for p in os.listdir(text) if os.path.splitext(p)[1].lower() in IMAGES)
            if not inside:
                raise DataError(f"{text}: this folder holds no images (.jpg, .png ...): choose another")
            found += [os.path.join(text, name) for name in inside]
        elif glob.has_magic(text) and not os.path.exists(text):
            matching = sorted(p for p in glob.glob(text, recursive=True) if not os.path.isdir(p))
            if not matching:
                raise DataError(f"{text}: no file matches: check the pattern")
            found += matching
        elif text.lower().endswith(".txt"):
            listed = [line.strip() for line in read_lines(text, "a list of images") if line.strip()]
            if not listed:
                raise DataError(f"{text}: this list is empty: write one image path per line")
            found += listed
        else:
            found.append(text)
    return found


def is_images(word: str) -> bool:
    """Whether an argument means images and not a cfg, to judge by its name: see `find_images`; "-" is stdin."""
    ending = os.path.splitext(word)[1].lower()
    return word == "-" or ending in IMAGES or ending == ".txt" or os.path.isdir(word)


def check_outputs(outputs: Iterable[str], inputs: Iterable[str | None]) -> None:
    """UsageError where a file that will be written is also read, or is named for two things."""
    read = {os.path.realpath(path) for path in inputs if path}
    taken = set()
    for path in outputs:
        real = os.path.realpath(path)
        if real in read:
            raise UsageError(f"{path} is also read: give the results another name")
        if real in taken:
            raise UsageError(f"{path} is named for two results: give each its own file")
        taken.add(real)


# -- out: pictures and labels ---------------------------------------------------------------------------------------


class Targets:
    """Where the picture of each image goes: `out`, or by default predictions.jpg for one and predictions/ for many."""

    def __init__(self, out: str | None, many: bool):
        self.taken: set[str] = set()  # names in the folder
        self.inputs: set[str] = set()
        is_folder = out is not None and (out.endswith(("/", os.sep)) or os.path.isdir(out))
        ending = os.path.splitext(out or "")[1].lower()
        if many and ending in PICTURES and not is_folder:
            raise UsageError(f"-out {out} names one picture, but there are several images: name a folder")
        self.folder = Path(out or "predictions") if many or is_folder else None
        self.file = Path(out or "predictions.jpg")
        if ending not in PICTURES:
            self.file = Path(f"{out or 'predictions'}.jpg")

    def plan(self, images: list[str]) -> dict[str, Path]:
        """A target for each image, checked before anything is computed."""
        self.inputs = {os.path.realpath(path) for path in images}
        return {path: self.of(path) for path in dict.fromkeys(images)}

    def of(self, image: str) -> Path:
        """Target of one image.  UsageError where it is an input."""
        self.inputs.add(os.path.realpath(image))
        target = self.file
        if self.folder is not None:
            stem = name = Path(image).stem
            number = 1
            while name.lower() in self.taken:  # a/dog.jpg and b/dog.jpg
                number += 1
                name = f"{stem}_{number}"
            self.taken.add(name.lower())
            target = self.folder / f"{name}.jpg"
        if os.path.realpath(target) in self.inputs:
            raise UsageError(f"{target} is one of the images: choose another place for the results with -out")
        return target


def save_picture(result: Result | Segmentation, target: Path) -> None:
    """Write the result's plot, making its folder where needed.  Raises DataError."""
    make_folder(target.parent)
    result.save(target)


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise DataError(f"{folder}: this folder cannot be made: {(e.strerror or str(e)).lower()}: "
                        "choose another place") from None


def save_labels(result: Result, target: Path) -> None:
    """Write `class x y w h` lines as Darknet reads them for training.  An existing file stays: it may be the truth."""
    b = result.boxes
    rows = zip(b.class_id.tolist(), b.xywhn.tolist(), strict=True)
    save_lines([f"{k} " + " ".join(f"{v:.6f}" for v in box) for k, box in rows], target)


def save_lines(lines: list[str], target: Path) -> None:
    """Write labels or masks of an image.  DataError where the file exists."""
    if target.exists():
        raise DataError(f"{target}: exists already, and labels made by hand must not be lost: move it, "
                        "or name a folder with -out")
    make_folder(target.parent)
    with replacing(target, DataError) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


# -- out: lists -------------------------------------------------------------------------------------------------------


class JsonList:
    """An array of results, one a line, each with Darknet's frame_id."""

    def __init__(self, out: TextIO):
        self.out = out
        self.images = self.count = 0

    def records(self, result: Result) -> list[dict[str, Any]]:
        return [{"frame_id": self.images, **result.to_dict()}]

    def add(self, result: Result) -> None:
        self.images += 1
        for record in self.records(result):
            self.out.write(("[\n" if self.count == 0 else ",\n") + json.dumps(record, ensure_ascii=False))
            self.count += 1
        self.out.flush()

    def end(self) -> None:
        self.out.write("\n]\n" if self.count else "[]\n")


class CocoList(JsonList):
    """Detections as COCO's evaluation wants them; `bbox` is left, top, width, height in pixels."""

    def records(self, result: Result) -> list[dict[str, Any]]:
        b = result.boxes
        image_id = coco_image_id(result.path, self.images)
        is_coco = len(result.names) == len(COCO_IDS)
        return [
            {"image_id": image_id, "category_id": COCO_IDS[k] if is_coco else k + 1,
             "bbox": [round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)], "score": round(p, 6)}
            for k, p, (x1, y1, x2, y2) in zip(b.class_id.tolist(), b.confidence.tolist(), b.xyxy.tolist(), strict=True)
        ]


class CsvList:
    """One line for each detection, boxes in pixels."""

    def __init__(self, out: TextIO):
        self.out = out
        self.writer = csv.writer(out, lineterminator="\n")
        self.writer.writerow(["image", "class_id", "name", "confidence", "left", "top", "right", "bottom"])

    def add(self, result: Result) -> None:
        b = result.boxes
        for k, p, box in zip(b.class_id.tolist(), b.confidence.tolist(), b.xyxy.tolist(), strict=True):
            self.writer.writerow([result.path, k, result.names[k], f"{p:.6f}", *(f"{v:.2f}" for v in box)])
        self.out.flush()

    def end(self) -> None:
        self.out.flush()


def coco_image_id(path: str | None, number: int) -> int:
    """The number at the end of a file's name (COCO_val2014_000000000042.jpg is 42), else that of the image."""
    digits = re.search(r"(\d+)$", Path(path or "").stem)
    return int(digits[1][-18:]) if digits else number

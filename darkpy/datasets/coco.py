"""COCO: one JSON file for all images of a list.

    {"images": [{"id": 9, "file_name": "a.jpg", "width": 640, "height": 480}],
     "annotations": [{"image_id": 9, "category_id": 18, "bbox": [x, y, w, h], "iscrowd": 0}],
     "categories": [{"id": 18, "name": "dog"}]}

Classes are numbered in the order of their ids, which for COCO itself gives the 80 classes of data/coco.names.  What is
marked as a crowd counts as difficult.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from darkpy.datasets.annotations import Annotated, Box, Picture, class_name, image_file, number, refuse, side
from darkpy.errors import DataError
from darkpy.vision.textfile import PathLike, read_bytes, show

JSON_BYTES = 1 << 30


def load(path: PathLike) -> dict[str, Any]:
    """The three tables of a file.  Raises DataError: not JSON, or without them."""
    content = read_bytes(path, "annotations in JSON", JSON_BYTES)
    try:
        found = json.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except json.JSONDecodeError as e:
        raise DataError(f"{show(path)}:{e.lineno}: this is not JSON ({e.msg.lower()})") from None
    except (UnicodeDecodeError, RecursionError, ValueError):
        raise DataError(f"{show(path)}:1: this is not JSON in UTF-8 that can be read") from None
    for key in ("images", "annotations", "categories"):
        if not isinstance(found, dict) or not isinstance(found.get(key), list):
            raise DataError(f'{show(path)}:1: has no list "{key}", as COCO has it')
        for i, entry in enumerate(found[key]):
            if not isinstance(entry, dict):
                raise DataError(f"{show(path)}: {key}[{i}] is not an object in braces")
    return found


def key_of(value: object, what: str, place: str) -> int | str:
    """An id: a whole number or a text."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise DataError(f"{place}: {what} is missing or no id")
    return value


def read_one(path: PathLike, images: str, numbers: dict[str, int | str]) -> list[Picture]:
    """The images of one file; `numbers` collects the id of each class.  Raises DataError for all that is wrong."""
    tables, name = load(path), show(path)
    problems: list[str] = []
    classes: dict[int | str, str] = {}
    pictures: dict[int | str, Picture] = {}

    def entries(key: str) -> Iterable[tuple[dict[str, Any], str]]:
        return ((entry, f"{name}: {key}[{i}]") for i, entry in enumerate(tables[key]))

    for entry, place in entries("categories"):
        try:
            found = key_of(entry.get("id"), "id", place)
            classes[found] = class_name(entry.get("name"), place)
            numbers.setdefault(classes[found], found)
        except DataError as e:
            problems.append(str(e))
    for entry, place in entries("images"):
        try:
            found = key_of(entry.get("id"), "id", place)
            if found in pictures:
                raise DataError(f"{place}: id {ascii(found)[:40]} is that of an earlier image")
            pictures[found] = Picture(image_file(images, entry.get("file_name"), place), place,
                                      side(entry.get("width"), "width", place),
                                      side(entry.get("height"), "height", place))
        except DataError as e:
            problems.append(str(e))
    refuse(problems)
    for entry, place in entries("annotations"):
        try:
            image = key_of(entry.get("image_id"), "image_id", place)
            category = key_of(entry.get("category_id"), "category_id", place)
            if image not in pictures:
                raise DataError(f"{place}: image_id {ascii(image)[:40]} is not among the images")
            if category not in classes:
                raise DataError(f"{place}: category_id {ascii(category)[:40]} is not among the categories")
            frame = entry.get("bbox")
            if not isinstance(frame, list) or len(frame) != 4:
                raise DataError(f"{place}: bbox must be [x, y, width, height]")
            x, y, w, h = (number(value, "bbox", place) for value in frame)
            pictures[image].boxes.append(Box(classes[category], x, y, x + w, y + h, place,
                                             bool(entry.get("iscrowd", 0))))
        except DataError as e:
            problems.append(str(e))
    refuse(problems)
    return list(pictures.values())


def read(files: dict[str, tuple[PathLike, PathLike | None]]) -> Annotated:
    """For each list ("train", "valid") a file of annotations and the folder of its images.

    Without a folder the images are looked for beside the file.  Raises DataError.
    """
    numbers: dict[str, int | str] = {}
    lists = {name: read_one(path, os.fspath(images or Path(path).parent), numbers)
             for name, (path, images) in files.items()}
    order = sorted(numbers, key=lambda n: (isinstance(numbers[n], str), numbers[n]))
    return Annotated({name: pictures for name, pictures in lists.items() if pictures}, order)

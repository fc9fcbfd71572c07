"""Annotations of other programs, read into one form from which label files are written: see voc, coco and tables."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field

from darkpy.errors import DataError
from darkpy.vision.decode import image_size
from darkpy.vision.textfile import show

MAX_SIDE = 1 << 20  # pixels


@dataclass(frozen=True)
class Box:
    """One object: its class's name, edges in pixels of the image, and where that is written ("file:line")."""

    name: str
    left: float
    top: float
    right: float
    bottom: float
    place: str
    difficult: bool = False


@dataclass
class Picture:
    """One image: the file, width and height as the annotation gives them (0: unknown), its boxes or its class."""

    path: str
    place: str
    width: int = 0
    height: int = 0
    boxes: list[Box] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)  # names of its classes, where there are no boxes but these

    def size(self) -> tuple[int, int]:
        """Width and height, from the image where the annotation is silent.  Raises DataError."""
        return (self.width, self.height) if self.width and self.height else image_size(self.path)


@dataclass
class Annotated:
    """All that was read: the images of each list ("train", "test"), and class names where the format orders them."""

    lists: dict[str, list[Picture]]
    names: list[str] = field(default_factory=list)

    def pictures(self) -> list[Picture]:
        """Each image once, in the order of the lists."""
        return list({picture.path: picture for pictures in self.lists.values() for picture in pictures}.values())


def row(box: Box, width: int, height: int) -> tuple[float, float, float, float] | None:
    """x, y, w, h (centre and size, fractions) of the part of the box inside the image; None where nothing is."""
    left, right = (min(max(edge, 0.0), float(width)) for edge in (box.left, box.right))
    top, bottom = (min(max(edge, 0.0), float(height)) for edge in (box.top, box.bottom))
    if not (right > left and bottom > top):
        return None
    return ((left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height)


def number(text: object, what: str, place: str) -> float:
    """A finite number; DataError names the place."""
    try:
        if isinstance(text, bool) or (isinstance(text, str) and len(text) > 50):
            raise ValueError
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value) or abs(value) > 1e9:
        raise DataError(f"{place}: {what} {ascii(text)[:40]} is not a number: give a place in the image, in pixels")
    return value


def side(text: object, what: str, place: str) -> int:
    """A width or height; 0 where there is none (empty, or 0 as some tools write it)."""
    if text is None or text == "":
        return 0
    value = number(text, what, place)
    if not 0 <= value <= MAX_SIDE or value != int(value):
        raise DataError(f"{place}: {what} {ascii(text)[:40]} is not a size: give a whole number of pixels")
    return int(value)


def class_name(text: object, place: str) -> str:
    """A name that fits into a line of a .names file."""
    name = " ".join(text.split()) if isinstance(text, str) else ""
    if not name or len(name) > 200 or not name.isprintable():
        raise DataError(f"{place}: {ascii(text)[:40]} is no name for a class: give it one")
    return name


def image_file(folder: str, name: object, place: str) -> str:
    """The image of that name below a folder, or named by an absolute path; DataError where it is not there."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise DataError(f"{place}: {ascii(name)[:60]} is no name of an image: give that of a file")
    path = os.path.join(folder, name.strip())
    if not os.path.isfile(path):
        raise DataError(f"{place}: {show(path)}: no such image: check the name and the folder of images")
    return path


def refuse(problems: list[str], limit: int = 50) -> None:
    """DataError with a line for each problem, if there are any."""
    lines = list(dict.fromkeys(problems))
    if len(lines) > limit:
        lines[limit:] = [f"and {len(lines) - limit} more problems of this kind"]
    if lines:
        raise DataError("\n".join(lines))

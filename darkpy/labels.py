"""Which names the classes of a network have."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from darkpy import datafile, shipped
from darkpy.errors import DataError
from darkpy.vision.names import read_names

# the lists of the data sets the published networks were trained on, by number of classes
KNOWN = {20: "voc.names", 80: "coco.names", 601: "openimages.names", 9418: "9k.names",
         1000: "imagenet.shortnames.list", 21842: "imagenet.shortnames.list"}

Names = str | os.PathLike[str] | Sequence[str] | None


def class_names(names: Names, cfg: str | os.PathLike[str] | None, classes: int) -> list[str]:
    """`classes` names: those given (a list, a file of names, a .data file), else `<cfg>.names` beside the cfg, else
    the list of the data set with so many classes, else "class 0", "class 1" ...

    Raises DataError where a list that was asked for is missing or too short.
    """
    if names is not None and not isinstance(names, (str, os.PathLike)):
        return enough(list(names), "names", classes)
    if names is not None:
        path = Path(names)
        if path.suffix not in (".data", ".dataset"):
            return enough(read_names(path), str(path), classes)
        listed = named_in(path)
        if listed is not None:
            return enough(read_names(listed), str(listed), classes)
    own = Path(cfg).with_suffix(".names") if cfg else None
    if own and own.is_file():
        return enough(read_names(own), str(own), classes)
    if classes in KNOWN:
        for folder in folders(cfg):
            path = folder / KNOWN[classes]
            if path.is_file():
                logging.getLogger("darkpy").info(f"class names from {path}, as the net has {classes} classes")
                return enough(read_names(path), str(path), classes)
    return [f"class {i}" for i in range(classes)]


def enough(names: list[str], place: str, classes: int) -> list[str]:
    if len(names) < classes:
        found = f"{len(names)} name{'s' if len(names) > 1 else ''}"
        raise DataError(f"{place}: {found}, but the net has {classes} classes: give one name for each")
    return names[:classes]


def named_in(path: Path) -> Path | None:
    """The file of names a .data file points to."""
    data = datafile.read(path, lax=True)
    for warning in data.warnings:
        logging.getLogger("darkpy").warning(warning)
    for key in ("names", "labels"):
        if getattr(data.config, key):
            return data.find(key)
    return None


def folders(cfg: str | os.PathLike[str] | None) -> Iterator[Path]:
    """Where the known lists may lie: beside the cfg, in data beside its folder, in ./data, in this checkout, and where
    pip put them."""
    if cfg:
        yield Path(cfg).parent
        yield Path(cfg).parent.parent / "data"
    yield Path("data")
    for root in shipped.roots():
        yield root / "data"

"""The .data file: which lists, names and folders belong to a data set.

    classes=20
    train=data/voc/train.txt      # one image path per line
    valid=data/voc/2007_test.txt
    names=data/voc.names
    backup=backup/
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from darkpy import cfg
from darkpy.cfg import opt
from darkpy.errors import DataError

FILES = ("train", "valid", "test", "names", "labels", "map", "tree", "leaves", "difficult")


@dataclass
class DataConfig:
    """The keys of the original (and `difficult` of a fork); "" and None where a file does not give them."""

    classes: int | None = opt(None, low=1, high=1 << 17)
    train: str = opt("")  # list of images to learn from
    valid: str = opt("")  # list of images to measure on
    test: str = opt("")
    names: str = opt("")  # names of the classes, one per line
    labels: str = opt("")  # for classifiers: what to look for in an image's path
    map: str = opt("")  # class of the net for each class of the data set
    tree: str = opt("")
    leaves: str = opt("")
    difficult: str = opt("")
    backup: str = opt("backup")  # folder for weights (the original takes /backup/)
    results: str = opt("results")  # folder for detections
    eval: str = opt("voc")  # which form of results
    top: int = opt(1, low=1)  # a classifier's answer counts as right among the first `top`
    tag: int = opt(0)


@dataclass(frozen=True)
class DataFile:
    """A .data file that was read: its options, and where each of them stands."""

    section: cfg.Section
    config: DataConfig
    warnings: list[str]

    @property
    def path(self) -> Path:
        return Path(self.section.path)

    def find(self, key: str) -> Path:
        """The existing file or folder an option names.  DataError where the option or the file is missing."""
        value = getattr(self.config, key)
        if not value:
            raise DataError(f"{cfg.show(self.path)}: no {key}= is given: it must name a file")
        found = resolve(value, self.path)
        if not os.path.exists(found):
            raise DataError(f"{self.section.place(key)}: {key}={cfg.clip(value)}: no such file, neither here nor "
                            "beside this .data file: check the path")
        return found


def local(name: str) -> str:
    """A path as this system writes it: lists made on Windows have backslashes, which elsewhere belong to a name."""
    return name if os.sep == "\\" or "\\" not in name or os.path.exists(name) else name.replace("\\", "/")


def resolve(value: str, data: Path) -> Path:
    """A path that stands in a .data file: as it is, else beside that file, else below its parent folder."""
    value = local(value)
    for place in (Path(value), data.parent / value, data.parent.parent / value):
        if os.path.exists(place):  # unlike Path.exists, no exception for a name the system cannot hold
            return place
    return Path(value)


def read(path: str | Path, lax: bool = False) -> DataFile:
    """A .data file with its options checked.  DataError names all that are wrong; `lax` lets unknown keys pass."""
    data, problems = examine(path, lax)
    if problems:
        raise DataError("\n".join(problems))
    return data


def examine(path: str | Path, lax: bool = False) -> tuple[DataFile, list[str]]:
    """What `read` does, but problems are returned.  DataError only where the file cannot be read at all."""
    section = cfg.read_options(path)
    config, problems, warnings = cfg.bind(section, DataConfig)
    problems = [p.replace("[data] ", "", 1) for p in problems]
    warnings = [w.replace("[data] ", "", 1) for w in warnings]
    if lax:
        warnings += [p for p in problems if ": unknown key" in p]
        problems = [p for p in problems if ": unknown key" not in p]
    return DataFile(section, config, warnings), problems

"""Annotations of VOC, COCO or CSV made into a data set that darkpy and the original Darknet train on:

    OUT/images/007.jpg      links to the images (or copies)
    OUT/labels/007.txt      class x y w h for each object; for classes of whole images, their numbers
    OUT/train.txt ...       lists of the images
    OUT/OUT.names, OUT/OUT.data

The folder appears complete or not at all.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from darkpy.atomic import check_new_folder, new_folder
from darkpy.datasets import cifar
from darkpy.datasets.annotations import Annotated, Box, Picture, refuse, row
from darkpy.datasets.paths import FOLDERS
from darkpy.errors import DataError, UsageError
from darkpy.vision.decode import write_image
from darkpy.vision.names import read_names
from darkpy.vision.textfile import show

TRAIN = ("trainval", "train")  # which list to learn from, the first there is
VALID = ("test", "valid", "val")  # and to measure on


@dataclass(frozen=True)
class Options:
    """How to convert.

    names      the classes in this order; objects of others are left out.  None: all, in the order the format gives, or
               alphabetically
    difficult  "drop" leaves out objects marked as difficult, "keep" treats them as others
    copy       copy images instead of linking to them
    relative   lists name images relative to themselves, so that the folder can be moved (with `copy`); the original
               program needs the working folder to be that of the list then
    valid      where there is one list only: the share of its images that becomes the list "valid"
    seed       for choosing them
    """

    names: list[str] | None = None
    difficult: str = "drop"
    copy: bool = False
    relative: bool = False
    valid: float = 0.0
    seed: int = 0


@dataclass
class Converted:
    """What was written, and what was left out."""

    data: Path
    lists: dict[str, int]
    names: list[str]
    objects: Counter[str]  # by class
    train: str
    test: str | None
    left_out: Counter[str] = field(default_factory=Counter)  # reason -> objects

    @property
    def misleading(self) -> str | None:
        """A word in the folder's path that leads the original Darknet astray, which replaces it by "labels"."""
        return next((word for word in FOLDERS if word in str(self.data.parent.absolute())), None)


def convert(found: Annotated, out: str | Path, options: Options) -> Converted:
    """Write the folder `out`, which must not exist yet or be empty.  Raises DataError, UsageError."""
    out = Path(out)
    check_new_folder(out)
    if options.valid:
        split(found, options)
    names = options.names or found.names or sorted({n for p in found.pictures() for n in names_in(p)})
    if not names:
        raise DataError("there is not one object to learn: nothing is written")
    lists = {name: len(pictures) for name, pictures in found.lists.items()}
    train = next((name for name in TRAIN if name in lists), next(iter(lists)))
    test = next((name for name in VALID if name in lists and name != train), None)
    result = Converted(out / f"{out.name}.data", lists, names, Counter(), train, test)
    with new_folder(out) as temporary:
        write(found, temporary, out.absolute(), options, result)
    return result


def names_in(picture: Picture) -> list[str]:
    return [box.name for box in picture.boxes] + picture.tags


def split(found: Annotated, options: Options) -> None:
    """Take a random share of the only list for "valid"."""
    if len(found.lists) != 1:
        raise UsageError(f"there are lists for {', '.join(found.lists)} already: leave --valid-share out")
    (name, pictures), = found.lists.items()
    count = round(len(pictures) * options.valid)
    if not 0 < count < len(pictures):
        raise UsageError(f"--valid-share {options.valid:g} of {len(pictures)} images leaves none for one of the lists")
    chosen = set(np.random.default_rng(options.seed).choice(len(pictures), count, replace=False).tolist())
    found.lists = {name: [p for i, p in enumerate(pictures) if i not in chosen],
                   "valid": [p for i, p in enumerate(pictures) if i in chosen]}


def write(found: Annotated, folder: Path, final: Path, options: Options, result: Converted) -> None:
    """Fill `folder`, which will be moved to `final`."""
    pictures = found.pictures()
    numbers = {name: i for i, name in enumerate(result.names)}
    problems: list[str] = []
    places = places_of(pictures)
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    for picture in pictures:
        place = places[picture.path]
        try:
            text = label_text(picture, numbers, options, result)
        except DataError as e:
            problems.append(str(e))
            continue
        label = (folder / "labels" / place).with_suffix(".txt")
        target = folder / "images" / place
        for path in (label, target):
            path.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(text)
        put(Path(picture.path).absolute(), target, options.copy)
    refuse(problems)
    base = Path() if options.relative else final
    for name, listed in found.lists.items():
        (folder / f"{name}.txt").write_text("".join(f"{base / 'images' / places[p.path]}\n" for p in listed))
    (folder / f"{final.name}.names").write_text("".join(f"{name}\n" for name in result.names))
    tagged = any(p.tags for p in pictures)
    (folder / f"{final.name}.data").write_text(
        data_text(base, final.name, len(result.names), result.train, result.test, tagged))


def data_text(base: Path, name: str, classes: int, train: str | None, valid: str | None, tagged: bool = False) -> str:
    """The .data file of a data set `name` in the folder `base`; `train` and `valid` are its lists."""
    lists = {"train": train, "valid": valid}
    lines = [f"classes={classes}", *(f"{key}={base / listed}.txt" for key, listed in lists.items() if listed)]
    lines.append(f"names={base / name}.names")
    if tagged:  # for classifiers: the classes of an image stand in its label file
        lines.append("tag=1")
    return "\n".join([*lines, "backup=backup", ""])


def places_of(pictures: list[Picture]) -> dict[str, str]:
    """Where each image goes below images/: under its own name, which gets a number where two would share a label."""
    places: dict[str, str] = {}
    taken: set[str] = set()
    for picture in pictures:
        stem, ending = os.path.splitext(os.path.basename(picture.path))
        for word in (*FOLDERS, ".jpg", ".png", ".JPG", ".JPEG"):
            stem = stem.replace(word, "_")  # what the original would replace in the middle of the name
        name, k = stem, 1
        while name.lower() in taken:
            k += 1
            name = f"{stem}_{k}"
        taken.add(name.lower())
        # the original knows no other endings, and in them only these spellings; the content tells what it is
        ending = ending if ending in (".jpg", ".png", ".JPG", ".JPEG") else ".jpg"
        places[picture.path] = name + ending
    return places


def label_text(picture: Picture, numbers: dict[str, int], options: Options, result: Converted) -> str:
    """The lines of a label file; counts what is in them, and what is not."""
    lines = []
    for name in dict.fromkeys(picture.tags):
        if name in numbers:
            lines.append(f"{numbers[name]}\n")
            result.objects[name] += 1
        else:
            result.left_out["of other classes"] += 1
    boxes = [box for box in picture.boxes if keeps(box, numbers, options, result)]
    width, height = picture.size() if boxes else (1, 1)
    for box in boxes:
        values = row(box, width, height)
        if values is None:
            result.left_out["without area inside the image"] += 1
            continue
        lines.append(f"{numbers[box.name]} {' '.join(f'{v:.9g}' for v in values)}\n")
        result.objects[box.name] += 1
    return "".join(dict.fromkeys(lines))


def keeps(box: Box, numbers: dict[str, int], options: Options, result: Converted) -> bool:
    if box.name not in numbers:
        result.left_out["of other classes"] += 1
        return False
    if box.difficult and options.difficult == "drop":
        result.left_out["marked as difficult"] += 1
        return False
    return True


def put(source: Path, target: Path, copy: bool) -> None:
    """Link `target` to an image, or copy it where the system makes no links."""
    if not copy:
        try:
            target.symlink_to(source)
            return
        except (OSError, NotImplementedError):
            pass
    shutil.copyfile(source, target)


def names_from(path: str | Path) -> list[str]:
    """The classes of a .names file, each once."""
    names = [name for name in read_names(path) if name]
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise DataError(f"{show(path)}: the class {ascii(double[0])} is listed twice")
    return names


def convert_cifar(folder: str | Path, out: str | Path) -> tuple[Path, dict[str, int]]:
    """Images and lists of the binary files of CIFAR-10; the .data file, and how many images each list has.

    As in the original's `cifar extract`, an image's number and class are its name.  Raises DataError, UsageError.
    """
    out = Path(out)
    check_new_folder(out)
    found, names = cifar.files(folder), cifar.class_names(folder)
    counts: dict[str, int] = {}
    with new_folder(out) as temporary:
        for use, paths in found.items():
            images = temporary / "images" / use
            images.mkdir(parents=True)
            listed: list[str] = []
            for k, rgb in (record for path in paths for record in cifar.read(path, len(names))):
                name = f"{len(listed)}_{names[k]}.png"
                write_image(images / name, rgb)
                listed.append(f"{out.absolute() / 'images' / use / name}\n")
            (temporary / f"{use}.txt").write_text("".join(listed))
            counts[use] = len(listed)
        (temporary / "labels.txt").write_text("".join(f"{name}\n" for name in names))
        base = out.absolute()
        lines = [f"classes={len(names)}", f"train={base}/train.txt", f"labels={base}/labels.txt", "backup=backup"]
        if counts["test"]:
            lines.insert(2, f"valid={base}/test.txt")
        (temporary / f"{out.name}.data").write_text("\n".join([*lines, ""]))
    return out / f"{out.name}.data", counts

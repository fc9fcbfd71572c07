"""Which files belong to a data set: the images of a list, and the label file of each image.

The original finds labels by replacing words in an image's path, wherever they stand in it:

    data/voc/JPEGImages/007.jpg   ->   data/voc/labels/007.txt
    set/images/train/a.png        ->   set/labels/train/a.txt

so that a folder like /home/images2/ leads it astray.  Here the same is tried first, then the replacement of the last
folder of that name only, then a file beside the image.  What exists first is taken.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from darkpy.datafile import DataFile, local
from darkpy.errors import DataError
from darkpy.vision.textfile import PathLike, read_lines, show

LIST_BYTES = 1 << 30
FOLDERS = ("images", "JPEGImages", "raw")  # in this order the original replaces each by "labels", once
ENDINGS = (".jpg", ".png", ".JPG", ".JPEG")  # and each of these by ".txt"


@dataclass(frozen=True)
class ImageList:
    """Images named in a list file: their paths, and the line of each."""

    path: str
    images: list[str]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.images)

    def place(self, i: int) -> str:
        """`list:line` of an image, for messages."""
        return f"{show(self.path)}:{self.lines[i]}"


def read_list(path: PathLike) -> ImageList:
    """The images of a list file, one path per line.  A relative path counts from the working folder, as in the
    original, else from the list's own folder or the one above.

    Raises DataError for a list that cannot be read or is empty.  Whether the images exist is not checked.
    """
    path = os.fspath(path)
    images, numbers = [], []
    folders = (os.path.dirname(path), os.path.join(os.path.dirname(path), os.pardir))
    for number, line in enumerate(read_lines(path, "a list of images", LIST_BYTES), 1):
        name = local(line.strip())
        if name:
            images.append(name if os.path.isabs(name) else beside(name, folders))
            numbers.append(number)
    if not images:
        raise DataError(f"{show(path)} is empty: write one image path per line")
    return ImageList(path, images, numbers)


def beside(name: str, folders: tuple[str, ...]) -> str:
    """A relative path as it is, or below the first of the folders in which it exists."""
    if os.path.exists(name):
        return name
    for folder in folders:
        joined = os.path.normpath(os.path.join(folder, name))
        if os.path.exists(joined):
            return joined
    return name


def images_of(data: DataFile, key: str) -> ImageList:
    """The images that `train=` or `valid=` of a .data file leads to.  Raises DataError."""
    return read_list(data.find(key))


def label_path(image: PathLike, folder: str = "labels") -> str:
    """The label file of an image: the first candidate that exists, else where it ought to be."""
    candidates = label_candidates(os.fspath(image), folder)
    return next((path for path in candidates if os.path.isfile(path)), candidates[1])


def label_candidates(image: str, folder: str = "labels") -> list[str]:
    """Where the label file of an image may lie: the original's place, the last folder replaced, beside the image.

    `folder`: what its folder is called; masks are in others than labels.
    """
    name = os.path.splitext(image)[0]
    named = to_txt(image)
    first = named
    for word in FOLDERS:
        first = first.replace(word, folder, 1)
    parts = named.split("/")
    for k in range(len(parts) - 2, -1, -1):
        if parts[k] in FOLDERS:
            parts[k] = folder
            break
    return [first, "/".join(parts), f"{name}.txt"]


def to_txt(image: str) -> str:
    """The path with the image's ending made .txt: as the original does it, or for endings it does not know, too."""
    name = image
    for ending in ENDINGS:
        name = name.replace(ending, ".txt", 1)
    return name if name.endswith(".txt") else f"{os.path.splitext(image)[0]}.txt"

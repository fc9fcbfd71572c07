"""Class names (`coco.names`: one per line) and class maps (`coco9k.map`: one number per line)."""

from __future__ import annotations

import numpy as np

from darkpy.errors import DataError
from darkpy.vision.textfile import PathLike, read_lines, show

MAX_CLASSES = 1_000_000


def read_names(path: PathLike) -> list[str]:
    """The class names of a file, the first line being class 0.

    Blanks around a name are dropped.  A blank line in the middle counts as a class with an empty name, as in Darknet,
    because the numbers of all later classes depend on it; blank lines at the end are dropped.
    Raises DataError: the file is missing, empty, not UTF-8, or unreasonably large.
    """
    names = [line.strip() for line in read_lines(path, "a list of names")]
    if not names:
        raise DataError(f"{show(path)}: holds no names; write one class name per line")
    if len(names) > MAX_CLASSES:
        raise DataError(f"{show(path)}: {len(names)} names, more than the {MAX_CLASSES} a list may have")
    return names


def read_map(path: PathLike, limit: int | None = None) -> np.ndarray:
    """The numbers of a map file as int32 (n,): line i names the tree node (or class) that class i stands for.

    `limit`, where given, is the number of nodes: every entry must be below it.
    Raises DataError naming file and line of the first entry that is not a whole number in range.
    """
    top = 2**31 if limit is None else limit
    numbers = []
    for number, line in enumerate(read_lines(path, "a class map"), start=1):
        text = line.strip()
        # isdecimal() also accepts the digits of other scripts, hence isascii(); ten digits bound the conversion.
        value = int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else -1
        if not 0 <= value < top:
            found = ascii(text[:40])
            raise DataError(f"{show(path)}:{number}: {found} must be a whole number from 0 to {top - 1}")
        numbers.append(value)
    if not numbers:
        raise DataError(f"{show(path)}: holds no numbers; write one per line")
    return np.array(numbers, dtype=np.int32)

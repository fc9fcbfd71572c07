"""Label files of detection: a line `class x y w h` for each object, centre and size as fractions of the image.

The original stops at the first line it cannot read and says nothing; what follows is lost.  Here such a line is a
problem, with its place.  A label at x = y = 0 has no box: it says that the class is somewhere in the image (YOLO9000).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from darkpy.errors import DataError
from darkpy.vision.textfile import PathLike, read_lines, show

LABEL_BYTES = 1 << 24
MAX_BOXES = 1 << 16  # of one image
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
SLACK = 0.001  # by which rounding may carry a number past 1


@dataclass(frozen=True)
class Problem:
    """What is wrong with a line of a label file; `kind` is "format", "class", "range" or "size"."""

    line: int
    kind: str
    text: str


@dataclass(frozen=True)
class Labels:
    """A label file that was read: good rows (n, 5), the line of each, and what is wrong with the others."""

    rows: np.ndarray
    lines: list[int]
    problems: list[Problem]


def read_labels(path: PathLike, classes: int) -> np.ndarray:
    """The labels of a file as float32 (n, 5), boxes without area left out.

    Raises DataError for a file that is missing or unreadable, and with a line for each line that is no label.
    """
    found = scan_labels(path, classes)
    bad = [p for p in found.problems if p.kind != "size"]
    if bad:
        more = f" (and {len(bad) - 1} more problems in this file)" if len(bad) > 1 else ""
        raise DataError(f"{show(path)}:{bad[0].line}: {bad[0].text}{more}")
    return found.rows


def scan_labels(path: PathLike, classes: int) -> Labels:
    """All that is right and wrong in a label file.  DataError where it cannot be read at all."""
    rows: list[tuple[float, ...]] = []
    lines: list[int] = []
    problems: list[Problem] = []
    for number, line in enumerate(read_lines(path, "a label file", LABEL_BYTES), 1):
        words = line.split()
        if not words:
            continue
        if len(rows) + len(problems) >= MAX_BOXES:
            problems.append(Problem(number, "format", f"more than {MAX_BOXES} labels for one image"))
            break
        problem = problem_of(words, classes)
        if problem:
            problems.append(Problem(number, *problem))
        else:
            rows.append(tuple(float(word) for word in words))
            lines.append(number)
    return Labels(np.array(rows, np.float32).reshape(-1, 5), lines, problems)


def problem_of(words: list[str], classes: int) -> tuple[str, str] | None:
    """Kind and text of what is wrong with the words of a line."""
    if len(words) != 5:
        if len(re.split(r"[,;]+", ",".join(words).strip(",;"))) == 5:
            return "format", "there must be blanks between its numbers, no commas or semicolons"
        return "format", f"{len(words)} numbers: a label has 5, class x y w h"
    for word in words:
        if len(word) > 40 or not NUMBER.fullmatch(word):
            return "format", f"{ascii(word[:40])} is not a number"
    number, *box = (float(word) for word in words)
    if not number.is_integer() or not 0 <= number < classes:
        return "class", f"class {words[0]} is not among 0 to {classes - 1}"
    x, y, w, h = box
    if not all(math.isfinite(v) for v in box) or not (0 <= x <= 1 + SLACK and 0 <= y <= 1 + SLACK):
        return "range", f"centre {words[1]} {words[2]} is outside the image: x and y are fractions, 0 to 1"
    if not (0 <= w <= 1 + SLACK and 0 <= h <= 1 + SLACK):
        return "range", f"size {words[3]} {words[4]} is not that of a box in the image: w and h are fractions, 0 to 1"
    if (w == 0 or h == 0) and not x == y == 0:
        return "size", f"a box of size {words[3]} {words[4]} has no area"
    return None

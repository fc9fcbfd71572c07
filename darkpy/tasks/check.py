"""Everything that is wrong with a data set, found before training by reading every image and every label.

    error    what training cannot use: a missing image, a label that is none
    warning  what it can use, but hardly as meant: the same image twice, a box that will be dropped
    hint     what may be as it should: classes without objects, images of unusual size
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from darkpy import datafile
from darkpy.build import Graph
from darkpy.datasets.classification import ByFile, ByPath, check_labels
from darkpy.datasets.labels import scan_labels
from darkpy.datasets.masks import mask_path, read_masks
from darkpy.datasets.paths import ImageList, label_path, read_list
from darkpy.datasets.training import is_segmenter
from darkpy.errors import DataError
from darkpy.jit import threads_allowed
from darkpy.tasks import lint
from darkpy.vision.decode import read_image
from darkpy.vision.names import read_names
from darkpy.vision.textfile import show

LISTS = ("train", "valid", "test")
LEVELS = ("error", "warning", "hint")
AHEAD = 32  # images under way
DROPPED = 0.001  # of the image: training leaves out boxes with a smaller side
THIN = 25  # times as long as wide
OUTSIDE = 0.01  # of the image: how far a box may reach beyond it without a word
ODD = 4  # times the usual size of an image
SMALL = 3.0  # pixels of the net's input

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Finding:
    """One thing that was found; `place` is a file, mostly with a line, and `kind` a word or two for tables."""

    level: str
    kind: str
    place: str
    text: str

    def __str__(self) -> str:
        note = "" if self.level == "error" else f" ({self.level})"
        return f"{self.place}: {self.text}{note}"


@dataclass
class Report:
    """All findings, and what the data set is made of."""

    path: str
    findings: list[Finding] = field(default_factory=list)
    images: dict[str, int] = field(default_factory=dict)  # of each list
    objects: Counter[int] = field(default_factory=Counter)  # by class
    names: list[str] = field(default_factory=list)
    empty: int = 0  # images without objects
    classifier: bool = False

    def add(self, level: str, kind: str, place: str, text: str) -> None:
        self.findings.append(Finding(level, kind, place, text))

    def count(self, level: str) -> int:
        return sum(f.level == level for f in self.findings)

    def name(self, number: int) -> str:
        return self.names[number] if number < len(self.names) else f"class {number}"


@dataclass
class Seen:
    """What one image and its labels are."""

    key: str
    number: int  # in its list
    digest: bytes = b""
    size: tuple[int, int] = (0, 0)
    rows: np.ndarray = field(default_factory=lambda: np.zeros((0, 5), np.float32))
    classes: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


class Checker:
    """Iterate over it to check image after image; the findings are in `report` then.  `len` is their number.

    graph  the net to be trained, if known
    Raises DataError where the .data file itself cannot be used.
    """

    def __init__(self, path: str | Path, graph: Graph | None = None, lax: bool = False):
        self.report = Report(str(path))
        self.graph = graph
        self.data, problems = datafile.examine(path, lax)
        for problem in problems:
            self.tell("error", problem)
        for warning in self.data.warnings:
            self.tell("warning", warning)
        self.check_files()
        config = self.data.config
        heads = lint.heads_of(graph) if graph else []
        self.masks = graph is not None and is_segmenter(graph, self.data)
        self.report.classifier = bool(config.labels or config.tag) if graph is None else not (heads or self.masks)
        self.input = graph.input_shape if graph else None
        self.rows = max((getattr(head.config, "max", 0) for head in heads), default=0)
        self.classes = config.classes or len(self.report.names) or 1
        self.labels = self.how_to_label()
        self.lists: dict[str, ImageList] = {}
        for key in LISTS:
            if getattr(config, key):
                try:
                    self.lists[key] = read_list(self.data.find(key))
                except DataError as e:
                    self.report.add("error", "list", self.data.section.place(key), str(e))
        if not any(getattr(config, key) for key in LISTS):
            self.report.add("error", "list", show(path), "neither train= nor valid= is given: name a list of images")
        self.report.images = {key: len(images) for key, images in self.lists.items()}
        self.jobs = self.different()

    def __len__(self) -> int:
        return len(self.jobs)

    def tell(self, level: str, line: str) -> None:
        """Add a message that begins with its place."""
        place, _, text = line.partition(": ")
        self.report.add(level, ".data file", place, text)

    # -- the files of the data set -----------------------------------------------------------------------------------

    def check_files(self) -> None:
        """Names, maps and trees, and what the net says to the number of classes."""
        found = lint.Report(self.report.path, data=self.data)
        for key in datafile.FILES:
            if getattr(self.data.config, key) and key not in LISTS:
                try:
                    lint.check_file(self.data, key, found)
                except DataError as e:
                    found.errors.append(lint.at(self.data, key, str(e)))
        if self.graph:
            found.errors += lint.compare(self.data, self.graph)
        for line in found.errors:
            self.tell("error", line)
        for line in found.warnings:
            self.tell("warning", line)
        for key in ("names", "labels"):
            if getattr(self.data.config, key) and not self.report.names:
                try:
                    self.report.names = read_names(self.data.find(key))
                except DataError:  # told already
                    continue
        if not self.data.config.classes and not self.report.names:
            self.report.add("error", ".data file", show(self.report.path), "no classes= is given")

    def how_to_label(self) -> ByPath | ByFile | None:
        """For classifiers, how classes are found."""
        config = self.data.config
        if not self.report.classifier:
            return None
        if config.tag:
            return ByFile(self.classes)
        try:
            path = self.data.find("labels")
            labels = read_names(path)[: self.classes]
            check_labels(labels, show(path))
            return ByPath(labels)
        except DataError as e:
            self.report.add("error", "labels", self.data.section.place("labels"), str(e))
            return None

    def different(self) -> list[tuple[str, int]]:
        """(list, number) of each image once; tells of those that are listed again."""
        first: dict[str, tuple[str, int]] = {}
        files: dict[str, str] = {}
        for key, images in self.lists.items():
            same = files.setdefault(os.path.realpath(images.path), key)
            if same != key:
                self.report.add("warning", "in two lists", self.data.section.place(key),
                                f"{key}= names the list of {same}=: what is learned from should not be measured on")
                continue
            for i, path in enumerate(images.images):
                other = first.setdefault(os.path.realpath(path), (key, i))
                if other != (key, i):
                    place = self.lists[other[0]].place(other[1])
                    self.again((key, i), other, f"{show(path)} stands in {place} already")
        return list(first.values())

    def again(self, mine: tuple[str, int], other: tuple[str, int], text: str) -> None:
        """An image that was there before, in the same list or in another."""
        kind = "same image"
        if mine[0] != other[0]:
            kind, text = "in two lists", f"{text}, in {other[0]}=: what is learned from should not be measured on"
        self.report.add("warning", kind, self.lists[mine[0]].place(mine[1]), text)

    # -- image after image -------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[None]:
        self.sizes: list[tuple[int, int]] = []
        self.places: list[str] = []
        self.boxes: list[np.ndarray] = []
        first: dict[bytes, tuple[str, int]] = {}
        for seen in in_threads(self.look, self.jobs, threads_allowed()):
            job, place = (seen.key, seen.number), self.lists[seen.key].place(seen.number)
            self.report.findings += seen.findings
            other = first.setdefault(seen.digest, job) if seen.digest else job
            if other != job:
                self.again(job, other, f"has the same content as {show(self.lists[other[0]].images[other[1]])}")
            if seen.digest:
                self.sizes.append(seen.size)
                self.places.append(place)
                self.boxes.append(seen.rows)
                self.report.objects.update(seen.classes)
                self.report.empty += not seen.classes
            yield
        self.hints()

    def look(self, job: tuple[str, int]) -> Seen:
        """Read an image and its labels."""
        key, i = job
        seen, images = Seen(key, i), self.lists[key]
        path, place = images.images[i], images.place(i)
        try:
            rgb = read_image(path)
            seen.size = rgb.shape[1], rgb.shape[0]
            seen.digest = digest(path)
        except DataError as e:
            kind = "missing image" if not os.path.exists(path) else "bad image"
            seen.findings.append(Finding("error", kind, place, str(e)))
        try:
            if self.report.classifier:
                seen.classes = self.labels.classes_of(path) if self.labels else []
            elif self.masks:
                if seen.digest:  # whether a mask fits is only known of an image that could be read
                    seen.classes = [mask.class_id for mask in read_masks(mask_path(path), self.classes, seen.size)]
            else:
                look_at_boxes(seen, label_path(path), self.classes, self.rows)
        except DataError as e:
            file = mask_path(path) if self.masks else label_path(path)
            kind = "bad labels" if self.report.classifier or os.path.exists(file) else "missing labels"
            seen.findings.append(Finding("error", kind, place, str(e)))
        return seen

    # -- the whole ---------------------------------------------------------------------------------------------------

    def hints(self) -> None:
        """What only shows when all was read."""
        report, path = self.report, show(self.report.path)
        if not self.sizes:
            return
        sides = np.array(self.sizes, float)
        usual = np.median(sides, axis=0)
        for k in np.flatnonzero(((sides > ODD * usual) | (sides * ODD < usual)).any(1)):
            report.add("hint", "unusual size", self.places[k], f"{self.sizes[k][0]}x{self.sizes[k][1]} pixels, where "
                       f"{usual[0]:.0f}x{usual[1]:.0f} is usual")
        missing = [report.name(k) for k in range(self.classes) if not report.objects[k]]
        if missing and report.objects:
            named = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
            report.add("hint", "no objects", path, f"{len(missing)} of {self.classes} classes never occur: {named}")
        if report.empty and not report.classifier:
            report.add("hint", "no objects", path, f"{report.empty} of {len(self.sizes)} images have no objects")
        if self.input and not report.classifier:
            self.hint_small()

    def hint_small(self) -> None:
        """Boxes that hardly leave a trace in the net's input."""
        assert self.input is not None
        _, h, w = self.input
        small = total = 0
        for (width, height), rows in zip(self.sizes, self.boxes, strict=True):
            scale = min(w / width, h / height)
            small += int((np.minimum(rows[:, 3] * width, rows[:, 4] * height) * scale < SMALL).sum())
            total += len(rows)
        if small:
            self.report.add("hint", "small objects", show(self.report.path), f"{small} of {total} objects are smaller "
                            f"than {SMALL:g} pixels in an input of {w}x{h}: a larger input would show them")


def look_at_boxes(seen: Seen, path: str, classes: int, most: int) -> None:
    """Read the label file of an image; DataError where it cannot be read at all."""
    labels = scan_labels(path, classes)
    place, rows = show(path), labels.rows
    kinds = {"format": "bad label", "class": "bad class", "range": "out of range", "size": "zero size"}

    def add(level: str, kind: str, line: int, text: str) -> None:
        seen.findings.append(Finding(level, kind, f"{place}:{line}", text))

    for problem in labels.problems:
        add("error", kinds[problem.kind], problem.line, problem.text)
    first: dict[bytes, int] = {}
    for line, row in zip(labels.lines, rows, strict=True):
        _, x, y, w, h = row.tolist()
        if first.setdefault(row.tobytes(), line) != line:
            add("warning", "same box", line, f"the same label as in line {first[row.tobytes()]}")
        if x == y == 0:
            continue
        if min(w, h) < DROPPED:
            add("warning", "tiny box", line, f"a box of {w:g} x {h:g} of the image: training leaves it out")
        elif max(w, h) > THIN * min(w, h):
            add("hint", "thin box", line, f"a box of {w:g} x {h:g} of the image is very thin")
        if min(x - w / 2, y - h / 2) < -OUTSIDE or max(x + w / 2, y + h / 2) > 1 + OUTSIDE:
            add("warning", "outside", line, "the box reaches beyond the image")
    if most and len(rows) > most:
        add("warning", "many objects", labels.lines[most], f"{len(rows)} objects: the net learns from {most} of an "
            f"image (max={most})")
    seen.rows = rows
    seen.classes = rows[:, 0].astype(int).tolist()


def digest(path: str) -> bytes:
    """Of a file's content."""
    found = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.digest()


def in_threads(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """function(item) of each item, in order, some of them under way ahead."""
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers, "darkpy-check") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def check(path: str | Path, graph: Graph | None = None, lax: bool = False) -> Report:
    """The report on the data set of a .data file, compared with a net if one is given."""
    checker = Checker(path, graph, lax)
    for _ in checker:
        pass
    return checker.report

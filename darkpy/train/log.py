"""What is said and kept of each batch: Darknet's lines, and results.csv, from which the charts are drawn."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darkpy.atomic import replacing
from darkpy.errors import DarkpyError, DataError
from darkpy.vision.textfile import show

COLUMNS = ("batch", "images", "loss", "average", "rate", "seconds", "score")
WORDS = {  # of Darknet's lines, for the figures of a head's Loss.report, in order
    "yolo": (("Avg IOU", "iou"), ("Class", "class"), ("Obj", "obj"), ("No Obj", "no_obj"), (".5R", "recall50"),
             (".75R", "recall75")),
    "region": (("Avg IOU", "iou"), ("Class", "class"), ("Obj", "obj"), ("No Obj", "no_obj"),
               ("Avg Recall", "recall50")),
    "detection": (("Avg IOU", "iou"), ("Pos Cat", "class"), ("All Cat", "all_class"), ("Pos Obj", "obj"),
                  ("Any Obj", "no_obj")),
}


@dataclass(frozen=True)
class Head:
    """The figures of a detection head over a batch: means over its objects (`no_obj`: over all predictions)."""

    layer: int
    kind: str
    report: dict[str, float]

    def __str__(self) -> str:
        name = {"yolo": f"Region {self.layer}", "region": "Region", "detection": "Detection"}[self.kind]
        figures = ", ".join(f"{word}: {self.report[key]:f}" for word, key in WORDS[self.kind])
        return f"{name} {figures}, count: {self.report['count']:.0f}"


@dataclass(frozen=True)
class Step:
    """One batch that was learned."""

    batch: int  # its number, from 1
    loss: float
    average: float  # of the losses, the older the less
    rate: float
    seconds: float
    images: int  # seen
    heads: list[Head] = field(default_factory=list)
    score: float | None = None  # where the net was validated: mAP or share of right answers, from 0 to 1

    def __str__(self) -> str:
        return (f"{self.batch}: {self.loss:f}, {self.average:f} avg, {self.rate:f} rate, {self.seconds:f} seconds, "
                f"{self.images} images")


def mean_report(reports: Sequence[dict[str, float]]) -> dict[str, float]:
    """The figures of a batch from those of its subdivisions, each of which counts by its objects."""
    count = sum(r["count"] for r in reports)
    mean = {"count": count}
    for key in reports[0].keys() - {"count"}:
        if key == "no_obj":
            mean[key] = sum(r[key] for r in reports) / len(reports)
        else:
            total = sum(r[key] * r["count"] for r in reports if r["count"] and not math.isnan(r[key]))
            mean[key] = total / count if count else math.nan
    return mean


class Results:
    """results.csv: a row for each batch, written as it is learned."""

    def __init__(self, path: str | Path, heads: Sequence[tuple[int, str]], after: int | None = None):
        """`after`: keep the rows of a file that is there up to this batch; else it is begun anew."""
        self.path = Path(path)
        self.keys = [(layer, key) for layer, kind in heads for _, key in WORDS[kind]]
        header = [*COLUMNS, *(f"{key}_{layer}" for layer, key in self.keys)]
        rows = self.read(header, after) if after is not None else []
        self.curve = [(int(row[0]), float(row[2]), float(row[3])) for row in rows]  # batch, loss, average
        self.scores = [(int(row[0]), float(row[6])) for row in rows if row[6]]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        with replacing(self.path, DataError) as file:
            file.write(text.getvalue().encode())

    def read(self, header: list[str], after: int) -> list[list[str]]:
        """The whole rows of batches 1 to `after`; a last line that was cut off is not one."""
        try:
            with open(self.path, encoding="ascii", newline="") as file:
                rows = list(csv.reader(file))
            if rows[:1] != [header]:
                return []
            return [row for row in rows[1:] if len(row) == len(header) and 0 < int(row[0]) <= after
                    and all(float(cell or 0) is not None for cell in row)]
        except (OSError, ValueError, csv.Error):
            return []

    def add(self, step: Step) -> None:
        self.curve.append((step.batch, step.loss, step.average))
        if step.score is not None:
            self.scores.append((step.batch, step.score))
        figures = {(head.layer, key): value for head in step.heads for key, value in head.report.items()}
        row = [step.batch, step.images, step.loss, step.average, step.rate, round(step.seconds, 3),
               "" if step.score is None else step.score]
        try:
            with open(self.path, "a", encoding="ascii", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(
                    [*row, *(f"{figures[key]:.6g}" if key in figures else "" for key in self.keys)])
        except OSError as e:
            raise DarkpyError(f"{show(self.path)}: cannot be written: {(e.strerror or str(e)).lower()}: make room, "
                              "then go on with --resume") from None

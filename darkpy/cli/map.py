"""`darkpy map`, `detector map`, `detector recall`: a detector measured on images with labels."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.detect import CFG, Failures, output
from darkpy.cli.models import MODEL_OPTIONS, open_model
from darkpy.cli.sizes import count
from darkpy.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from darkpy.datafile import DataFile
    from darkpy.detector import Detector
    from darkpy.tasks.evaluate import Report

T = TypeVar("T")
EVERY = 10.0  # seconds between lines of progress where there is no terminal


def watch(items: Iterable[T], total: int) -> Iterator[T]:
    """The items, with a bar on a terminal and now and then a line elsewhere."""
    if console.terminal():
        yield from console.progress(items, total, "evaluating")
        return
    told = time.monotonic()
    for n, item in enumerate(items, 1):
        yield item
        if time.monotonic() - told > EVERY:
            told = time.monotonic()
            console.note(f"{n} of {total} images")


def run(args: Args) -> int:
    from darkpy import datafile
    from darkpy.evaluation.breakdown import VOC_GROUPS
    from darkpy.tasks import evaluate as task
    from darkpy.tasks.detect import check_outputs

    data = datafile.read(args.data, lax=args.lax)
    if args.json and args.json != "-":
        check_outputs([args.json], [args.data, args.cfg, args.weights])
    groups = read_groups(args.groups) if args.groups else VOC_GROUPS
    model, names, nodes = open_for(args, data)
    labelled = task.read_truth(data, len(names))
    failed = Failures()
    collected = task.collect(model, labelled, task.THRESH, args.nms, args.batch, fit_of(args), failed, watch, nodes)
    report = task.measure(collected, names, args.iou_thresh, args.thresh, groups)
    if args.plots:
        from darkpy.tasks import evaluation_plots

        for path in evaluation_plots.save(report, args.plots, args.points):
            console.note(f"{path} written")
    if args.json:
        with output(args.json) as stream:
            json.dump(report.to_dict(), stream, ensure_ascii=False)
            stream.write("\n")
    if args.json != "-":
        show(report, args.points)
    if failed.status:
        left_out = len(labelled.images) - report.images
        console.note(f"{count(left_out, 'image')} left out, {report.images} measured")
    return failed.status


def open_for(args: Args, data: DataFile) -> tuple[Detector, list[str], np.ndarray | None]:
    """The detector, the classes of the data set, and the nodes of the net's tree these are if map= says so."""
    from darkpy.detector import Detector
    from darkpy.labels import enough
    from darkpy.tasks.evaluate import class_map
    from darkpy.vision.names import read_names

    if not data.config.map:
        model = open_model(Detector, args)
        return model, model.names, None
    # names= and --names are those of the data set, not of the tree
    own = args.names or (str(data.find("names")) if data.config.names else None)
    model = open_model(Detector, SimpleNamespace(**{**vars(args), "names": None, "data": None}))
    nodes = class_map(model, data)
    assert nodes is not None
    names = enough(read_names(own), own, len(nodes)) if own else [model.names[k] for k in nodes]
    return model, names, nodes


def fit_of(args: Args) -> bool | None:
    """How images are brought to the net's size; None as it was trained."""
    if args.stretch and args.letterbox:
        raise UsageError("--letterbox and --stretch exclude each other")
    return True if args.letterbox else False if args.stretch else None


def read_groups(path: str) -> list[list[str]]:
    """Lines of class names with commas between them."""
    from darkpy.vision.textfile import read_lines

    return [[name.strip() for name in line.split(",")] for line in read_lines(path, "a list of groups")]


def percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f}"


def show(report: Report, points: int) -> None:
    """The table of classes, and what holds for all."""
    from darkpy.evaluation.breakdown import KINDS

    titles = ["class", "objects", "AP", "AP50:95", "TP", "FP", "missed", "precision", "recall"]
    aps, coco = report.voc.aps(points), report.coco.class_ap()
    rows = []
    for k in report.shown():
        s = report.voc.scores[k]
        rows.append([report.names[k], str(report.objects[k]), percent(aps[k]), percent(coco[k]), str(s.right),
                     str(s.wrong), str(s.missed), percent(s.precision), percent(s.recall)])
    t = report.voc.total
    last = ["all", str(report.objects.sum()), percent(report.voc.mean_ap(points)),
            percent(report.coco.summary()["AP"]), str(t.right), str(t.wrong), str(t.missed), percent(t.precision),
            percent(t.recall)]
    table(titles, rows, last)
    print(f"\n{count(report.images, 'image')}; TP, FP, precision and recall for a confidence above {report.thresh:g}: "
          f"F1 {t.f1:.3f}, average IoU {percent(t.iou)} %")
    ways = {"over all recalls": 0, "11 points": 11, "101 points": 101}
    means = ", ".join(f"{percent(report.voc.mean_ap(p))} % {name}" for name, p in ways.items())
    print(f"mAP@{report.iou_thresh:.2f}: {means}")
    print("COCO: " + ", ".join(f"{name} {percent(v)}" for name, v in report.coco.summary().items()))
    errors = report.errors.sum(axis=0)
    if errors.sum():
        print("most confident detections: " + ", ".join(f"{kind} {100 * n / errors.sum():.1f} %"
                                                        for kind, n in zip(KINDS, errors, strict=True)))


def table(titles: list[str], rows: list[list[str]], last: list[str]) -> None:
    """Columns, numbers to the right; with lines and colours on a terminal."""
    if not console.terminal(sys.stdout):
        widths = [max(map(len, column)) for column in zip(titles, *rows, last, strict=True)]
        for row in (titles, *rows, last):
            cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            print("  ".join(cells))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False)
    for i, title in enumerate(titles):
        grid.add_column(title, justify="right" if i else "left", no_wrap=i > 0)
    for row in rows:
        grid.add_row(*map(Text, row))
    grid.add_row(*(Text(cell, "bold") for cell in last))
    Console(file=sys.stdout, highlight=False).print(grid)


def recall(args: Args) -> int:
    from darkpy import datafile
    from darkpy.tasks import evaluate as task

    data = datafile.read(args.data, lax=args.lax)
    model, names, _ = open_for(args, data)
    labelled = task.read_truth(data, len(names))
    failed = Failures()
    states = task.recall(model, labelled, args.thresh, args.nms, args.iou_thresh, args.batch, fit_of(args), failed)
    state = task.Recall()
    for latest in watch(states, len(labelled.images)):
        state = latest
    found: dict[str, Any] = state.to_dict()
    if args.json:
        print(json.dumps(found))
    else:
        print(f"{count(state.images, 'image')}, {count(state.objects, 'object')}: {state.found} found\t"
              f"RPs/Img: {found['proposals_per_image']:.2f}\tIOU: {100 * found['mean_iou']:.2f}%\t"
              f"Recall: {100 * found['recall']:.2f}%")
    return failed.status


def points(text: str) -> int:
    if text not in ("0", "11", "101"):
        raise ValueError("must be 0, 11 or 101")
    return int(text)


DATA = Arg("data", ".data file; the images of valid= count, with their label files")
DARKNET = [Opt("-dont_show", "no window is opened in any case", accepted=True)]
MODEL = [*(o for o in MODEL_OPTIONS if o.key != "batch"),
         Opt("--batch", "images computed at once", int, 4, low=1, high=1024)]
FIT = [
    Opt("--letterbox", "keep the aspect ratio of the image (so by default, except for YOLO v1)", also=("-letter_box",)),
    Opt("--stretch", "stretch the image to the net's input"),
]
OPTIONS = [
    Opt("-thresh", "least confidence for TP, FP, precision, recall and confusion; AP counts all above .005", float,
        0.25, low=0, high=1),
    Opt("-iou_thresh", "least overlap with an object", float, 0.5, low=0.01, high=1),
    Opt("-points", "levels of recall in the AP of the table: 11 (VOC to 2009), 101 (COCO), 0: all (VOC since 2010)",
        points, 0, metavar="0|11|101"),
    Opt("-nms", "of two boxes of a class that overlap more only the better stays; 0: all", float, 0.45, low=0, high=1),
    Opt("--json", "all numbers as JSON, on stdout or in FILE", str, bare="-", metavar="FILE"),
    Opt("--plots", "folder for pr_curves.png, confusion.png, errors.png", str, metavar="FOLDER"),
    Opt("--groups", "similar classes for the kinds of errors, a group a line, names with commas between them; by "
                    "default those of VOC", str, metavar="FILE"),
    *FIT, *MODEL, *DARKNET,
]
RECALL = [
    Opt("-thresh", "least confidence of a proposal", float, 0.001, low=0, high=1),
    Opt("-iou_thresh", "overlap above which an object is found", float, 0.5, low=0.01, high=1),
    Opt("-nms", "of two boxes that overlap more only the likelier object stays", float, 0.4, low=0, high=1),
    Opt("--json", "as JSON"), *FIT, *MODEL,
]


MORE = ("Prints AP for each class, the mean (mAP), the measures of COCO, and the kinds of errors of the YOLO paper. "
        "Classes without objects have no AP and are not in the mean.")
COMMANDS = [
    Command(("map",), "measure a detector: average precision", run, [DATA, *CFG], OPTIONS, "Train and measure", MORE),
    Command(("detector", "map"), "as map", run, [DATA, *CFG], OPTIONS, "As in Darknet", MORE),
    Command(("detector", "recall"), "how many objects any box finds, whatever its class", recall, [DATA, *CFG], RECALL,
            "As in Darknet"),
]

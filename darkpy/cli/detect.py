"""`darkpy detect`, `darkpy detector test`: boxes in images."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.models import MODEL_OPTIONS, open_model, paths_on_stdin
from darkpy.errors import DarkpyError, DataError, UsageError

LISTS = ("json", "csv", "coco")


def run(args: Args) -> int:
    from darkpy.detector import Detector
    from darkpy.tasks import detect as task

    own = settle(args)
    if args.stretch and args.letterbox:
        raise UsageError("--letterbox and --stretch exclude each other")
    lists = {kind: getattr(args, kind) for kind in LISTS if getattr(args, kind)}
    for kind in ("json", "csv"):
        if args.out and args.out.lower().endswith(f".{kind}"):  # as in a fork of Darknet
            lists[kind], args.out = args.out, None
    if list(lists.values()).count("-") > 1:
        raise UsageError("only one list can go to stdout: name a file for the others, as in --json=FILE")
    from_stdin = not args.image or args.image == ["-"]
    images: Any = paths_on_stdin() if from_stdin else task.find_images(args.image)
    many = from_stdin and not console.terminal(sys.stdin) or not from_stdin and len(images) > 1
    draws = not args.no_image and (args.out is not None or not lists)
    targets = task.Targets(args.out, many)
    if draws and not from_stdin:
        planned = targets.plan(images)
    files = [path for path in lists.values() if path != "-"]
    if draws and targets.folder is None:
        files.append(str(targets.file))
    task.check_outputs(files, read_by(args, images))

    model = open_model(Detector, args)
    failed = Failures()
    fit = True if args.letterbox else False if args.stretch else None
    batch = 1 if from_stdin else args.batch
    results = model.detect(images, args.thresh, args.nms, args.hier, batch, fit, failed)
    found = 0
    with ExitStack() as stack:
        writers = [stack.enter_context(writer(task, kind, path)) for kind, path in lists.items()]
        for result in results if from_stdin else console.progress(results, len(images), "detecting", prints=True):
            found += len(result)
            if "-" not in lists.values():
                show(result, args.ext_output)
            for w in writers:
                w.add(result)
            if draws:
                target = targets.of(result.path) if from_stdin else planned[result.path]
                task.save_picture(result, target)
            if args.save_labels:
                folder = Path(args.out) if args.out and targets.folder else Path(result.path).parent
                with failed.catch():
                    task.save_labels(result, folder / f"{Path(result.path).stem}.txt")
    if draws and many and targets.taken:
        console.note(f"pictures are in {targets.folder}")
    elif draws and own and found:
        console.note(f"{targets.file if targets.folder is None else targets.folder} shows them")
    if own and not found and not failed.status:
        console.note("nothing found: without cfg and weights a small network looks that knows drawn scenes only, no "
                     "photos; darkpy download fetches weights of others")
    return failed.status


def settle(args: Args) -> bool:
    """Fill in what may be left out; True where it is the network that darkpy brings along.

    `darkpy detect` alone shows that network at work on a picture of its own, `darkpy detect my.jpg` on others.
    """
    from darkpy import shipped
    from darkpy.tasks.detect import is_images

    words = [word for word in (args.cfg, args.weights, *args.image) if word is not None]
    if words and (not is_images(words[0]) or (args.weights or "").endswith(".weights")):
        if args.weights is None:
            raise UsageError(f"weights is missing ({WEIGHTS.help}); without cfg and weights, images alone are looked "
                             "at with the network darkpy brings along")
        return False
    args.cfg, args.weights = shipped.find(shipped.CFG), shipped.find(shipped.WEIGHTS)
    args.image = words or [shipped.find(shipped.PICTURE)]
    return True


def read_by(args: Args, images: Any) -> list[str | None]:
    """All files a command line names as input."""
    named = [args.cfg, args.weights, args.names, getattr(args, "data", None), *args.image]
    return [*named, *images] if isinstance(images, list) else named


class Failures:
    """Errors of single images: each is told at once, and the others are still done."""

    def __init__(self) -> None:
        self.status = 0

    def __call__(self, source: Any, error: DarkpyError) -> None:
        console.error(str(error))
        self.status = DataError.exit_status

    @contextmanager
    def catch(self) -> Iterator[None]:
        try:
            yield
        except DataError as e:
            self(None, e)


def show(result: Any, with_boxes: bool) -> None:
    """The lines the original prints for an image."""
    print(f"{result.path}: Predicted in {result.speed['inference']:.1f} milliseconds.")
    b = result.boxes
    for k, p, (x1, y1, x2, y2) in zip(b.class_id.tolist(), b.confidence.tolist(), b.xyxy.tolist(), strict=True):
        line = f"{result.names[k]}: {100 * p:.0f}%"
        if with_boxes:
            line += f"\t(left_x: {x1:4.0f}   top_y: {y1:4.0f}   width: {x2 - x1:4.0f}   height: {y2 - y1:4.0f})"
        print(line)
    sys.stdout.flush()


@contextmanager
def writer(task: Any, kind: str, path: str) -> Iterator[Any]:
    """A JsonList, CsvList or CocoList that writes to a file, or to stdout for "-"."""
    make = {"json": task.JsonList, "csv": task.CsvList, "coco": task.CocoList}[kind]
    with output(path) as stream:
        made = make(stream)
        yield made
        made.end()


@contextmanager
def output(path: str) -> Iterator[TextIO]:
    """stdout for "-"; else a file that appears, whole, when the block ends without an error."""
    if path == "-":
        yield sys.stdout
        return
    from darkpy.atomic import replacing

    with replacing(path, DataError) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        yield text
        text.flush()
        text.detach()


WEIGHTS = Arg("weights", "its parameters, .weights or .dpk")
CFG = [Arg("cfg", "network description"), WEIGHTS]
OWN = [Arg("cfg", "network description; without cfg and weights: the network darkpy brings along, for scenes as darkpy "
                  "synth draws them", required=False), Arg("weights", WEIGHTS.help, required=False)]
IMAGE = Arg("image", "files, folders, patterns, .txt lists of paths, or - for paths on stdin; asked for if left out",
            required=False, many=True)
OPTIONS = [
    Opt("-thresh", "least confidence shown, .5 by default (.2 for YOLO v1)", float, low=0, high=1),
    Opt("-nms", "of two boxes of a class that overlap more only the better stays; .45 by default (.4 for v1), 0: all",
        float, low=0, high=1),
    Opt("-hier", "least probability at which YOLO9000's tree is followed", float, 0.5, low=0, high=1),
    Opt("-out", "the picture with boxes, or a folder for several; predictions.jpg or predictions/ by default; "
                "a name that ends in .json or .csv gets the list", str, metavar="FILE"),
    Opt("-ext_output", "print the boxes too"),
    Opt("-save_labels", "write a label file (class x y w h) beside each image, or into the folder of -out"),
    Opt("--json", "list of all detections as JSON, on stdout or in FILE", str, bare="-", metavar="FILE"),
    Opt("--csv", "the same as a table, boxes in pixels", str, bare="-", metavar="FILE"),
    Opt("--coco", "the same as COCO's evaluation reads it", str, bare="-", metavar="FILE"),
    Opt("--no-image", "write no pictures (nor are they written with a list, unless -out is given)"),
    Opt("--letterbox", "keep the aspect ratio of the image (so by default, except for YOLO v1)",
        also=("-letter_box",)),
    Opt("--stretch", "stretch the image to the net's input"),
    *MODEL_OPTIONS,
    Opt("-dont_show", "no window is opened in any case", accepted=True),
    Opt("-fullscreen", "no window is opened in any case", accepted=True),
]
MORE = ("Prints `dog: 98%` lines for each image. A file that is no image is reported, the others are still done, and "
        "the exit status is 4.")


def command(words: Iterable[str], help: str, args: list[Arg], group: str) -> Command:
    return Command(tuple(words), help, run, args, OPTIONS, group, MORE)


COMMANDS = [
    command(["detect"], "find objects in images; alone: in a sample picture", [*OWN, IMAGE], "Use a network"),
    command(["detector", "test"], "find objects in images; class names from a .data file",
            [Arg("data", ".data file with names="), *CFG, IMAGE], "As in Darknet"),
    command(["yolo", "test"], "as detect, for YOLO v1", [*CFG, IMAGE], "As in Darknet"),
    command(["coco", "test"], "as detect, for YOLO v1 on COCO", [*CFG, IMAGE], "As in Darknet"),
]

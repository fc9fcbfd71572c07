"""`darkpy segment`, `segmenter test`: which pixels are of which class; `segmenter valid`: how well they are found."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.detect import CFG, IMAGE, Failures, output, read_by
from darkpy.cli.map import percent, table
from darkpy.cli.models import CALIBRATION, MODEL_OPTIONS, PRECISION, device, open_model, paths_on_stdin
from darkpy.cli.sizes import count
from darkpy.errors import DataError

NOTHING = "nothing found"


def run(args: Args) -> int:
    from darkpy.segmenter import Segmenter
    from darkpy.tasks import detect as task

    from_stdin = not args.image or args.image == ["-"]
    images: Any = paths_on_stdin() if from_stdin else task.find_images(args.image)
    many = from_stdin and not console.terminal(sys.stdin) or not from_stdin and len(images) > 1
    draws = not args.no_image and (args.out is not None or not args.json)
    targets = task.Targets(args.out, many)
    planned = targets.plan(images) if draws and not from_stdin else {}
    files = [args.json] if args.json and args.json != "-" else []
    if draws and targets.folder is None:
        files.append(str(targets.file))
    task.check_outputs(files, read_by(args, images))
    model = open_model(Segmenter, args)
    failed = Failures()
    results = model.segment(images, args.thresh, 1 if from_stdin else args.batch, failed)
    found = []
    for result in results if from_stdin else console.progress(results, len(images), "segmenting", prints=True):
        if args.json:
            found.append(result.to_dict())
        if args.json != "-":
            print(f"{result.path}: Predicted in {result.speed['inference']:.1f} milliseconds.")
            lines = [f"{100 * share:5.2f}% of the image: {result.names[k]}" for k, share in result.shares().items()]
            print("\n".join(lines or [NOTHING]), flush=True)
        if draws:
            task.save_picture(result, targets.of(result.path) if from_stdin else planned[result.path])
        if args.save_masks:
            folder = Path(args.out) if args.out and targets.folder else Path(result.path).parent
            with failed.catch():
                task.save_lines(result.mask_lines(), folder / f"{Path(result.path).stem}.txt")
    if args.json:
        with output(args.json) as stream:
            stream.write(json.dumps(found, ensure_ascii=False) + "\n")
    if draws and many and targets.taken:
        console.note(f"pictures are in {targets.folder}")
    return failed.status


def valid(args: Args) -> int:
    from darkpy import datafile, jit
    from darkpy.datasets.training import is_segmenter
    from darkpy.errors import ModelError
    from darkpy.labels import class_names
    from darkpy.network import load
    from darkpy.tasks.score import overlap, size_of

    data = datafile.read(args.data, lax=args.lax)
    if args.threads:
        jit.set_threads(args.threads)
    net = load(args.cfg, args.weights, batch=args.batch, size=args.size, device=device(args), lax=args.lax)
    if not is_segmenter(net, data):
        raise ModelError(f"{args.cfg}: does not learn from masks: for detectors use darkpy map, for classifiers "
                         "darkpy classifier valid")
    found = overlap(net, data, size_of(net), args.thresh)
    names = class_names(args.names or args.data, args.cfg, len(found.either))
    for reason in found.left_out.values():
        console.error(reason)
    status = DataError.exit_status if found.left_out else 0
    if args.json:
        ious = {names[k]: round(float(iou), 6) for k, iou in enumerate(found.iou) if found.either[k]}
        print(json.dumps({"images": found.images, "mean_iou": found.mean, "iou": ious}, ensure_ascii=False))
        return status
    rows = [[names[k], percent(iou)] for k, iou in enumerate(found.iou) if found.either[k]]
    table(["class", "IoU"], rows, ["all", percent(found.mean)])
    print(f"\n{count(found.images, 'image')}")
    return status


THRESH = Opt("-thresh", "least value of a class's map at which a pixel is of it", float, 0.5, low=0, high=1)
OPTIONS = [
    THRESH,
    Opt("-out", "the picture with masks, or a folder for several; predictions.jpg or predictions/ by default", str,
        metavar="FILE"),
    Opt("-save_masks", "write a mask file (class and lengths of runs) beside each image, or into the folder of -out"),
    Opt("--json", "classes, shares and runs as JSON, on stdout or in FILE", str, bare="-", metavar="FILE"),
    Opt("--no-image", "write no pictures (nor are they written with --json, unless -out is given)"),
    *MODEL_OPTIONS,
    Opt("-display", "no window is opened in any case", accepted=True),
]
NOT_VALID = ("--allow-partial", PRECISION.name, CALIBRATION.name)  # the net is measured as it trains
DATA = Arg("data", ".data file with names=")
MORE = ("Prints which part of the image each class covers.  A file that is no image is reported, the others are still "
        "done, and the exit status is 4.")
COMMANDS = [
    Command(("segment",), "say of each pixel which class it is of", run, [*CFG, IMAGE], OPTIONS, more=MORE),
    *(Command((word, "test"), "as segment; class names from a .data file", run, [DATA, *CFG, IMAGE], OPTIONS,
              "As in Darknet", MORE) for word in ("segmenter", "isegmenter")),
    Command(("segmenter", "valid"), "how well the pixels of each class are found: intersection over union", valid,
            [Arg("data", ".data file with valid= and names="), *CFG],
            [THRESH, Opt("--json", "as JSON"), *(o for o in MODEL_OPTIONS if o.name not in NOT_VALID)],
            "As in Darknet", "Images are letterboxed, as they are when the net is used; masks are compared at the "
                             "resolution of the net's output."),
]

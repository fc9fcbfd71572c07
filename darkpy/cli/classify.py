"""`darkpy classify`, `classifier predict`: what an image shows.  `regressor test`: the numbers a net gives for it."""

from __future__ import annotations

import sys
from typing import Any

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.detect import CFG, IMAGE, Failures, output, read_by
from darkpy.cli.models import MODEL_OPTIONS, open_model, paths_on_stdin


def run(args: Args) -> int:
    from darkpy.classifier import Classifier
    from darkpy.tasks.detect import check_outputs, find_images

    from_stdin = not args.image or args.image == ["-"]
    images: Any = paths_on_stdin() if from_stdin else find_images(args.image)
    if args.json and args.json != "-":
        check_outputs([args.json], read_by(args, images))
    model = open_model(Classifier, args)
    failed = Failures()
    batch = 1 if from_stdin else args.batch
    results = model.classify_all(images, top_of(args), batch, failed)
    watched = results if from_stdin else console.progress(results, len(images), "classifying", prints=True)
    if args.json:
        with output(args.json) as stream:
            separator = "[\n"
            for result in watched:
                stream.write(separator + result.to_json())
                separator = ",\n"
            stream.write("[]\n" if separator == "[\n" else "\n]\n")
        return failed.status
    for result in watched:
        print(f"{result.path}: Predicted in {result.speed['inference']:.1f} milliseconds.")
        for guess in result:
            print(f"{100 * guess.confidence:5.2f}%: {guess.name}")
        sys.stdout.flush()
    return failed.status


def numbers(args: Args) -> int:
    from darkpy.classifier import Classifier
    from darkpy.tasks.detect import find_images

    images: Any = find_images(args.image) if args.image and args.image != ["-"] else paths_on_stdin()
    model = open_model(Classifier, args)
    failed = Failures()
    for result in model.classify_all(images, 1, args.batch if isinstance(images, list) else 1, failed):
        print(f"{result.path}: Predicted in {result.speed['inference']:.1f} milliseconds.")
        for name, value in zip(model.names, result.probabilities.tolist(), strict=True):
            print(f"{name}: {value:f}")
        sys.stdout.flush()
    return failed.status


def top_of(args: Args) -> int:
    """How many classes are shown: as asked for, else what the .data file says, else 5."""
    data = getattr(args, "data", None)
    if args.top is None and data:
        from darkpy import datafile

        return datafile.read(data, lax=True).config.top
    return args.top or 5


OPTIONS = [
    Opt("-top", "show so many classes: 5 by default, or the top= of the .data file", int, low=1, high=1 << 20,
        also=("-t",)),
    Opt("--json", "as JSON, on stdout or in FILE", str, bare="-", metavar="FILE"),
    *MODEL_OPTIONS,
]
COMMANDS = [
    Command(("classify",), "say what images show", run, [*CFG, IMAGE], OPTIONS),
    Command(("classifier", "predict"), "say what images show; class names from a .data file", run,
            [Arg("data", ".data file with names= or labels="), *CFG, IMAGE], OPTIONS, "As in Darknet"),
    Command(("regressor", "test"), "the numbers a net gives for images", numbers,
            [Arg("data", ".data file with names="), *CFG, IMAGE], MODEL_OPTIONS, "As in Darknet"),
]

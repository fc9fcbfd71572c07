"""Options that every command takes which runs a network on images, and what they turn into."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from darkpy.cli import console
from darkpy.cli.args import Args, Opt
from darkpy.cli.sizes import count, side
from darkpy.errors import UsageError

DEVICE = Opt("--device", "where to compute: cpu, cuda (an NVIDIA GPU, of several the first or that of -i), or auto (a "
             "GPU if one can be used); by default what the environment variable DARKPY_DEVICE says, else cpu", str,
             words=("cpu", "cuda", "auto"))
PRECISION = Opt("-precision", "compute in bf16 or int8 where the CPU can, in fp16 on a GPU, else in float32; int8 "
                "needs a calibration", str, "float32", words=("float32", "bf16", "int8", "fp16"), metavar="TYPE")
CALIBRATION = Opt("-calib", "for int8: a folder of typical images to calibrate on, kept in a file beside the weights "
                  "(model.int8.json), or such a file; by default that beside the weights", str, metavar="FOLDER|FILE")
MODEL_OPTIONS = [
    Opt("--names", "class names: a file with one a line, or a .data file", str, metavar="FILE"),
    Opt("--size", "size of the net's input in place of the cfg's: 416, or 608x416 (width x height)", side,
        metavar="N"),
    Opt("--batch", "images computed at once", int, 1, low=1, high=1024),
    DEVICE,
    Opt("--threads", "CPU threads", int, low=1, high=1024),
    PRECISION, CALIBRATION,
    Opt("--lax", "unknown keys in the cfg are only warned of"),
    Opt("--allow-partial", "a .weights file may be too short or too long"),
]


def device(args: Args) -> str:
    """Where to compute, by -device and Darknet's -nogpu, -i and -gpus, or the environment.  UsageError for a GPU that
    cannot be used."""
    wish = getattr(args, "device", None) or os.environ.get("DARKPY_DEVICE") or "cpu"
    numbers = getattr(args, "gpus", None) or ([args.i] if args.i else [])
    if args.nogpu or min(numbers, default=0) < 0:  # the original takes GPU -1 for the CPU, too
        return "cpu"
    name = wish.partition(":")[0]
    if numbers and name in ("cuda", "auto"):
        wish = f"{name}:{numbers[0]}"
    if name == "cuda":
        from darkpy import cuda

        cuda.check(numbers[0] if numbers else 0)  # before files are read
    if name in ("cuda", "auto") and len(numbers) > 1:
        console.note(f"-gpus: training on several GPUs is not possible yet, one is used: {numbers[0]}")
    return wish


def open_model(kind: Any, args: Args) -> Any:
    """A Detector or Classifier as the arguments describe it."""
    from darkpy import labels

    names, data = args.names, getattr(args, "data", None)
    if names is None and data:
        names = data if data.endswith(".names") else labels.named_in(Path(data))
    calibration, target = calibration_of(args)
    model = kind(args.cfg, args.weights, names, size=args.size, device=device(args), threads=args.threads, lax=args.lax,
                 partial=args.allow_partial, precision=args.precision, calibration=calibration)
    report_precision(model._run, target)
    for warning in model.net.graph.warnings:
        if ": unknown key" in warning:  # what --lax let pass; `darkpy lint` shows the harmless rest
            console.note(f"warning: {warning}")
    return model


def report_precision(plan: Any, target: Path | None) -> None:
    """Say what precision came to, and keep a new calibration."""
    if getattr(plan, "note", ""):
        console.note(plan.note)
    elif target and plan.calibration:
        plan.calibration.save(target)
        console.note(f"calibrated on {count(plan.calibration.images, 'image')}, ranges are kept in {target}")


def calibration_of(args: Args) -> tuple[Any, Path | None]:
    """What int8 is calibrated with, the path of a file or those of images; and where a new calibration is kept."""
    if args.precision != "int8":
        if args.calib:
            raise UsageError("-calib is for -precision int8")
        return None, None
    from darkpy.plan.narrow import possible
    from darkpy.tasks.detect import find_images

    beside = Path(args.weights or args.cfg).with_suffix(".int8.json")
    if args.calib and not args.calib.endswith(".json"):
        return find_images([args.calib]), beside
    if not args.calib and not beside.exists() and possible("int8")[0] == "int8":
        raise UsageError(f"-precision int8 needs a calibration, and {beside} does not exist: give typical images once, "
                         "-calib FOLDER")
    return args.calib or (str(beside) if beside.exists() else None), None


def paths_on_stdin() -> Iterator[str]:
    """Image paths, one a line; on a terminal each is asked for."""
    asking = console.terminal(sys.stdin)
    while True:
        if asking:
            print("Enter Image Path: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            if asking:
                print(file=sys.stderr)
            return
        if line.strip():
            yield line.strip()

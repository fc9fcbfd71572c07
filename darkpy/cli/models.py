"""Options that every command takes which runs a network on images, and what they turn into."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from darkpy.cli import console
from darkpy.cli.args import Args, Opt
from darkpy.cli.sizes import side

DEVICE = Opt("--device", "where to compute: cpu, cuda (an NVIDIA GPU), or auto (a GPU if one can be used); by default "
             "what the environment variable DARKPY_DEVICE says, else cpu", str, words=("cpu", "cuda", "auto"))
MODEL_OPTIONS = [
    Opt("--names", "class names: a file with one a line, or a .data file", str, metavar="FILE"),
    Opt("--size", "size of the net's input in place of the cfg's: 416, or 608x416 (width x height)", side,
        metavar="N"),
    Opt("--batch", "images computed at once", int, 1, low=1, high=1024),
    DEVICE,
    Opt("--threads", "CPU threads", int, low=1, high=1024),
    Opt("--lax", "unknown keys in the cfg are only warned of"),
    Opt("--allow-partial", "a .weights file may be too short or too long"),
]


def device(args: Args) -> str:
    """Where to compute, by -device, Darknet's -nogpu, or the environment.  UsageError for a GPU that cannot be used."""
    wish = "cpu" if args.nogpu else getattr(args, "device", None) or os.environ.get("DARKPY_DEVICE") or "cpu"
    if wish == "cuda":
        from darkpy import cuda

        cuda.check()  # before files are read
    return wish


def open_model(kind: Any, args: Args) -> Any:
    """A Detector or Classifier as the arguments describe it."""
    from darkpy import labels

    names, data = args.names, getattr(args, "data", None)
    if names is None and data:
        names = data if data.endswith(".names") else labels.named_in(Path(data))
    model = kind(args.cfg, args.weights, names, size=args.size, device=device(args), threads=args.threads, lax=args.lax,
                 partial=args.allow_partial)
    for warning in model.net.graph.warnings:
        if ": unknown key" in warning:  # what --lax let pass; `darkpy lint` shows the harmless rest
            console.note(f"warning: {warning}")
    return model


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

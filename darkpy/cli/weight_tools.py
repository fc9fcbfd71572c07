"""Darknet's commands for weights files: partial, average, denormalize, normalize, reset, rescale, rgbgr, oneoff, ...

The positional arguments are Darknet's.  Results go to stdout only from `statistics` and `print`.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.errors import UsageError

if TYPE_CHECKING:
    from darkpy.tasks.weight_tools import Statistics, Tool

GROUP = "Networks and weights"
CFG, WEIGHTS = Arg("cfg", "network description"), Arg("weights", "file to read")
OUT = Arg("outfile", "file to write")
PARTIAL = Opt("--allow-partial", "take a file of weights that is shorter or longer than the cfg asks for")
OVERWRITE = Opt("--overwrite", "let outfile be a file that is also read")
CFG_OUT = Opt("--cfg-out", "write the cfg that goes with outfile, too", str, metavar="FILE")


def tool(args: Args) -> Tool:
    from darkpy.tasks.weight_tools import Tool

    more = list(getattr(args, "more", ()))
    return Tool(args.cfg, args.weights, args.outfile, args.allow_partial, args.overwrite,
                getattr(args, "cfg_out", None), more)


def changing(name: str, *extra: str) -> Callable[[Args], int]:
    """Runs a tool of tasks/weight_tools.py with the values of these arguments behind it."""

    def run(args: Args) -> int:
        from darkpy.tasks import weight_tools

        t = tool(args)
        getattr(weight_tools, name)(t, *(getattr(args, key) for key in extra))
        for path in (t.out, t.cfg_out):
            if path:
                console.note(f"{path} written")
        return 0

    return run


def number(text: str) -> int:
    """A layer's number, or how many of them."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError("is not a whole number from 0 on")
    return int(text)


def run_statistics(args: Args) -> int:
    from darkpy.tasks.weight_tools import statistics

    rows = list(statistics(args.cfg, args.weights, args.allow_partial))
    if args.json:
        print(json.dumps([dataclasses.asdict(row) for row in rows], indent=1))
    elif console.terminal(sys.stdout):
        show_table(rows)
    else:
        print(f"{'layer':>5} {'kind':<15} {'parameter':<30} {'count':>10} {'mean':>12} {'std':>12} {'min':>12} "
              f"{'max':>12}")
        for r in rows:
            print(f"{r.layer:>5} {r.kind:<15} {r.name:<30} {r.count:>10} {r.mean:>12.5g} {r.std:>12.5g} "
                  f"{r.min:>12.5g} {r.max:>12.5g}")
    return 0


def show_table(rows: list[Statistics]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("layer", "kind", "parameter", "count", "mean", "std", "min", "max")
    for column in table.columns[3:]:
        column.justify = "right"
    for r in rows:
        figures = (f"{x:.5g}" for x in (r.mean, r.std, r.min, r.max))
        table.add_row(str(r.layer), r.kind, r.name, f"{r.count:,}", *figures)
    Console().print(table)


def run_print(args: Args) -> int:
    from darkpy.tasks.weight_tools import filters

    for row in filters(args.cfg, args.weights, args.n, args.allow_partial):
        print(" ".join(f"{x:g}" for x in row.tolist()))
    return 0


def run_average(args: Args) -> int:
    if not args.files:
        raise UsageError("files is missing: weights files to average")
    args.weights, args.more = args.files[0], args.files[1:]
    return changing("average")(args)


def command(name: str, text: str, *extra: Arg, opts: tuple[Opt, ...] = (), more: str = "") -> Command:
    return Command((name,), text, changing(name, *(a.name for a in extra)), [CFG, WEIGHTS, OUT, *extra],
                   [*opts, PARTIAL, OVERWRITE], group=GROUP, more=more)


COMMANDS = [
    command("partial", "cut a weights file off behind its first layers, to start training another net",
            Arg("layers", "number of layers to keep", kind=number)),
    Command(("average",), "average weights files of one cfg, number by number", run_average,
            [CFG, OUT, Arg("files", "weights files", many=True)], [PARTIAL, OVERWRITE], group=GROUP),
    command("denormalize", "fold batch normalisation into the weights", opts=(CFG_OUT,),
            more="The outfile belongs to the same cfg without its batch_normalize=1: --cfg-out writes that."),
    command("normalize", "give every layer batch normalisation that does nothing yet", opts=(CFG_OUT,),
            more="The outfile belongs to the same cfg with batch_normalize=1 in every layer that knows it: --cfg-out "
                 "writes that."),
    command("reset", "fold batch normalisation into the weights, but keep it in the net"),
    command("rescale", "let a net trained on pixels from -1 to 1 take them from 0 to 1"),
    command("rgbgr", "swap red and blue in what the first convolution reads"),
    command("oneoff", "start a detector from a classifier of the same classes",
            more="cfg is the detector's; weights are a classifier's with the same layers, whose last convolution has "
                 "as many filters as the detector has classes."),
    command("oneoff2", "start a net that holds another one twice", Arg("start", "layer the second one starts at",
                                                                        kind=number)),
    Command(("statistics",), "mean, deviation and range of every parameter", run_statistics, [CFG, WEIGHTS],
            [Opt("--json", "as JSON"), PARTIAL], group=GROUP),
    Command(("print",), "the weights of one layer, a line for each filter", run_print,
            [CFG, WEIGHTS, Arg("n", "number of the layer", kind=number)], [PARTIAL], group=GROUP),
]

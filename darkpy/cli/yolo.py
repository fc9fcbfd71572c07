"""`yolo` and `coco` train, valid, recall: in the original's words for YOLO v1, whose data sets are fixed there.

Here the .data file is an option; by default it is the one of the original's data set in cfg/.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from darkpy.cli import map as measure
from darkpy.cli import train, valid
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.detect import CFG


def option(data: str) -> Opt:
    return Opt("-data", "the data set", str, data, metavar="FILE")


def changed(opts: list[Opt], **defaults: object) -> list[Opt]:
    """The options with other defaults, also where their help names one."""
    def new(o: Opt) -> Opt:
        value = defaults[o.key]
        return replace(o, default=value, help=re.sub(r"[.\d]+(?= by default)", str(value), o.help))

    return [new(o) if o.key in defaults else o for o in opts]


def commands(word: str, data: str, form: str, thresh: float) -> list[Command]:
    """As `detector` has them, with what the original's `yolo` and `coco` take for granted."""
    def make(mode: str, help: str, run: Callable[[Args], int], args: list[Arg], opts: list[Opt]) -> Command:
        return Command((word, mode), help, run, args, [option(data), *opts], "As in Darknet")

    return [
        make("train", "as detector train", train.run, train.ARGS[1:], train.OPTS),
        make("valid", f"as detector valid; by default in the form of {form}", valid.detector, CFG,
             changed(valid.DETECTOR, eval=form, thresh=thresh, nms=0.5)),
        make("recall", "as detector recall, without suppression", measure.recall, CFG,
             changed(measure.RECALL, nms=0.0)),
    ]


COMMANDS = [*commands("yolo", "cfg/voc.data", "voc", 0.001), *commands("coco", "cfg/coco.data", "coco", 0.01)]

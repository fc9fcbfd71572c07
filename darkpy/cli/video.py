"""`darkpy video`, `detector demo`, `yolo demo`, `coco demo`: boxes in a film, or in what a camera sees.

No window is opened: what is found is printed, and the film with the boxes is written.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.detect import CFG, LISTS, OPTIONS, Failures, show, writer
from darkpy.cli.models import open_model
from darkpy.cli.sizes import count
from darkpy.errors import DataError, UsageError


def run(args: Args) -> int:
    from darkpy.detector import Detector
    from darkpy.tasks import detect as task
    from darkpy.vision.video import Film, Writer

    if args.stretch and args.letterbox:
        raise UsageError("--letterbox and --stretch exclude each other")
    lists = {kind: getattr(args, kind) for kind in LISTS if getattr(args, kind)}
    if list(lists.values()).count("-") > 1:
        raise UsageError("only one list can go to stdout: name a file for the others, as in --json=FILE")
    out = args.out or (None if args.prefix or lists or args.no_image else "predictions.mp4")
    task.check_outputs([path for path in (*lists.values(), out) if path and path != "-"],
                       [args.cfg, args.weights, args.names, getattr(args, "data", None), args.film])
    every = args.skip + 1
    done, begun = 0, 0.0
    with ExitStack() as stack:
        film = stack.enter_context(Film(args.camera if args.film is None else args.film))
        film.ask(args.width, args.height, args.fps)
        target = stack.enter_context(Writer(out, args.fps or film.fps / every)) if out else None
        model = open_model(Detector, args)
        writers = [stack.enter_context(writer(task, kind, path)) for kind, path in lists.items()]
        fit = True if args.letterbox else False if args.stretch else None
        results = model.detect(islice(film, None, None, every), args.thresh, args.nms, args.hier, args.batch, fit,
                               Failures(), average=args.average)
        total = film.frames // every if film.frames else None
        begun = time.perf_counter()
        for result in console.progress(results, total, "detecting", prints=True):
            result = replace(result, path=f"{film.name}/{done * every:08d}")
            if "-" not in lists.values():
                show(result, args.ext_output)
            for w in writers:
                w.add(result)
            if target or args.prefix:
                picture = result.plot()
            if target:
                target.add(picture)
            if args.prefix:
                task.save_picture(result, Path(f"{args.prefix}_{done:08d}.jpg"))
            done += 1
        if not done:
            raise DataError(f"{film.name}: holds no frame that can be read: is it a film?")
    sys.stdout.flush()
    fps = done / (time.perf_counter() - begun)
    console.note(f"{count(done, 'frame')}, {fps:.1f} a second" + (f": {out} written" if out else ""))
    return 0


LEFT_OUT = ("-out", "-save_labels", "--no-image", "-fullscreen")
OWN = [
    Opt("-out", "the film with boxes, .mp4 or .avi; predictions.mp4 by default, none where -prefix or a list is given",
        str, metavar="FILE", also=("-out_filename",)),
    Opt("--no-image", "write no film"),
    Opt("-prefix", "write each frame with its boxes as PREFIX_00000000.jpg and so on", str, metavar="PREFIX"),
    Opt("-camera", "number of the camera, where no film is given", int, 0, low=0, high=99, also=("-c",)),
    Opt("-skip", "leave out so many frames behind each", int, 0, low=0, high=1 << 20, also=("-s",)),
    Opt("-width", "ask the camera for this width", int, 0, low=0, high=1 << 16, also=("-w",)),
    Opt("-height", "ask the camera for this height", int, 0, low=0, high=1 << 16, also=("-h",)),
    Opt("-fps", "frames a second of the camera and of the film that is written; by default as the one read", float, 0.0,
        low=0, high=999),
    Opt("-fullscreen", "no window is opened in any case", accepted=True),
    *(o for o in OPTIONS if o.name not in LEFT_OUT),
]
FILM = Arg("film", "a film; without it the camera", required=False)


def command(words: tuple[str, ...], help: str, average: int, args: list[Arg], group: str = "As in Darknet") -> Command:
    mean = Opt("-average", "the net's outputs are averaged over so many frames", int, average, low=1, high=100,
               also=("-avg",))
    return Command(words, help, run, [*args, *CFG, FILM], [mean, *OWN], group,
                   "Ctrl-C ends it; what was written until then stays.  Frames are counted from 0.")


COMMANDS = [
    command(("video",), "find objects in a film, or in what a camera sees", 1, [], "Use a network"),
    command(("detector", "demo"), "as video; class names from a .data file", 3,
            [Arg("data", ".data file with names=")]),
    command(("yolo", "demo"), "as video, for YOLO v1", 1, []),
    command(("coco", "demo"), "as video, for YOLO v1 on COCO", 1, []),
]

"""`darkpy nightmare`: a picture in which the features of a layer grow."""

from __future__ import annotations

from pathlib import Path

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.detect import CFG
from darkpy.errors import ModelError


def run(args: Args) -> int:
    from darkpy.tasks.detect import check_outputs, make_folder
    from darkpy.tasks.nightmare import Dream, Dreamer
    from darkpy.vision.decode import read_image, to_float, to_uint8, write_image

    stem = f"{Path(args.image).stem}_{Path(args.cfg).stem}_{args.layer}"
    folder = Path(args.prefix) if args.prefix else Path()
    targets = [folder / f"{stem}_{k:06d}.jpg" for k in range(args.rounds)]
    check_outputs(map(str, targets), [args.image])
    dream = Dream(args.layer, args.range, args.iters, args.octaves, args.rate, args.thresh, bool(args.norm), args.zoom,
                  args.rotate)
    dreamer = Dreamer(args.cfg, args.weights, dream, args.srand, args.lax)
    channels = next(iter(dreamer.nets.values())).input_shape[0]
    if channels not in (1, 3):
        raise ModelError(f"{args.cfg}: channels={channels}: pictures have 1 or 3")
    picture = to_float(read_image(args.image, channels=channels))
    make_folder(folder)
    for k, target in enumerate(targets):
        for _ in console.progress(range(args.iters), args.iters, f"round {k}"):
            picture = dreamer.step(picture)
        rgb = to_uint8(picture)
        write_image(target, rgb if channels == 3 else rgb.repeat(3, axis=2))
        print(target, flush=True)
        picture = dreamer.turn(picture)
    return 0


COMMANDS = [
    Command(("nightmare",), "a picture in which the features of a layer grow", run,
            [*CFG, Arg("image", "where to begin"), Arg("layer", "number of the layer, from 0", kind=int)],
            [Opt("-range", "layers around it, of which each step takes one", int, 1, low=1, high=1000),
             Opt("-norm", "0: do not scale steps to one length", int, 1, low=0, high=1),
             Opt("-rounds", "pictures to write, each going on from the last", int, 1, low=1, high=1_000_000),
             Opt("-iters", "steps for each", int, 10, low=1),
             Opt("-octaves", "sizes, each 4/3 of the next", int, 4, low=1, high=32),
             Opt("-zoom", "part of the picture that is magnified behind each round", float, 1.0, low=0.01, high=10),
             Opt("-rate", "length of a step", float, 0.04, low=0),
             Opt("-thresh", "features so many standard deviations above the mean grow", float, 1.0),
             Opt("-rotate", "by how many radians it is turned behind each round", float, 0.0),
             Opt("-prefix", "folder for the pictures", str, metavar="FOLDER"),
             Opt("-srand", "for the random choices", int, 0, low=0),
             Opt("--lax", "unknown keys in the cfg are only warned of")],
            "As in Darknet", "Nets without [connected] and [local] layers up to that one take pictures of any size."),
]

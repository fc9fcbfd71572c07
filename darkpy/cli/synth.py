"""`darkpy synth`: a data set of drawn scenes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.sizes import side

LEAST, MOST = 64, 4096  # pixels of a side


def run(args: Args) -> int:
    from darkpy.errors import UsageError
    from darkpy.tasks.synth import Options, synth

    height, width = args.size if isinstance(args.size, tuple) else (args.size, args.size)
    for pixels in (height, width):
        if not LEAST <= pixels <= MOST:
            raise UsageError(f"-size {pixels}: scenes have sides of {LEAST} to {MOST} pixels")
    valid = max(1, args.n // 10) if args.valid is None else args.valid
    if not args.n + valid:
        raise UsageError("-n 0 and -valid 0 leave no image to draw")

    def progress(items: Iterable[Counter[str]], total: int) -> Iterable[Counter[str]]:
        return console.progress(items, total, "drawing")

    made = synth(args.out, Options(args.n, valid, width, height, args.seed, args.relative, args.workers), progress)
    for name, objects in made.objects.items():
        print(f"{name}: {objects}")
    print(made.data)
    return 0


COMMANDS = [
    Command(("synth",), "draw a data set: scenes with everyday things and their boxes", run,
            [Arg("out", "folder to be made")],
            [Opt("-n", "images to train on", int, 2000, low=0, high=10**6),
             Opt("-valid", "images to measure on; a tenth of -n by default", int, low=0, high=10**6),
             Opt("-size", "of the images: a side, or WIDTHxHEIGHT", side, 416, metavar="N|WxH"),
             Opt("-seed", "of all random numbers: the same seed, the same scenes", int, 0, low=0, high=(1 << 63) - 1),
             Opt("--relative", "lists relative to the folder, which can then be moved"),
             Opt("-workers", "processes that draw", int, low=1, high=64)],
            group="Train and measure",
            more="Makes OUT/images, OUT/labels, train.txt, valid.txt, OUT.names, OUT.data, and preview.jpg with some "
                 "scenes and their boxes. Prints the number of objects of each class, and the .data file. A set drawn "
                 "with another seed is one the network has not seen."),
]

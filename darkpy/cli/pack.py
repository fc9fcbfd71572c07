"""`darkpy pack`: weights with one bit for each binary weight."""

from __future__ import annotations

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt


def run(args: Args) -> int:
    from darkpy.tasks.packing import pack

    made = pack(args.cfg, args.weights, args.outfile, args.lax)
    if made.binary:
        console.note(f"{made.out}: {made.nbytes:,} bytes, {made.before / made.nbytes:.1f} times smaller: "
                     f"{made.binary:,} of {made.params:,} parameters are one bit each")
    else:
        console.note(f"{made.out}: {made.nbytes:,} bytes, as large as {args.weights}: {args.cfg} has no convolution "
                     "with binary=1 or xnor=1")
    print(made.out)
    return 0


COMMANDS = [
    Command(("pack",), "weights of a binary network into a file with a bit for each", run,
            [Arg("cfg", "network description"), Arg("weights", "file to read"),
             Arg("outfile", "file to write (default: the weights' name, ending in .dpk)", required=False)],
            [Opt("-lax", "unknown keys are warnings, not errors")], group="Networks and weights",
            more="For networks with binary=1 or xnor=1: the file is up to 32 times smaller.  detect, classify, valid "
                 "and all else that only runs a network take it in place of the .weights file; it cannot be trained "
                 "further, so keep that one.  docs/weights.md describes the format."),
]

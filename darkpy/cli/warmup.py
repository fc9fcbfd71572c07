"""`darkpy warmup`: compiles the kernels of networks beforehand, as when an image or a container is built."""

from __future__ import annotations

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.sizes import count


def run(args: Args) -> int:
    from darkpy.tasks.warmup import warm_up

    kernels, seconds = 0, 0.0
    total, steps = warm_up(args.cfgs, args.lax)
    for warm in console.progress(steps, total, "compiling"):
        kernels, seconds = kernels + warm.kernels, seconds + warm.seconds
        if warm.kernels:
            console.note(f"{warm.name}: {count(warm.kernels, 'kernel')} in {warm.seconds:.1f} s")
    console.note(f"{count(kernels, 'kernel')} compiled in {seconds:.1f} s" if kernels else "nothing is left to compile")
    return 0


COMMANDS = [
    Command(("warmup",), "compile kernels beforehand, so that the first image does not wait for them", run,
            [Arg("cfgs", "networks to compile for; without any, what the usual ones need", required=False, many=True)],
            [Opt("--lax", "unknown keys in a cfg are no error")],
            more="This is for inference in float32; training and -precision compile their own at their first use.  "
                 "Kernels are kept in the folder DARKPY_CACHE (by default the user's cache directory) and compiled "
                 "again only for another version, CPU or Python."),
]

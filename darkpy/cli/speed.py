"""`darkpy speed`: how fast a network runs on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from darkpy import cfg
from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.models import PRECISION
from darkpy.cli.sizes import count, side

if TYPE_CHECKING:
    from darkpy.tasks.speed import Speed


def run(args: Args) -> int:
    from darkpy.build import describe
    from darkpy.tasks.speed import measure

    s = measure(args.cfg, args.tics, args.size, args.batch, args.threads, args.layers, args.lax, args.precision,
                args.memory)
    if args.json:
        print(json.dumps(asdict(s) | {"seconds": s.median}, indent=1))
        return 0
    print(f"{args.cfg}: input {describe(s.input_shape)}, batch {s.batch}, {count(s.threads, 'thread')}, {s.precision}, "
          f"ready after {s.prepare:.1f} s")
    if s.note:
        console.note(s.note)
    if s.layers:
        by_layer(s)
    total = sum(s.passes)
    print(f"{len(s.passes)} evals, {total:.2f} seconds")
    print(f"Floating Point Operations: {s.flops / 1e9:.2f} Bn")
    print(f"FLOPS: {s.flops / s.median / 1e9:.2f} Bn")
    print(f"Speed: {s.median:.6f} sec/eval (median; fastest {min(s.passes):.6f}, slowest {max(s.passes):.6f})")
    print(f"Speed: {s.batch / s.median:.2f} images/s")
    return 0


def by_layer(s: Speed) -> None:
    from darkpy.build import describe

    whole = sum(layer.seconds for layer in s.layers) or 1.0
    print("   #  layer             output               ms      %   GFLOP/s")
    for layer in s.layers:
        rate = f"{layer.flops / layer.seconds / 1e9:9.1f}" if layer.flops and layer.seconds else ""
        print(f"{layer.index:4}  {layer.kind:16}  {describe(layer.out_shape):16}  {layer.seconds * 1e3:7.2f}  "
              f"{100 * layer.seconds / whole:5.1f} {rate}".rstrip())
    print()


def tics(text: str) -> int:
    number: int = cfg.convert(text, int, {"low": 1, "high": 1_000_000})
    return number


COMMANDS = [
    Command(("speed",), "time forward passes of a network", run,
            [Arg("cfg", "network description"),
             Arg("tics", "how many passes; by default as many as take five seconds", required=False, kind=tics)],
            [Opt("-size", "input size in pixels instead of the cfg's: a side, or WIDTHxHEIGHT", side, metavar="N|WxH"),
             Opt("-batch", "images in one pass", int, 1, low=1, high=1024),
             Opt("-threads", "CPU threads", int, low=1, high=1024),
             PRECISION,
             Opt("-memory", "packed weights may take so many times the raw ones (2.5)", float, low=0.1, high=100),
             Opt("-layers", "also a table of the time in each layer"),
             Opt("-json", "all numbers as JSON"), Opt("-lax", "unknown keys are warnings, not errors")],
            group="Networks and weights",
            more="Decoding of boxes and reading of images are not part of it.  In the table, work that was fused into "
                 "an earlier layer's kernel is counted there."),
]

"""`darkpy summary` and `darkpy ops`: what a network is made of, and what it costs to run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.sizes import side

if TYPE_CHECKING:
    from darkpy.tasks.summary import Row, Summary

HEADINGS = ("#", "layer", "filters", "window", "input", "output", "parameters", "BFLOPs", "memory")
BINARY = ("bits", "packed")  # only of nets with binary weights


def run_summary(args: Args) -> int:
    from darkpy.build import describe
    from darkpy.tasks.summary import summarize

    s = summarize(args.cfg, args.size, args.lax)
    for warning in s.warnings:
        console.note(f"warning: {warning}")
    if args.weights:
        from darkpy.tasks.summary import judge

        console.note(judge(args.cfg, args.weights, args.lax))
    if args.json:
        print(json.dumps(as_json(s), indent=1))
        return 0
    headings = HEADINGS + (BINARY if s.is_binary else ())
    rows = [texts(row) + (binary_texts(row) if s.is_binary else ()) for row in s.rows]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        cells = (align(row[i], width, i) for i, width in enumerate(widths))
        print("  ".join(cells).rstrip())
    print(f"\n{s.path}: {len(s.rows)} layers, {s.params / 1e6:.1f} M parameters ({s.params:,}; {mega(4 * s.params)})")
    print(f"at {describe(s.input_shape)}: {billions(s.flops)}, outputs of all layers {mega(s.memory)} an image")
    if s.is_binary:
        print(f"packed, with a bit for each binary weight: {mega(s.packed)}, {4 * s.params / s.packed:.1f} times "
              f"smaller; {100 * s.bit_flops / s.flops:.1f} % of the arithmetic is on bits")
    for pixels, flops in s.at_sides.items():
        print(f"at {pixels}x{pixels}: {billions(flops)}")
    return 0


def run_ops(args: Args) -> int:
    from darkpy.tasks.summary import summarize

    s = summarize(args.cfg, args.size)
    print(f"Floating Point Operations: {s.flops:.0f}")
    print(f"Floating Point Operations: {s.flops / 1e9:.2f} Bn")
    return 0


def texts(row: Row) -> tuple[str, ...]:
    from darkpy.build import describe

    near = row.sources == [row.index - 1]
    came = describe(row.in_shape) if near else " + ".join(f"#{s}" for s in row.sources)
    return (str(row.index), row.kind, "" if row.filters is None else str(row.filters), row.window, came,
            describe(row.out_shape), f"{row.params:,}" if row.params else "",
            f"{row.flops / 1e9:.3f}" if row.flops else "", mega(row.memory))


def binary_texts(row: Row) -> tuple[str, str]:
    """Bits of a weight x bits of an input, and bytes of the packed parameters."""
    return "" if row.bits is None else f"{row.bits}x{row.input_bits}", mega(row.packed) if row.packed else ""


def align(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column in (1, 3) else cell.rjust(width)


def billions(flops: float) -> str:
    return f"{flops / 1e9:.1f} BFLOPs" if flops >= 1e8 else f"{flops / 1e9:.2g} BFLOPs"


def mega(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def as_json(s: Summary) -> dict[str, object]:
    """Shapes are as in the library: (channels, height, width); memory in bytes."""
    return {
        "cfg": s.path, "input_shape": list(s.input_shape), "params": s.params, "flops": s.flops, "memory": s.memory,
        "packed": s.packed, "bit_flops": s.bit_flops,
        "flops_at_side": {str(k): v for k, v in s.at_sides.items()},
        "layers": [{"index": r.index, "kind": r.kind, "filters": r.filters, "window": r.window, "sources": r.sources,
                    "in_shape": list(r.in_shape), "out_shape": list(r.out_shape), "params": r.params,
                    "flops": r.flops, "memory": r.memory, "line": r.line, "bits": r.bits,
                    "input_bits": r.input_bits, "packed": r.packed} for r in s.rows],
        "warnings": s.warnings,
    }


CFG = Arg("cfg", "network description")
SIZE = Opt("-size", "input size in pixels instead of the cfg's: a side, or WIDTHxHEIGHT", side, metavar="N|WxH")
COMMANDS = [
    Command(("summary",), "a table of a network's layers: shapes, parameters, arithmetic, memory", run_summary,
            [CFG, Arg("weights", "a .weights or .dpk file, to see whether it fits", required=False)],
            [SIZE, Opt("-json", "the table as JSON"), Opt("-lax", "unknown keys are warnings, not errors")],
            group="Networks and weights",
            more="Parameters count everything a .weights file holds, the rolling statistics of batch normalisation "
                 "too.  BFLOPs are 10^9 multiplications and additions for one image, counted as Darknet does; a "
                 "route or shortcut names the layers it reads.  For binary networks also bits of a weight x bits of "
                 "an input, and the memory of the parameters with a bit for each binary weight (darkpy pack)."),
    Command(("ops",), "count the arithmetic of one forward pass, as in Darknet", run_ops, [CFG], [SIZE],
            group="Networks and weights"),
]

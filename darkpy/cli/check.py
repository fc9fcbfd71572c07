"""`darkpy check`: a data set read from end to end before training."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from darkpy import cfg
from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.sizes import count, side
from darkpy.errors import DataError

if TYPE_CHECKING:
    from darkpy.tasks.check import Finding, Report


def run(args: Args) -> int:
    from darkpy.build import build
    from darkpy.tasks.check import Checker

    net = args.net or args.cfg
    graph = build(cfg.read(net), size=args.size, lax=args.lax) if net else None
    checker = Checker(args.data, graph, args.lax)
    for _ in console.progress(checker, len(checker), "checking"):
        pass
    report = checker.report
    shown = chosen(report, sys.maxsize if args.all or args.json else args.most)
    if args.json:
        print(json.dumps(as_json(report, shown), indent=1))
    elif console.terminal(sys.stdout):
        table(report, shown)
    else:
        for finding in shown:
            print(finding)
        left_out(report, shown)
    if not args.json:
        summary(report)
    return DataError.exit_status if report.count("error") else 0


def chosen(report: Report, most: int) -> list[Finding]:
    """The first findings of each kind, errors before warnings before hints."""
    from darkpy.tasks.check import LEVELS

    taken: Counter[tuple[str, str]] = Counter()
    shown = []
    for finding in sorted(report.findings, key=lambda f: LEVELS.index(f.level)):
        taken[finding.level, finding.kind] += 1
        if taken[finding.level, finding.kind] <= most:
            shown.append(finding)
    return shown


def kinds(findings: list[Finding]) -> Counter[tuple[str, str]]:
    return Counter((f.level, f.kind) for f in findings)


def left_out(report: Report, shown: list[Finding]) -> None:
    """A line for each kind of which not all are shown."""
    there = kinds(shown)
    for kind, n in kinds(report.findings).items():
        if n > there[kind]:
            print(f"and {n - there[kind]} more: {kind[1]} ({kind[0]}): --all shows them")


def table(report: Report, shown: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not shown:
        return
    colours = {"error": "bold red", "warning": "yellow", "hint": "cyan"}
    grid = Table(box=None, pad_edge=False)
    for title in ("", "kind", "where", "what"):
        grid.add_column(title, overflow="fold")
    for f in shown:
        grid.add_row(Text(f.level, colours[f.level]), Text(f.kind), Text(f.place), Text(f.text))
    Console(file=sys.stdout, highlight=False).print(grid)
    left_out(report, shown)


def summary(report: Report) -> None:
    lists = ", ".join(f"{key} {count(n, 'image')}" for key, n in report.images.items()) or "no images"
    objects = "" if report.classifier else f", {count(report.objects.total(), 'object')}"
    verdict = ", ".join(count(report.count(level), level) for level in ("error", "warning", "hint"))
    common = ", ".join(f"{report.name(k)} {n}" for k, n in report.objects.most_common(10))
    if common:
        print(f"{'images' if report.classifier else 'objects'}: {common}"
              + (f" and {len(report.objects) - 10} more classes" if len(report.objects) > 10 else ""))
    print(f"{cfg.show(report.path)}: {lists}{objects}: {verdict}")


def as_json(report: Report, shown: list[Finding]) -> dict[str, object]:
    return {"path": report.path, "images": report.images, "empty": report.empty,
            "objects": {report.name(k): n for k, n in sorted(report.objects.items())},
            "errors": report.count("error"), "warnings": report.count("warning"), "hints": report.count("hint"),
            "findings": [asdict(f) for f in shown]}




COMMANDS = [
    Command(("check",), "read every image and label of a data set, and report all that is wrong", run,
            [Arg("data", ".data file with train= and valid="),
             Arg("net", "network to be trained: classes, input size and number of boxes are compared", required=False)],
            [Opt("-cfg", "the same network, as an option", str, metavar="FILE"),
             Opt("-size", "input size in pixels instead of the cfg's: a side, or WIDTHxHEIGHT", side, metavar="N|WxH"),
             Opt("-most", "findings shown of each kind", int, 20, low=1), Opt("-all", "show all findings"),
             Opt("-json", "everything as JSON"), Opt("-lax", "unknown keys are warnings, not errors")],
            group="Train and measure",
            more="Errors are what training cannot use; warnings what it can, but hardly as meant; hints may be as they "
                 "should. The exit status is 4 where there are errors."),
]

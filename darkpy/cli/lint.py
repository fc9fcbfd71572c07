"""`darkpy lint`: every fault of .cfg and .data files at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from darkpy import cfg
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.sizes import count
from darkpy.errors import DataError, ModelError

if TYPE_CHECKING:
    from darkpy.tasks.lint import Report


def run(args: Args) -> int:
    from darkpy.build import line_of
    from darkpy.tasks.lint import lint

    reports = lint(args.files, args.lax)
    if args.json:
        print(json.dumps([as_json(r) for r in reports], indent=1))
    else:
        for r in reports:
            found = [(line_of(e), 0, e) for e in r.errors] + [(line_of(w), 1, f"{w} (warning)") for w in r.warnings]
            for _, _, text in sorted(found):
                print(text)
            print(f"{cfg.show(r.path)}: {verdict(r)}")

    def faulty(r: Report) -> int:
        return (ModelError if r.is_cfg else DataError).exit_status if r.errors else 0

    return min(filter(None, map(faulty, reports)), default=0)


def verdict(r: Report) -> str:
    """One line on a whole file."""
    from darkpy.build import describe

    warnings = count(len(r.warnings), "warning")
    if r.errors:
        return f"{count(len(r.errors), 'error')}, {warnings}"
    if r.graph:
        what = f"{len(r.graph.layers)} layers, {r.graph.n_params / 1e6:.1f} M parameters, "
        what += f"input {describe(r.graph.input_shape)}"
    else:
        what = f"{(r.data and r.data.config.classes) or 'no'} classes"
    return f"good: {what}" + (f"; {warnings}" if r.warnings else "")


def as_json(r: Report) -> dict[str, object]:
    return {"path": r.path, "good": not r.errors, "errors": [item(r.path, e) for e in r.errors],
            "warnings": [item(r.path, w) for w in r.warnings]}


def item(path: str, text: str) -> dict[str, object]:
    from darkpy.build import PLACE

    place = PLACE.search(text)
    return {"line": int(place[1]) if place else None,
            "message": text[place.end() :] if place else text.removeprefix(f"{cfg.show(path)}: ")}


COMMANDS = [
    Command(("lint",), "every fault of .cfg and .data files at once, with the mend", run,
            [Arg("files", ".cfg and .data files; each data set is also compared with each network", many=True)],
            [Opt("-json", "reports as JSON"), Opt("-lax", "unknown keys are warnings, not errors")],
            group="Networks and weights",
            more="Exit status: 0 where only warnings are found, 3 for faults of a cfg, 4 for faults of a data set."),
]

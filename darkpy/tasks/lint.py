"""Everything that is wrong with a .cfg or .data file, found at once and without running anything.

Errors are what darkpy refuses, or what cannot work; warnings are what works but is hardly meant.  Each is one line
that begins with `path:line:`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darkpy import cfg, datafile
from darkpy.build import Graph, examine, line_of
from darkpy.datafile import DataFile
from darkpy.datasets.training import is_segmenter
from darkpy.errors import CfgError, DataError
from darkpy.layers import LAYERS, Layer
from darkpy.layers.base import flat
from darkpy.vision.names import read_map, read_names

LOOK = 1000  # images of a list that are looked for on the disk


@dataclass
class Report:
    """One file: what was found in it, and the net or the data set as far as it could be read."""

    path: str
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    graph: Graph | None = None
    data: DataFile | None = None

    @property
    def is_cfg(self) -> bool:
        return self.data is None and not is_data(self.path)


def lint(paths: Sequence[str | Path], lax: bool = False) -> list[Report]:
    """A report for each file.  Every data set among them is also compared with every net among them."""
    reports = [check_data(str(p), lax) if is_data(p) else check_cfg(str(p), lax) for p in paths]
    for data, net in itertools.product(reports, reports):
        if data.data and net.graph:
            data.errors += compare(data.data, net.graph)
    for report in reports:
        report.errors.sort(key=line_of)
        report.warnings.sort(key=line_of)
    return reports


def is_data(path: str | Path) -> bool:
    return Path(path).suffix in (".data", ".dataset")


# -- cfg ----------------------------------------------------------------------------------------------------------


def check_cfg(path: str, lax: bool) -> Report:
    report = Report(path)
    try:
        sections, report.errors = cfg.scan(cfg.read_text(path), path)
    except CfgError as e:
        report.errors = e.problems
        return report
    if not sections:
        return report
    if sections[0].kind in LAYERS:  # there is no [net], as was reported
        sections.insert(0, cfg.Section("net", 1, path, broken=True))
    else:
        sections[0].kind = "net"  # [net] it is, or was meant to be
    graph, problems = examine(sections, lax=lax)
    report.errors += problems
    report.warnings = graph.warnings + schedule_advice(graph)
    if not report.errors:
        report.warnings += wiring_advice(graph) + head_advice(graph)
        report.graph = graph
    return report


def schedule_advice(graph: Graph) -> list[str]:
    """Training options that work against each other."""
    c, section, found = graph.config, graph.sections[0], []

    def warn(key: str, text: str) -> None:
        found.append(f"{section.place(key)}: [net] {text}")

    if c.batch % c.subdivisions and c.subdivisions <= c.batch:
        part = c.batch // c.subdivisions
        warn("subdivisions", f"subdivisions={c.subdivisions} does not divide batch={c.batch}: each step would train on "
                             f"{c.subdivisions} x {part} = {c.subdivisions * part} images")
    if c.policy == "steps":
        if any(a >= b for a, b in itertools.pairwise(c.steps)):
            warn("steps", "steps= do not rise from one to the next")
        late = [s for s in c.steps if c.max_batches and s >= c.max_batches]
        if late:
            warn("steps", f"steps={late[0]} is never reached: training ends at max_batches={c.max_batches}")
    if c.max_batches and c.burn_in >= c.max_batches:
        warn("burn_in", f"burn_in={c.burn_in} lasts until the end: max_batches={c.max_batches}")
    if c.learning_rate <= 0:
        warn("learning_rate", f"learning_rate={c.learning_rate:g}: nothing would be learned")
    return found


def wiring_advice(graph: Graph) -> list[str]:
    """Layers whose output goes nowhere: usually a route that is off by one."""
    read = set(itertools.chain.from_iterable(graph.wiring))
    return [f"{graph.sections[i + 1].place()}: [{layer.kind}] is layer {i}, which no later layer reads"
            for i, layer in enumerate(graph.layers[:-1]) if i not in read and not layer.is_loss]


def heads_of(graph: Graph) -> list[Layer]:
    return [layer for layer in graph.layers if hasattr(layer, "decode")]


def head_advice(graph: Graph) -> list[str]:
    """What detection heads rarely mean."""
    found = []
    heads = heads_of(graph)
    used: set[int] = set()
    for head in heads:
        i = head.net.index
        section, before = graph.sections[i + 1], graph.wiring[i][0]
        activation = getattr(graph.layers[before].config, "activation", "linear") if before >= 0 else "linear"
        if activation != "linear" and not getattr(head.config, "new_coords", False):
            found.append(f"{graph.sections[before + 1].place('activation')}: [{graph.layers[before].kind}] "
                         f"activation={activation} feeds [{head.kind}]: heads expect activation=linear")
        first = heads[0]
        for key in ("classes", "num", "anchors"):
            mine, theirs = getattr(head.config, key, None), getattr(first.config, key, None)
            if head.kind == first.kind and mine != theirs:
                found.append(f"{section.place(key)}: [{head.kind}] {key} differs from the first [{first.kind}] in line "
                             f"{graph.sections[first.net.index + 1].line}")
        used |= set(getattr(head, "mask", ()))
    if heads and used:
        idle = sorted(set(range(heads[-1].config.num)) - used)
        if idle:
            place = graph.sections[heads[-1].net.index + 1].place("mask")
            found.append(f"{place}: [{heads[-1].kind}] no mask= chooses anchor {', '.join(map(str, idle))}: "
                         "boxes of that shape would not be learned")
    return found


# -- data ---------------------------------------------------------------------------------------------------------


def check_data(path: str, lax: bool) -> Report:
    report = Report(path)
    try:
        data, report.errors = datafile.examine(path, lax)
        stray = [(n, line) for n, line in cfg.lines_of(cfg.read_text(path, DataError))
                 if not all(part.strip() for part in line.partition("="))]
    except DataError as e:
        report.errors = str(e).split("\n")
        return report
    report.data, report.warnings = data, list(data.warnings)
    report.warnings += [f"{cfg.show(path)}:{n}: {cfg.clip(line)!r} is no option (key=value): it is passed over"
                        for n, line in stray[: cfg.MAX_PROBLEMS]]
    if not data.config.classes and "classes" not in data.section.options:
        report.warnings.append(f"{cfg.show(path)}:1: no classes= is given")
    for key in datafile.FILES:
        if getattr(data.config, key):
            try:
                check_file(data, key, report)
            except DataError as e:
                report.errors.append(at(data, key, str(e)))
    for key in ("backup", "results"):
        if os.path.isfile(datafile.resolve(getattr(data.config, key), data.path)):
            report.errors.append(at(data, key, f"{key}={getattr(data.config, key)} is a file: it must name a folder"))
    return report


def at(data: DataFile, key: str, text: str) -> str:
    """The text behind the place of an option."""
    place = data.section.place(key)
    return text if text.startswith(f"{place}: ") else f"{place}: {text}"


def check_file(data: DataFile, key: str, report: Report) -> None:
    """DataError for a file a .data file names that is missing, cannot be read, or does not fit."""
    path, classes = data.find(key), data.config.classes
    if key in ("names", "labels"):
        count = len(read_names(path))
        text = f"{key}={cfg.show(path)} has {count} names"
        if classes and count < classes:
            raise DataError(f"{text}, but classes={classes}: each class needs one")
        if classes and count > classes:
            report.warnings.append(at(data, key, f"{text}: with classes={classes} only the first {classes} are used"))
    elif key == "map":
        read_map(path, classes)
    elif key == "tree":
        from darkpy.vision.tree import Tree

        Tree.read(path)
    elif key in ("train", "valid", "test"):
        check_list(path)


def check_list(path: Path) -> None:
    """DataError for a list of images that is empty, or whose first images are not there."""
    from darkpy.datasets.paths import read_list

    listed = read_list(path)
    missing = [i for i, image in enumerate(listed.images[:LOOK]) if not os.path.isfile(image)]
    if missing:
        looked = f"of the first {LOOK}" if len(listed) > LOOK else f"of {len(listed)}"
        raise DataError(f"{len(missing)} {looked} images of {cfg.show(path)} do not exist: the first is "
                        f"{cfg.clip(listed.images[missing[0]], 100)} in line {listed.lines[missing[0]]}")


def compare(data: DataFile, graph: Graph) -> list[str]:
    """Where a .data file and a cfg contradict each other."""
    classes = data.config.classes
    if not classes:
        return []
    heads = heads_of(graph)
    for head in heads:
        if head.config.classes != classes:
            place = graph.sections[head.net.index + 1].place("classes")
            return [at(data, "classes", f"classes={classes}, but [{head.kind}] at {place} has "
                                        f"classes={head.config.classes}")]
    if not heads:
        last = [layer for layer in graph.layers if layer.has_output][-1]
        if is_segmenter(graph, data):
            found = last.config.classes if last.kind == "iseg" else last.out_shape[0]
            if found != classes:
                place = graph.sections[last.net.index + 1].place()
                return [at(data, "classes", f"classes={classes}, but [{last.kind}] at {place} gives maps of {found} "
                                            "classes")]
        elif flat(last.out_shape) != classes:
            place = graph.sections[last.net.index + 1].place()
            return [at(data, "classes", f"classes={classes}, but [{last.kind}] at {place} ends the network with "
                                        f"{flat(last.out_shape)} numbers")]
    return []

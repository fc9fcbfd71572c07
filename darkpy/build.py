"""Sections of a cfg -> layers with their wiring; finds every problem of a file in one pass."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkpy import cfg, dialects
from darkpy.errors import CfgError
from darkpy.layers import LAYERS, Layer
from darkpy.layers.base import LayerProblem, NetInfo, flat
from darkpy.netconfig import NetConfig
from darkpy.ops.spec import Shape

MAX_NUMBERS = 1 << 31  # of one layer's output for one image, and of all parameters: 8 GB of float32
MAX_LAYERS = 4096
PLACE = re.compile(r":(\d+): ")  # behind the path at the start of a problem
TRAINING = ("policy", "steps", "scales", "step", "subdivisions")  # keys of [net] that leave the size of the input alone
FIRM = ("anchors", "mask", "num")  # keys of heads whose problems do not depend on the shape of the input


@dataclass
class Graph:
    """Layers in order; layer i reads the outputs of layers `wiring[i]` (-1: the net's input)."""

    config: NetConfig
    input_shape: Shape
    layers: list[Layer] = field(default_factory=list)
    wiring: list[list[int]] = field(default_factory=list)
    sections: list[cfg.Section] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    path: str = "cfg"

    @property
    def batch(self) -> int:
        """Rows one forward pass of training takes: images of a subdivision times time steps."""
        c = self.config
        return max(c.batch // c.subdivisions, 1) * c.time_steps

    @property
    def n_params(self) -> int:
        return sum(layer.n_params for layer in self.layers)


class Builder:
    """One pass over the sections that finds as many problems as it can.

    A layer that cannot be built is taken to hand on its input's shape.  What is built on that guess is `doubtful`: of
    its own problems only those are told that do not hang on a guessed size.
    """

    def __init__(self, sections: list[cfg.Section], lax: bool):
        self.sections, self.lax = sections, lax
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.layers: list[Layer | None] = []
        self.wiring: list[list[int]] = []
        self.shapes: list[Shape] = []
        self.net_doubtful = False
        self.faulty: list[bool] = []  # the layer itself has a problem
        self.doubtful: list[bool] = []  # it, or something before it, has one

    def options(self, section: cfg.Section, config: type) -> tuple[Any, bool]:
        """The bound Config, and whether it can be trusted to give the right shape."""
        ignored = dialects.TRAINING_ONLY.get(dialects.canonical(section.kind), ())
        bound: Any
        bound, problems, warnings = cfg.bind(section, config, ignored)
        if self.lax:
            warnings += [p for p in problems if ": unknown key" in p]
            problems = [p for p in problems if ": unknown key" not in p]
        self.problems += problems
        self.warnings += warnings
        # an unknown key or word leaves the shape alone
        return bound, not section.broken and all(": unknown" in p for p in problems)

    def net(self, batch: int | None, size: int | tuple[int, int] | None) -> tuple[NetConfig, Shape]:
        section = self.sections[0]
        c, sure = self.options(section, NetConfig)
        if batch is not None:
            c.batch, c.subdivisions = batch, 1
        if size is not None:
            c.height, c.width = (size, size) if isinstance(size, int) else size
            c.inputs = 0
        c.finish()
        problems = [(key, text) for key, text in c.problems() if sure or key in TRAINING]
        shape: Shape = (c.channels, c.height, c.width) if c.width and c.height and c.channels else (max(c.inputs, 1),)
        if flat(shape) > MAX_NUMBERS:
            problems.append(("width", f"an input of {flat(shape):,} numbers: at most {MAX_NUMBERS:,} are allowed"))
            shape = (1,) * len(shape)
        if not sure and not c.inputs:  # told already: go on with a size that is usual
            shape = (c.channels or 3, c.height or 416, c.width or 416)
        self.problems += [f"{section.place(key)}: [net] {message}" for key, message in problems]
        self.net_doubtful = not sure or any(key not in TRAINING for key, _ in problems)
        return c, shape

    def layer(self, index: int, graph: Graph, info: NetInfo) -> None:
        section = self.sections[index + 1]
        cls = LAYERS.get(section.kind)
        sources, faulty = [index - 1], True
        layer: Layer | None = None
        if cls is None:
            self.problems.append(f"{section.place()}: {unknown_section(section.kind)}")
        else:
            config, sure = self.options(section, cls.Config)
            try:
                sources = cls.sources(config, index)
            except LayerProblem as e:
                self.problems.append(self.explain(e, index, [], graph))
                sources = []
            doubt = any(self.is_doubtful(s) for s in sources)
            try:
                # an option that names no source was told by bind, one that names a wrong one just now
                layer = cls(config, [self.shape(s, graph) for s in sources], info) if sources else None
                if layer:
                    self.check_size(layer)
                faulty = not sure or layer is None
            except LayerProblem as e:
                layer = None
                self.problems += [self.explain(problem, index, sources, graph) for problem in (e, *e.also)
                                  if sure and (not doubt or self.firm(problem))]
        self.faulty.append(faulty)
        self.doubtful.append(faulty or any(self.is_doubtful(s) for s in sources))
        self.shapes.append(layer.out_shape if layer else self.shape(sources[0] if sources else index - 1, graph))
        self.layers.append(None if faulty else layer)
        self.wiring.append(sources)

    def shape(self, source: int, graph: Graph) -> Shape:
        return graph.input_shape if source < 0 else self.shapes[source]

    def is_doubtful(self, source: int) -> bool:
        return self.net_doubtful if source < 0 else self.doubtful[source]

    def firm(self, e: LayerProblem) -> bool:
        """Whether a problem holds whatever the sizes are: the options contradict each other, or a filter count."""
        if e.source is not None and e.source >= 0:
            kind = dialects.canonical(self.sections[e.source + 1].kind)
            return kind in ("convolutional", "connected") and not self.faulty[e.source]
        return e.key in FIRM

    def explain(self, e: LayerProblem, index: int, sources: list[int], graph: Graph) -> str:
        section = self.sections[index + 1]
        if e.source is not None:
            at = self.sections[e.source + 1]
            return f"{at.place(e.key)}: {str(e).replace('[convolutional]', f'[{at.kind}]', 1)}"
        text = f"{section.place(e.key)}: [{section.kind}] {str(e).removeprefix(f'[{section.kind}] ')}"
        for s in sources:
            joined = [self.shape(i, graph) for i in self.wiring[s]] if s >= 0 else []
            if len(joined) > 1 and len(self.shape(s, graph)) == 1 and all(len(shape) == 3 for shape in joined):
                text += (f": [{self.sections[s + 1].kind}] in line {self.sections[s + 1].line} joins maps of different "
                         f"size, {' and '.join(map(describe, joined))} (the net's size is "
                         f"{describe(graph.input_shape)}: is a side no multiple of 32?)")
        return text

    def check_size(self, layer: Layer) -> None:
        shape = layer.out_shape
        if min(shape) < 1:
            raise LayerProblem(f"leaves nothing of its input {describe(layer.in_shapes[0])}: the output would be "
                               f"{describe(shape)}: take a larger net size, or a smaller size= or stride=")
        if flat(shape) > MAX_NUMBERS:
            raise LayerProblem(f"an output of {describe(shape)} is {flat(shape):,} numbers for one image: "
                               f"at most {MAX_NUMBERS:,} are allowed")
        if layer.n_params > MAX_NUMBERS:
            raise LayerProblem(f"{layer.n_params:,} parameters ({layer.n_params * 4 / 2**30:.0f} GB): "
                               f"at most {MAX_NUMBERS:,} are allowed")


def unknown_section(kind: str) -> str:
    if dialects.canonical(kind) == "net":
        return f"a second [{kind}]: it may only come first"
    return f"unknown section [{cfg.clip(kind)}]{cfg.nearest(kind, LAYERS)}"


def describe(shape: Shape) -> str:
    """A shape as people write it: width x height x channels."""
    return f"{shape[2]}x{shape[1]}x{shape[0]}" if len(shape) == 3 else f"{shape[0]} numbers"


def read(path: str | Path, batch: int | None = None, size: int | tuple[int, int] | None = None,
         lax: bool = False) -> Graph:
    """What `build` makes of a .cfg file.  CfgError names malformed lines together with all other problems."""
    sections, problems = cfg.scan(cfg.read_text(path), str(path))
    graph = None
    if sections and dialects.canonical(sections[0].kind) == "net":
        graph, more = examine(sections, batch, size, lax)
        problems += more
    if problems or graph is None:
        raise CfgError(sorted(problems, key=line_of))
    return graph


def build(sections: list[cfg.Section], batch: int | None = None, size: int | tuple[int, int] | None = None,
          lax: bool = False) -> Graph:
    """Layers of a cfg, without parameter arrays.  `size`: side, or (height, width).

    Raises CfgError with all problems; `lax` turns unknown keys into warnings.
    """
    graph, problems = examine(sections, batch, size, lax)
    if problems:
        raise CfgError(problems)
    return graph


def examine(sections: list[cfg.Section], batch: int | None = None, size: int | tuple[int, int] | None = None,
            lax: bool = False) -> tuple[Graph, list[str]]:
    """What `build` does, but problems (in order of their lines) are returned, with as much of the graph as there is."""
    path = sections[0].path
    builder = Builder(sections, lax)
    config, shape = builder.net(batch, size)
    graph = Graph(config, shape, sections=sections, path=path)
    if len(sections) - 1 > MAX_LAYERS:
        return graph, [f"{cfg.show(path)}: {len(sections) - 1:,} layers: at most {MAX_LAYERS:,} are allowed"]
    if len(sections) == 1:
        builder.problems.append(f"{sections[0].place()}: no layers behind [net]")
    folder = str(Path(path).parent)
    for index in range(len(sections) - 1):
        if len(builder.problems) >= cfg.MAX_PROBLEMS:
            builder.problems.append(f"{sections[index + 1].place()}: {cfg.MAX_PROBLEMS} problems up to here: "
                                    "the rest of the file was not looked at")
            break
        info = NetInfo(config.width, config.height, config.channels, graph.batch, config.time_steps, index, folder)
        builder.layer(index, graph, info)
    graph.layers = [layer for layer in builder.layers if layer]
    graph.wiring = [w for w, layer in zip(builder.wiring, builder.layers, strict=True) if layer]
    if not builder.problems and graph.n_params > MAX_NUMBERS:
        builder.problems.append(f"{cfg.show(path)}: {graph.n_params:,} parameters in all: "
                                f"at most {MAX_NUMBERS:,} are allowed")
    graph.warnings = builder.warnings
    return graph, sorted(builder.problems, key=line_of)


def line_of(problem: str) -> int:
    """The line a problem names, 0 where it names none."""
    found = PLACE.search(problem)
    return int(found[1]) if found else 0

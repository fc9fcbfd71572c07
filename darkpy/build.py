"""Sections of a cfg -> layers with their wiring; finds every problem of a file in one pass."""

from __future__ import annotations

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
    """One pass over the sections; a layer that cannot be built leaves a hole its readers step around."""

    def __init__(self, sections: list[cfg.Section], lax: bool):
        self.sections, self.lax = sections, lax
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.shapes: list[Shape | None] = []  # None where a layer has a problem, and behind it

    def options(self, section: cfg.Section, config: type) -> Any:
        ignored = dialects.TRAINING_ONLY.get(dialects.canonical(section.kind), ())
        bound, problems, warnings = cfg.bind(section, config, ignored)
        if self.lax:
            warnings += [p for p in problems if ": unknown key" in p]
            problems = [p for p in problems if ": unknown key" not in p]
        self.problems += problems
        self.warnings += warnings
        return bound

    def net(self, batch: int | None, size: int | tuple[int, int] | None) -> tuple[NetConfig, Shape]:
        section = self.sections[0]
        c: NetConfig = self.options(section, NetConfig)
        if batch is not None:
            c.batch, c.subdivisions = batch, 1
        if size is not None:
            c.height, c.width = (size, size) if isinstance(size, int) else size
            c.inputs = 0
        c.finish()
        for key, message in c.problems():
            self.problems.append(f"{section.place(key)}: [net] {message}")
        shape = (c.channels, c.height, c.width) if c.width and c.height and c.channels else (max(c.inputs, 1),)
        if flat(shape) > MAX_NUMBERS:
            self.problems.append(f"{section.place('width')}: [net] an input of {flat(shape):,} numbers: "
                                 f"at most {MAX_NUMBERS:,} are allowed")
            shape = (1,) * len(shape)
        return c, shape

    def layer(self, index: int, graph: Graph, info: NetInfo) -> None:
        section = self.sections[index + 1]
        cls = LAYERS.get(section.kind)
        if cls is None:
            self.problems.append(f"{section.place()}: unknown section [{section.kind}]"
                                 f"{cfg.nearest(section.kind, LAYERS)}")
            self.shapes.append(None)
            return
        before = len(self.problems)
        config = self.options(section, cls.Config)
        sources: list[int] = []
        try:
            sources = cls.sources(config, index)
            shapes = [graph.input_shape if s < 0 else self.shapes[s] for s in sources]
            if len(self.problems) > before or None in shapes:
                self.shapes.append(None)
                return
            layer = cls(config, shapes, info)  # type: ignore[arg-type]
            self.check_size(layer)
        except LayerProblem as e:
            at, text = section, f"[{section.kind}] {e}"
            if e.source is not None and e.source >= 0:
                at, text = self.sections[e.source + 1], str(e)
            self.problems.append(f"{at.place(e.key)}: {text}")
            self.shapes.append(None)
            return
        graph.layers.append(layer)
        graph.wiring.append(sources)
        self.shapes.append(layer.out_shape)

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


def describe(shape: Shape) -> str:
    """A shape as people write it: width x height x channels."""
    return f"{shape[2]}x{shape[1]}x{shape[0]}" if len(shape) == 3 else f"{shape[0]} numbers"


def build(sections: list[cfg.Section], batch: int | None = None, size: int | tuple[int, int] | None = None,
          lax: bool = False) -> Graph:
    """Layers of a cfg, without parameter arrays.  `size`: side, or (height, width).

    Raises CfgError with all problems; `lax` turns unknown keys into warnings.
    """
    builder = Builder(sections, lax)
    config, shape = builder.net(batch, size)
    path = sections[0].path
    graph = Graph(config, shape, sections=sections, path=path)
    if len(sections) - 1 > MAX_LAYERS:
        raise CfgError(f"{path}: {len(sections) - 1} layers: at most {MAX_LAYERS} are allowed")
    if len(sections) == 1:
        builder.problems.append(f"{sections[0].place()}: no layers behind [net]")
    folder = str(Path(path).parent)
    for index in range(len(sections) - 1):
        info = NetInfo(config.width, config.height, config.channels, graph.batch, config.time_steps, index, folder)
        builder.layer(index, graph, info)
    if not builder.problems and graph.n_params > MAX_NUMBERS:
        builder.problems.append(f"{path}: {graph.n_params:,} parameters in all: at most {MAX_NUMBERS:,} are allowed")
    if builder.problems:
        raise CfgError(sorted(builder.problems, key=line_of))
    graph.warnings = builder.warnings
    return graph


def line_of(problem: str) -> int:
    part = problem.split(": ", 1)[0].rsplit(":", 1)[-1]
    return int(part) if part.isdigit() else 0

"""What a network is made of: a row for each layer with its shapes, parameters and arithmetic, and the totals.

Nothing is allocated: the numbers come from the layers' declarations, so a summary of any cfg takes milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from darkpy import cfg
from darkpy.build import Graph, build
from darkpy.errors import CfgError
from darkpy.layers import Layer
from darkpy.layers.base import flat
from darkpy.ops.spec import Shape
from darkpy.packed import check as check_packed
from darkpy.packed import contents, is_packed
from darkpy.weights import check as check_weights

FLOAT = 4  # bytes of a float32
COMMON_SIDES = (320, 416, 608)  # pixels: sizes detectors were published with


@dataclass(frozen=True)
class Row:
    """One layer.  `window` is its kernel and stride as in "3x3/2"; `sources` the layers it reads (-1: the input)."""

    index: int
    kind: str
    filters: int | None
    window: str
    sources: list[int]
    in_shape: Shape
    out_shape: Shape
    params: int
    flops: float  # multiplications and additions for one image, as Darknet counts them
    line: int  # of its section in the cfg
    bits: int | None = None  # of a weight, None for layers without
    input_bits: int = 32  # of the numbers it multiplies weights with
    packed: int = 0  # bytes of its parameters with a bit for each binary weight

    @property
    def memory(self) -> int:
        """Bytes of its output for one image."""
        return FLOAT * flat(self.out_shape)


@dataclass(frozen=True)
class Summary:
    """All rows, and the arithmetic at other input sizes where the net can be resized."""

    path: str
    input_shape: Shape
    rows: list[Row]
    at_sides: dict[int, float] = field(default_factory=dict)  # side in pixels -> flops
    warnings: list[str] = field(default_factory=list)

    @property
    def params(self) -> int:
        return sum(row.params for row in self.rows)

    @property
    def packed(self) -> int:
        """Bytes of all parameters in a .dpk file, but for its header."""
        return sum(row.packed for row in self.rows)

    @property
    def is_binary(self) -> bool:
        return any(row.bits == 1 for row in self.rows)

    @property
    def flops(self) -> float:
        return sum(row.flops for row in self.rows)

    @property
    def bit_flops(self) -> float:
        """Those of one-bit weights with one-bit inputs."""
        return sum(row.flops for row in self.rows if row.bits == row.input_bits == 1)

    @property
    def memory(self) -> int:
        """Bytes of all outputs together: what training keeps for one image.  Inference reuses most of them."""
        return sum(row.memory for row in self.rows)


def summarize(path: str | Path, size: int | tuple[int, int] | None = None, lax: bool = False) -> Summary:
    """The summary of a cfg file, for its own input size or `size` (side, or (height, width)).  Raises CfgError."""
    sections = cfg.read(path)
    graph = build(sections, size=size, lax=lax)
    rows = [row(graph, i) for i in range(len(graph.layers))]
    sides = {}
    if any(hasattr(layer, "decode") for layer in graph.layers):
        for side in COMMON_SIDES:
            if graph.input_shape[1:] != (side, side):
                try:
                    other = build(sections, size=side, lax=lax)
                except CfgError:  # such a net cannot take this size
                    continue
                if other.n_params == graph.n_params:  # a [connected] layer would have grown
                    sides[side] = sum(layer.flops for layer in other.layers)
    return Summary(str(path), graph.input_shape, rows, sides, graph.warnings)


def judge(path: str | Path, weights: str | Path, lax: bool = False) -> str:
    """A line about a file of weights that fits a cfg.  Raises CfgError, WeightsError."""
    layers = build(cfg.read(path), lax=lax).layers
    if is_packed(weights):
        found = check_packed(weights, layers)
        return f"{weights}: packed weights, {found.nbytes:,} bytes, {found.seen:,} images seen: fit this cfg"
    loaded = check_weights(weights, layers)
    return f"{weights}: {loaded.extent.size:,} bytes, {loaded.seen:,} images seen: fit this cfg"


def row(graph: Graph, i: int) -> Row:
    layer = graph.layers[i]
    shapes = layer.in_shapes
    joined = len(shapes) > 1 and layer.kind == "route"
    binary = getattr(layer, "binary", None)
    bits = binary.config.wbits if binary else 32 if "weights" in layer.declared else None
    input_bits = binary.config.abits if binary and binary.inputs else 32
    return Row(i, layer.kind, getattr(layer.config, "filters", None), window(layer), graph.wiring[i],
               layer.out_shape if joined else shapes[0], layer.out_shape, layer.n_params, layer.flops,
               graph.sections[i + 1].line, bits, input_bits, sum(piece.nbytes for piece in contents([layer])))


def window(layer: Layer) -> str:
    """Kernel, stride, and where they are not 1 the dilation and groups: "3x3/2 dilation 2 groups 32"."""
    c = layer.config
    size, stride = getattr(c, "size", None), getattr(c, "stride", None)
    if layer.kind in ("upsample", "reorg"):
        return f"{stride}x"
    if size is None or stride is None:
        return ""
    across, down = getattr(c, "stride_x", 0) or stride, getattr(c, "stride_y", 0) or stride
    text = f"{size}x{size}/{across}" + (f"x{down}" if down != across else "")
    for name in ("dilation", "groups"):
        if getattr(c, name, 1) != 1:
            text += f" {name} {getattr(c, name)}"
    return text

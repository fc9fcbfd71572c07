"""A network as a short list of nodes that every exporter understands, with batch norm folded into the weights.

It is made from the layers, not from darkpy's plan: what the peers are given does not depend on what is measured.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

INPUT = "x"


@dataclass
class Node:
    """One operation: the value `name` of `shape` (C, H, W) or (n,), made from the values `inputs`."""

    op: str
    name: str
    inputs: list[str]
    shape: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Head:
    """What is needed to turn the raw numbers of a [yolo] or [region] layer into boxes; see decode.py."""

    kind: str
    anchors: list[list[float]]  # width and height as fractions of the image
    classes: int
    softmax: bool
    scale_x_y: float = 1.0


@dataclass
class Graph:
    """`weights` and `bias` of convolution "c" are arrays["c.w"] and arrays["c.b"]; `heads` belong to `outputs`."""

    input_shape: tuple[int, ...]
    nodes: list[Node]
    outputs: list[str]
    heads: list[Head]
    arrays: dict[str, np.ndarray]

    def save(self, folder: Path) -> None:
        text = asdict(self)
        del text["arrays"]
        (folder / "graph.json").write_text(json.dumps(text))
        np.savez(folder / "graph.npz", **self.arrays)

    @classmethod
    def load(cls, folder: Path, arrays: bool = True) -> Graph:
        d = json.loads((folder / "graph.json").read_text())
        stored = dict(np.load(folder / "graph.npz")) if arrays else {}
        return cls(d["input_shape"], [Node(**n) for n in d["nodes"]], d["outputs"], [Head(**h) for h in d["heads"]],
                   stored)


class Reader:
    """Goes through the layers of a darkpy.Network; one method for each kind."""

    def __init__(self, net: Any):
        self.net = net
        self.names = {-1: INPUT}  # of each layer's output
        self.graph = Graph(net.input_shape, [], [], [], {})

    def read(self) -> Graph:
        for i, layer in enumerate(self.net.layers):
            inputs = [self.names[s] for s in self.net.wiring[i]]
            method = getattr(self, layer.kind, None)
            if method is None:
                raise SystemExit(f"bench: no export for [{layer.kind}], layer {i}")
            self.names[i] = method(i, layer, inputs)
        if not self.graph.heads:
            self.graph.outputs = [self.names[self.net.output_index]]
        return self.graph

    def add(self, op: str, name: str, inputs: list[str], shape: tuple[int, ...], **options: Any) -> str:
        self.graph.nodes.append(Node(op, name, inputs, tuple(shape), options))
        return name

    # -- layers ----------------------------------------------------------------------------------------------------

    def convolutional(self, i: int, layer: Any, inputs: list[str]) -> str:
        p, name = layer.params, f"conv{i}"
        weights, bias = p["weights"].astype(np.float64), p["biases"].astype(np.float64)
        if layer.norm:
            factor = p["scales"] / np.sqrt(p["rolling_variance"].astype(np.float64) + 1e-5)
            weights, bias = weights * factor[:, None, None, None], bias - p["rolling_mean"] * factor
        self.graph.arrays[f"{name}.w"] = weights.astype(np.float32)
        self.graph.arrays[f"{name}.b"] = bias.astype(np.float32)
        return self.add("conv", name, inputs, layer.out_shape, size=layer.config.size,
                        activation=layer.config.activation, **layer.geometry)

    def maxpool(self, i: int, layer: Any, inputs: list[str]) -> str:
        """Darknet pads by `pad` in all, half of it in front, and windows may begin in what is behind."""
        (_, h, w), (_, oh, ow) = layer.in_shapes[0], layer.out_shape
        size, stride, front = layer.window["size"], layer.window["stride"], layer.window["pad"] // 2
        below, right = ((o - 1) * s + size - front - n for o, s, n in zip((oh, ow), stride, (h, w), strict=True))
        return self.add("maxpool", f"max{i}", inputs, layer.out_shape, size=size, stride=stride,
                        pads=[front, front, max(below, 0), max(right, 0)])

    def route(self, i: int, layer: Any, inputs: list[str]) -> str:
        if not layer.whole or not layer.is_map:
            raise SystemExit(f"bench: no export for this [route], layer {i}")
        return inputs[0] if len(inputs) == 1 else self.add("concat", f"route{i}", inputs, layer.out_shape)

    def shortcut(self, i: int, layer: Any, inputs: list[str]) -> str:
        """The other map is thinned out and cut or filled up with zeros to the shape of the first, where they differ."""
        config, (c, h, w), (c2, h2, w2) = layer.config, *layer.in_shapes
        if config.alpha != 1 or config.beta != 1 or h2 % h or w2 % w:
            raise SystemExit(f"bench: no export for this [shortcut], layer {i}")
        x, other = inputs
        if (h, w) != (h2, w2):
            other = self.add("maxpool", f"thin{i}", [other], (c2, h, w), size=1, stride=[h2 // h, w2 // w],
                             pads=[0, 0, 0, 0])
        if c != c2:
            other = self.add("channels", f"fit{i}", [other], (c, h, w), change=c - c2)
        return self.add("add", f"add{i}", [x, other], layer.out_shape, activation=config.activation)

    def upsample(self, i: int, layer: Any, inputs: list[str]) -> str:
        if layer.config.stride < 0 or layer.config.scale != 1:
            raise SystemExit(f"bench: no export for this [upsample], layer {i}")
        return self.add("upsample", f"up{i}", inputs, layer.out_shape, stride=layer.config.stride)

    def reorg(self, i: int, layer: Any, inputs: list[str]) -> str:
        if layer.config.reverse or layer.config.flatten or layer.config.extra:
            raise SystemExit(f"bench: no export for this [reorg], layer {i}")
        return self.add("reorg", f"reorg{i}", inputs, layer.out_shape, stride=layer.config.stride,
                        source=list(layer.in_shapes[0]))

    def avgpool(self, i: int, layer: Any, inputs: list[str]) -> str:
        return self.add("avgpool", f"avg{i}", inputs, layer.out_shape)

    def softmax(self, i: int, layer: Any, inputs: list[str]) -> str:
        if len(layer.sizes) != 1 or layer.config.temperature != 1 or len(layer.out_shape) != 1:
            raise SystemExit(f"bench: no export for this [softmax], layer {i}")
        return self.add("softmax", f"softmax{i}", inputs, layer.out_shape)

    def dropout(self, i: int, layer: Any, inputs: list[str]) -> str:
        return inputs[0]

    def cost(self, i: int, layer: Any, inputs: list[str]) -> str:
        return inputs[0]

    def yolo(self, i: int, layer: Any, inputs: list[str]) -> str:
        anchors = layer.anchors[layer.mask].tolist()
        self.graph.heads.append(Head("yolo", anchors, layer.config.classes, False, layer.config.scale_x_y))
        self.graph.outputs += inputs
        return "the boxes"  # nobody reads a head

    def region(self, i: int, layer: Any, inputs: list[str]) -> str:
        c = layer.config
        if layer.tree or c.background or c.coords != 4:
            raise SystemExit(f"bench: no export for this [region], layer {i}")
        self.graph.heads.append(Head("region", layer.anchors.tolist(), c.classes, c.softmax))
        self.graph.outputs += inputs
        return "the boxes"


def read(net: Any) -> Graph:
    """The Graph of a darkpy.Network."""
    return Reader(net).read()

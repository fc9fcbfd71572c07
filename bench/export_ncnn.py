"""A Graph as ncnn's pair of files: .param, a line of text for each layer, and .bin, the weights one behind the other.

Activations are fused into the convolutions, as ncnn's own optimiser would do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.graph import INPUT, Graph, Node

LEAKY = "-23310=1,0.1"  # ncnn's way to write a list: the activation's parameters
ACTIVATIONS = {"linear": "", "relu": "9=1", "leaky": f"9=2 {LEAKY}", "logistic": "9=4"}
OFFSETS_FIRST = 10  # Permute's number for (c, d, h, w) -> (d, w, c, h)


class NcnnWriter:
    """Collects (layer type, name, inputs, output, parameters); ncnn wants a Split where a value has several readers."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.layers: list[tuple[str, str, list[str], str]] = []  # type, parameters, inputs, output
        self.weights: list[bytes] = []

    def emit(self, kind: str, inputs: list[str], output: str, parameters: str = "") -> None:
        self.layers.append((kind, parameters, inputs, output))

    def text(self) -> str:
        for node in self.graph.nodes:
            getattr(self, node.op)(node)
        readers: dict[str, int] = {}
        for _, _, inputs, _ in self.layers:
            for name in inputs:
                readers[name] = readers.get(name, 0) + 1
        for name in self.graph.outputs:
            readers[name] = readers.get(name, 0) + 1
        lines, taken, values = [f"Input {INPUT} 0 1 {INPUT}"], dict.fromkeys(readers, 0), 1

        def split(name: str) -> None:
            nonlocal values
            many = readers.get(name, 1)
            if many > 1:
                lines.append(f"Split split.{name} 1 {many} {name} " + " ".join(f"{name}~{k}" for k in range(many)))
                values += many

        def take(name: str) -> str:
            if readers[name] == 1:
                return name
            taken[name] += 1
            return f"{name}~{taken[name] - 1}"

        split(INPUT)
        for kind, parameters, inputs, output in self.layers:
            lines.append(f"{kind} {output} {len(inputs)} 1 {' '.join(map(take, inputs))} {output} {parameters}".strip())
            values += 1
            split(output)
        self.outputs = [take(name) for name in self.graph.outputs]
        return "\n".join(["7767517", f"{len(lines)} {values}", *lines, ""])

    # -- ops -------------------------------------------------------------------------------------------------------

    def conv(self, node: Node) -> None:
        o, w, b = node.options, *(self.graph.arrays[f"{node.name}.{k}"] for k in "wb")
        (down, across), k = o["stride"], o["size"]
        kind = "Convolution" if o["groups"] == 1 else "ConvolutionDepthWise"
        self.emit(kind, node.inputs, node.name,
                  f"0={len(w)} 1={k} 11={k} 2={o['dilation']} 3={across} 13={down} 4={o['pad']} 5=1 6={w.size} "
                  + (f"7={o['groups']} " if o["groups"] > 1 else "") + ACTIVATIONS[o["activation"]])
        self.weights += [bytes(4), w.tobytes(), b.tobytes()]  # 0: plain float32 follows

    def maxpool(self, node: Node) -> None:
        o = node.options
        (down, across), k, (top, left, bottom, right) = o["stride"], o["size"], o["pads"]
        self.emit("Pooling", node.inputs, node.name, f"0=0 1={k} 11={k} 2={across} 12={down} "
                  f"3={left} 13={top} 14={right} 15={bottom} 5=1")

    def concat(self, node: Node) -> None:
        self.emit("Concat", node.inputs, node.name, "0=0")

    def add(self, node: Node) -> None:
        kind = node.options["activation"]
        if kind == "linear":
            return self.emit("BinaryOp", node.inputs, node.name, "0=0")
        self.emit("BinaryOp", node.inputs, f"{node.name}.linear", "0=0")
        layer, parameters = {"leaky": ("ReLU", "0=0.1"), "relu": ("ReLU", ""), "logistic": ("Sigmoid", "")}[kind]
        self.emit(layer, [f"{node.name}.linear"], node.name, parameters)

    def channels(self, node: Node) -> None:
        change = node.options["change"]
        if change > 0:
            self.emit("Padding", node.inputs, node.name, f"4=0 5=0.0 7=0 8={change}")
        else:
            self.emit("Crop", node.inputs, node.name, f"2=0 5={node.shape[0]}")

    def upsample(self, node: Node) -> None:
        s = float(node.options["stride"])
        self.emit("Interp", node.inputs, node.name, f"0=1 1={s} 2={s}")

    def reorg(self, node: Node) -> None:
        s, (c, h, w) = node.options["stride"], node.options["source"]
        oc, oh, ow = node.shape
        name = node.name
        self.emit("Reshape", node.inputs, f"{name}.cells", f"0={s} 1={w} 11={s} 2={c // s // s * h}")
        self.emit("Permute", [f"{name}.cells"], f"{name}.offsets", f"0={OFFSETS_FIRST}")
        self.emit("Reshape", [f"{name}.offsets"], name, f"0={ow} 1={oh} 2={oc}")

    def avgpool(self, node: Node) -> None:
        self.emit("Pooling", node.inputs, node.name, "0=1 4=1")

    def softmax(self, node: Node) -> None:
        self.emit("Softmax", node.inputs, node.name, "0=0 1=1")


def write(graph: Graph, path: Path) -> list[str]:
    """Writes path.param and path.bin; returns the names of the outputs, which Split layers may have changed."""
    writer: Any = NcnnWriter(graph)
    path.with_suffix(".param").write_text(writer.text())
    path.with_suffix(".bin").write_bytes(b"".join(writer.weights))
    return writer.outputs

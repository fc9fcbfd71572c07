"""A Graph as an ONNX model, for ONNX Runtime, OpenVINO and MNN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench.graph import INPUT, Graph, Node

OPSET = 13


class OnnxWriter:
    """Collects ONNX nodes; one method for each op of the graph."""

    def __init__(self, graph: Graph, batch: int):
        self.batch = batch
        self.graph = graph
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def model(self) -> Any:
        for node in self.graph.nodes:
            getattr(self, node.op)(node)
        shapes = {node.name: node.shape for node in self.graph.nodes}

        def info(name: str, shape: Any) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, [self.batch, *shape])

        graph = helper.make_graph(self.nodes, "darknet", [info(INPUT, self.graph.input_shape)],
                                  [info(name, shapes[name]) for name in self.graph.outputs], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)

    def emit(self, op: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def activated(self, op: str, inputs: list[str], node: Node, **attributes: Any) -> None:
        """The op, and behind it the node's activation."""
        kind = node.options["activation"]
        if kind == "linear":
            return self.emit(op, inputs, node.name, **attributes)
        self.emit(op, inputs, f"{node.name}.linear", **attributes)
        if kind == "leaky":
            self.emit("LeakyRelu", [f"{node.name}.linear"], node.name, alpha=0.1)
        else:
            self.emit({"relu": "Relu", "logistic": "Sigmoid"}[kind], [f"{node.name}.linear"], node.name)

    # -- ops -------------------------------------------------------------------------------------------------------

    def conv(self, node: Node) -> None:
        o = node.options
        arrays = [self.constant(f"{node.name}.{k}", self.graph.arrays[f"{node.name}.{k}"]) for k in "wb"]
        self.activated("Conv", node.inputs + arrays, node, kernel_shape=[o["size"]] * 2, strides=list(o["stride"]),
                       pads=[o["pad"]] * 4, dilations=[o["dilation"]] * 2, group=o["groups"])

    def maxpool(self, node: Node) -> None:
        o = node.options
        self.emit("MaxPool", node.inputs, node.name, kernel_shape=[o["size"]] * 2, strides=list(o["stride"]),
                  pads=o["pads"])

    def concat(self, node: Node) -> None:
        self.emit("Concat", node.inputs, node.name, axis=1)

    def add(self, node: Node) -> None:
        self.activated("Add", node.inputs, node)

    def channels(self, node: Node) -> None:
        change = node.options["change"]
        if change > 0:
            pads = self.constant(f"{node.name}.pads", np.array([0, 0, 0, 0, 0, change, 0, 0]))
            self.emit("Pad", [*node.inputs, pads], node.name)
        else:
            start, stop, axis = (self.constant(f"{node.name}.{k}", np.array([v]))
                                 for k, v in (("start", 0), ("stop", node.shape[0]), ("axis", 1)))
            self.emit("Slice", [*node.inputs, start, stop, axis], node.name)

    def upsample(self, node: Node) -> None:
        s = node.options["stride"]
        scales = self.constant(f"{node.name}.scales", np.array([1, 1, s, s], np.float32))
        self.emit("Resize", [*node.inputs, "", scales], node.name, mode="nearest", nearest_mode="floor",
                  coordinate_transformation_mode="asymmetric")

    def reorg(self, node: Node) -> None:
        """The input read as rows of a map with fewer channels; all offsets within s x s cells come to the front."""
        s, (c, h, w) = node.options["stride"], node.options["source"]
        name = node.name
        split = self.constant(f"{name}.split", np.array([self.batch, c // s // s * h, s, w, s]))
        shape = self.constant(f"{name}.shape", np.array([self.batch, *node.shape]))
        self.emit("Reshape", [*node.inputs, split], f"{name}.cells")
        self.emit("Transpose", [f"{name}.cells"], f"{name}.offsets", perm=[0, 2, 4, 1, 3])
        self.emit("Reshape", [f"{name}.offsets", shape], name)

    def avgpool(self, node: Node) -> None:
        self.emit("GlobalAveragePool", node.inputs, node.name)

    def softmax(self, node: Node) -> None:
        self.emit("Flatten", node.inputs, f"{node.name}.flat", axis=1)
        self.emit("Softmax", [f"{node.name}.flat"], node.name, axis=1)


def write(graph: Graph, batch: int, path: Path) -> None:
    model = OnnxWriter(graph, batch).model()
    onnx.checker.check_model(model)
    onnx.save(model, str(path))

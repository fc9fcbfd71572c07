"""PyTorch: eager, inference mode; channels last or first, whichever is faster here."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from bench.graph import INPUT, Graph, Node
from bench.peers.base import Job, Peer

ACTIVATIONS = {"linear": lambda x: x, "relu": torch.relu_, "logistic": torch.sigmoid_,
               "leaky": lambda x: F.leaky_relu_(x, 0.1)}


class Module(torch.nn.Module):
    """Runs the nodes of a Graph one after another."""

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph
        for name, array in graph.arrays.items():
            self.register_buffer(name.replace(".", "_"), torch.from_numpy(array))
        last = {name: node.name for node in graph.nodes for name in node.inputs}
        self.ends = {node.name: [v for v, reader in last.items() if reader == node.name and v not in graph.outputs]
                     for node in graph.nodes}

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        values = {INPUT: x}
        for node in self.graph.nodes:
            values[node.name] = getattr(self, f"run_{node.op}")(node, *(values[name] for name in node.inputs))
            for name in self.ends[node.name]:
                del values[name]
        return [values[name] for name in self.graph.outputs]

    def run_conv(self, node: Node, x: torch.Tensor) -> torch.Tensor:
        o = node.options
        y = F.conv2d(x, getattr(self, f"{node.name}_w"), getattr(self, f"{node.name}_b"), tuple(o["stride"]),
                     o["pad"], o["dilation"], o["groups"])
        return ACTIVATIONS[o["activation"]](y)

    def run_maxpool(self, node: Node, x: torch.Tensor) -> torch.Tensor:
        o = node.options
        top, left, bottom, right = o["pads"]
        if any(o["pads"]):
            x = F.pad(x, (left, right, top, bottom), value=-torch.inf)
        return F.max_pool2d(x, o["size"], tuple(o["stride"]))

    def run_concat(self, node: Node, *xs: torch.Tensor) -> torch.Tensor:
        return torch.cat(xs, 1)

    def run_add(self, node: Node, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return ACTIVATIONS[node.options["activation"]](x + other)

    def run_channels(self, node: Node, x: torch.Tensor) -> torch.Tensor:
        return F.pad(x, (0, 0, 0, 0, 0, node.options["change"]))  # a negative number cuts

    def run_upsample(self, node: Node, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=node.options["stride"], mode="nearest")

    def run_reorg(self, node: Node, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        s = node.options["stride"]
        cells = x.reshape(n, c // s // s * h, s, w, s)
        return cells.permute(0, 2, 4, 1, 3).reshape(n, *node.shape)

    def run_avgpool(self, node: Node, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3), keepdim=True)

    def run_softmax(self, node: Node, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x.flatten(1), 1)


class Runtime(Peer):
    version = torch.__version__

    def __init__(self, job: Job):
        super().__init__(job)
        torch.set_num_threads(job.threads)
        self.module: Any = Module(Graph.load(job.folder)).eval()
        x = np.zeros((job.batch, *self.graph.input_shape), np.float32)
        formats = (torch.contiguous_format, torch.channels_last)
        times = {}
        for self.format in formats:
            self.arrange()
            self.outputs(x)
            start = time.perf_counter()
            for _ in range(3):
                self.outputs(x)
            times[self.format] = time.perf_counter() - start
        self.format = min(formats, key=times.__getitem__)
        self.arrange()
        self.version += " channels last" if self.format is torch.channels_last else ""

    def arrange(self) -> None:
        """Weights in the chosen memory format."""
        for name, buffer in list(self.module.named_buffers()):
            if buffer.ndim == 4:
                setattr(self.module, name, buffer.contiguous(memory_format=self.format))

    def outputs(self, x: np.ndarray) -> list[np.ndarray | None]:
        with torch.inference_mode():
            ys = self.module(torch.from_numpy(x).contiguous(memory_format=self.format))
            return [y.contiguous().numpy() for y in ys]

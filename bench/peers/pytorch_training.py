"""PyTorch's training step of a detector: forward with batch statistics, loss, backward, SGD, from an image in memory.

The net is darkpy's, with its weights.  The loss is a squared error of the activated outputs against random numbers, all
tensor work, which costs less than a search for the responsible boxes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from bench.graph import Graph, Node
from bench.peers.pytorch import ACTIVATIONS, Module

MOMENTUM, DECAY, RATE = 0.9, 5e-4, 1e-6


class Trained(Module):
    """The nodes of a Graph with parameters that learn, and batch norm where the layer has it."""

    def __init__(self, graph: Graph, net: Any):
        super().__init__(graph)
        for node in graph.nodes:
            if node.op == "conv":
                layer = net.layers[int(node.name.removeprefix("conv"))]
                for old in ("w", "b"):
                    delattr(self, f"{node.name}_{old}")
                names = ("weights", "biases", *(("scales",) if layer.norm else ()))
                for name in names:
                    values = torch.from_numpy(layer.params[name].copy())
                    self.register_parameter(f"{node.name}_{name}", torch.nn.Parameter(values))
                if layer.norm:
                    self.register_buffer(f"{node.name}_mean", torch.from_numpy(layer.params["rolling_mean"].copy()))
                    self.register_buffer(f"{node.name}_var", torch.from_numpy(layer.params["rolling_variance"].copy()))

    def run_conv(self, node: Node, x: torch.Tensor) -> torch.Tensor:
        o = node.options
        scales, bias = getattr(self, f"{node.name}_scales", None), getattr(self, f"{node.name}_biases")
        y = F.conv2d(x, getattr(self, f"{node.name}_weights"), bias if scales is None else None, tuple(o["stride"]),
                     o["pad"], o["dilation"], o["groups"])
        if scales is not None:
            y = F.batch_norm(y, getattr(self, f"{node.name}_mean"), getattr(self, f"{node.name}_var"), scales, bias,
                             training=True)
        return ACTIVATIONS[o["activation"]](y)


class Step:
    """step() -> the cost; each call copies the images over and changes the weights."""

    def __init__(self, graph: Graph, net: Any, x: np.ndarray, device: str):
        self.device = device
        self.x = torch.from_numpy(x)
        self.model = Trained(graph, net).train().to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
        with torch.no_grad():
            self.goals = [torch.rand_like(y) for y in self.model(self.x.to(device))]

    def __call__(self) -> torch.Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        cost = torch.zeros((), device=self.device)
        for head, y, goal in zip(self.model.graph.heads, self.model(self.x.to(self.device)), self.goals, strict=True):
            n, c, h, w = y.shape
            p, q = (v.view(n, len(head.anchors), -1, h, w) for v in (y, goal))
            for part, to in ((p[:, :, :2].sigmoid(), q[:, :, :2]), (p[:, :, 2:4], q[:, :, 2:4]),
                             (p[:, :, 4:].sigmoid(), q[:, :, 4:])):
                cost = cost + ((part - to) ** 2).sum()
        cost.backward()
        self.optimizer.step()
        return cost.detach()

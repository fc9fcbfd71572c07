"""What a training step is to each peer: forward, loss, backward, update, on one batch that stays in memory.

The network is read from the same cfg with the same weights.  darkpy and C Darknet compute Darknet's region loss (or
softmax cross-entropy); PyTorch a squared error of the same activated predictions, all tensor work, which costs it
less.  Before anything is timed PyTorch's training-mode outputs, and C Darknet's cost, are compared with darkpy's.
"""

from __future__ import annotations

import ctypes
import os
import time
from ctypes import POINTER, Structure, c_char_p, c_float, c_int, c_void_p
from typing import Any

import numpy as np

import darkpy
from bench import worker
from bench.peers.base import Job

MOMENTUM, DECAY = 0.9, 0.0005
OBJECTS = 5  # in each image


def batch(net: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, C, H, W) of noise, and truth as Darknet lays it out."""
    random = np.random.default_rng(1)
    x = random.random((n, *net.input_shape), np.float32)
    last = net.layers[-1]
    if last.kind == "region":
        truth = np.zeros((n, 30, 5), np.float32)
        truth[:, :OBJECTS, :2] = random.uniform(0.1, 0.9, (n, OBJECTS, 2))
        truth[:, :OBJECTS, 2:4] = random.uniform(0.1, 0.4, (n, OBJECTS, 2))
        truth[:, :OBJECTS, 4] = random.integers(0, last.config.classes, (n, OBJECTS))
        return x, truth.reshape(n, -1)
    return x, np.eye(int(np.prod(last.in_shapes[0])), dtype=np.float32)[random.integers(0, 10, n)]


def load(job: Job) -> Any:
    return darkpy.load(str(job.folder / "model.cfg"), str(job.folder / "model.weights"))


class Darkpy:
    version = darkpy.__version__

    def __init__(self, job: Job):
        self.net = load(job)
        self.x, self.truth = batch(self.net, job.batch)
        self.error = 0.0
        self.infer(self.x)

    def infer(self, x: np.ndarray) -> float:
        return self.net.train_step(x, self.truth)


class Matrix(Structure):
    _fields_ = [("rows", c_int), ("cols", c_int), ("vals", POINTER(POINTER(c_float)))]


class Data(Structure):
    _fields_ = [("w", c_int), ("h", c_int), ("X", Matrix), ("y", Matrix), ("shallow", c_int),
                ("num_boxes", c_void_p), ("boxes", c_void_p)]


def matrix(rows: np.ndarray) -> Matrix:
    pointers = (POINTER(c_float) * len(rows))(*(row.ctypes.data_as(POINTER(c_float)) for row in rows))
    return Matrix(*rows.shape, ctypes.cast(pointers, POINTER(POINTER(c_float))))


class CDarknet:
    version = "C"

    def __init__(self, job: Job):
        os.environ["OMP_NUM_THREADS"] = str(job.threads)
        self.lib: Any = ctypes.CDLL(os.environ["DARKNET_LIB"])
        self.lib.load_network.restype = c_void_p
        self.lib.load_network.argtypes = [c_char_p, c_char_p, c_int]
        self.lib.train_network.restype = c_float
        self.lib.train_network.argtypes = [c_void_p, Data]
        self.net = self.lib.load_network(*(str(job.folder / name).encode() for name in ("model.cfg", "model.weights")),
                                         1)
        net = load(job)
        net.seen = 0
        x, self.truth = batch(net, job.batch)
        self.x = x.reshape(job.batch, -1)
        cost = self.infer(self.x)
        self.error = abs(cost * job.batch - net.train_step(x, self.truth)) / abs(cost * job.batch)

    def infer(self, x: np.ndarray) -> float:
        return self.lib.train_network(self.net, Data(0, 0, matrix(x), matrix(self.truth), 0, None, None))


def pytorch(job: Job) -> Any:
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(job.threads)
    source = load(job)

    def module(layer: Any) -> Any:
        c = layer.config
        if layer.kind == "convolutional":
            stride, pad = layer.geometry["stride"], layer.geometry["pad"]
            conv = nn.Conv2d(layer.in_shapes[0][0], c.filters, c.size, stride, pad, bias=layer.norm is None)
            parts: list[Any] = [conv]
            conv.weight.data.copy_(torch.from_numpy(layer.params["weights"]))
            if layer.norm:
                parts.append(nn.BatchNorm2d(c.filters))
                parts[1].weight.data.copy_(torch.from_numpy(layer.params["scales"]))
            parts[-1].bias.data.copy_(torch.from_numpy(layer.params["biases"]))
            return nn.Sequential(*parts, *{"leaky": [nn.LeakyReLU(0.1, inplace=True)], "linear": []}[c.activation])
        if layer.kind == "maxpool":
            front = layer.window["pad"] // 2
            (_, h, w), (_, oh, ow) = layer.in_shapes[0], layer.out_shape
            back = [(o - 1) * s + layer.window["size"] - front - n
                    for o, s, n in zip((ow, oh), layer.window["stride"], (w, h), strict=True)]
            pool = nn.MaxPool2d(layer.window["size"], layer.window["stride"])
            ends = (front, max(back[0], 0), front, max(back[1], 0))
            return nn.Sequential(nn.ConstantPad2d(ends, -1e30), pool) if any(ends) else pool
        if layer.kind == "dropout":
            return nn.Dropout(c.probability)
        if layer.kind == "avgpool":
            return nn.AdaptiveAvgPool2d(1)
        raise ValueError(f"[{layer.kind}] is not known here")

    head = source.layers[-1]

    def loss(y: Any, truth: Any) -> Any:
        if head.kind == "softmax":
            return F.cross_entropy(y.flatten(1), truth, reduction="sum")
        n, _, h, w = y.shape
        p = y.view(n, head.config.num, -1, h, w)
        parts = p[:, :, :2].sigmoid(), p[:, :, 2:4], p[:, :, 4:5].sigmoid(), p[:, :, 5:].softmax(2)
        return sum(((part - goal) ** 2).sum() for part, goal in zip(parts, truth, strict=True))

    class PyTorch:
        version = torch.__version__

        def __init__(self) -> None:
            self.x, truth = batch(source, job.batch)
            layers = source.layers[:-1]
            self.model = nn.Sequential(*map(module, layers)).train()
            self.optimizer = torch.optim.SGD(self.model.parameters(), 1e-6, MOMENTUM, weight_decay=DECAY)
            mine = self.model(torch.from_numpy(self.x)).detach()
            if head.kind == "softmax":
                self.truth = torch.from_numpy(truth).argmax(1)
            else:
                shape = mine.view(job.batch, head.config.num, -1, *mine.shape[2:]).shape
                self.truth = [torch.rand(*shape[:2], k, *shape[3:]) for k in (2, 2, 1, shape[2] - 5)]
            source.loss(self.x, truth)
            theirs = source.tape.values[len(layers) - 1]
            dropped = any(layer.kind == "dropout" for layer in layers)
            self.error = 0.0 if dropped else float(abs(mine.numpy().reshape(theirs.shape) - theirs).max()
                                                   / abs(theirs).max())
            times = {layout: self.try_layout(layout) for layout in (torch.contiguous_format, torch.channels_last)}
            self.use(min(times, key=lambda layout: times[layout]))

        def use(self, layout: Any) -> None:
            self.model = self.model.to(memory_format=layout)
            self.input = torch.from_numpy(self.x).contiguous(memory_format=layout)

        def try_layout(self, layout: Any) -> float:
            self.use(layout)
            times = []
            for _ in range(4):
                start = time.perf_counter()
                self.infer(self.x)
                times.append(time.perf_counter() - start)
            return min(times)

        def infer(self, x: np.ndarray) -> None:
            self.optimizer.zero_grad(set_to_none=True)
            loss(self.model(self.input), self.truth).backward()
            self.optimizer.step()

    return PyTorch()


TRAINERS: dict[str, Any] = {"darkpy": Darkpy, "pytorch": pytorch, "darknet": CDarknet}


def prepare(job: Job) -> tuple[Any, np.ndarray, float]:
    peer = TRAINERS[job.peer](job)
    return peer, peer.x, peer.error


if __name__ == "__main__":
    worker.serve(prepare)

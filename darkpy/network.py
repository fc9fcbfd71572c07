"""A network: layers, their wiring and parameters; walks forward, and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from darkpy import cfg as cfg_file
from darkpy import optimizer, packed, placement, schedule
from darkpy import weights as weights_file
from darkpy.build import Graph, build, describe, read
from darkpy.errors import ModelError, UsageError
from darkpy.layers import Layer
from darkpy.layers.base import Loss, as_batch, flat
from darkpy.ops import backend
from darkpy.ops.spec import Shape
from darkpy.plan import Calibration, DevicePlan, Plan, Ranges, keep
from darkpy.plan.narrow import possible


@dataclass
class Tape:
    """What one training forward leaves for backward, by layer (-1: the input)."""

    values: dict[int, Any]
    saved: dict[int, Any]
    losses: dict[int, Loss]
    grads: dict[int, Any] = field(default_factory=dict)


class Network:
    """Layers of a cfg with their parameters, on one backend.

    Made by `darkpy.load`.  `seed` decides the starting values of parameters no weights file gives; with `blank` a
    file is about to give all it can, and those are left at zero.
    """

    def __init__(self, graph: Graph, device: str = "cpu", seed: int | None = 0, blank: bool = False):
        self.graph = graph
        self.config = graph.config
        self.layers: list[Layer] = graph.layers
        self.wiring = graph.wiring
        self.ops = backend(device)
        self.released = False  # whether a plan has taken the weights over
        self.packed = False  # whether only the signs of binary weights are known
        self.seen = 0  # images; with time steps, each counts
        self.updates = 0
        self.outputs: list[Any] = []
        self.random = np.random.default_rng(seed)
        for layer in self.layers:
            layer.allocate(Blank() if blank and weights_file.complete(layer) else self.random)  # type: ignore[arg-type]
            layer.random = self.random
        placement.to_device(self.ops, self.layers)
        self.last_use = last_uses(graph.wiring)

    def __repr__(self) -> str:
        params = sum(a.size for layer in self.layers for a in layer.params.values())
        size = describe(self.input_shape)
        return f"<Network {self.graph.path}: input {size}, {len(self.layers)} layers, {params:,} parameters>"

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def input_shape(self) -> Shape:
        """(C, H, W), or (n,) for a net that reads rows of numbers."""
        return self.graph.input_shape

    @property
    def batch(self) -> int:
        """Rows of one training pass: batch / subdivisions * time_steps."""
        return self.graph.batch

    @property
    def output_index(self) -> int:
        """Number of the last layer that has an output (a [cost] layer has none of its own)."""
        return max((i for i, layer in enumerate(self.layers) if layer.has_output), default=-1)

    def params(self, i: int) -> dict[str, np.ndarray]:
        """The parameter arrays of layer i themselves (not copies), by name.

        On a GPU they are arrays there (`ops/cuda/memory.py`); `with net.on_host():` they are NumPy's.
        """
        return self.layers[i].params

    def grads(self, i: int) -> dict[str, np.ndarray]:
        """Gradients of layer i, by the names of `params`; summed over batches until an update."""
        return self.layers[i].grads

    def reset_state(self, sequence: int | None = None) -> None:
        """Forget what recurrent layers carry from call to call, of one sequence or all; plans hold the same arrays."""
        if sequence is not None:
            with self.on_host():
                for array in (a for layer in self.layers for a in layer.state.values()):
                    array[sequence] = 0
            return
        for array in (a for layer in self.layers for a in layer.state.values()):
            self.ops.assign(array, self.ops.zeros(array, shape=tuple(array.shape)))

    def on_host(self, changes: bool = True) -> AbstractContextManager[None]:
        """Inside, parameters, moments and state are NumPy arrays, wherever the net computes.

        With `changes` what was written to them is brought back behind it.
        """
        return placement.on_host(self.ops, self.layers, changes)

    # -- weights files -----------------------------------------------------------------------------------------------

    def load_weights(self, path: str | os.PathLike[str], cutoff: int | None = None,
                     partial: bool = False) -> weights_file.Loaded:
        """Read parameters and `seen` from a .weights file.

        `cutoff`: only the first so many layers; the file may hold more.  `partial`: missing or surplus bytes are no
        error, as in the original; parameters the file lacks keep their values.  Raises WeightsError, and then nothing
        has changed.
        """
        with self.on_host():
            loaded = weights_file.read(path, self.layers, cutoff, partial)
        self.seen = loaded.seen
        self.reset_state()
        return loaded

    def load_packed(self, path: str | os.PathLike[str]) -> None:
        """Read parameters and `seen` from a .dpk file.  Raises WeightsError, and then nothing has changed.

        The net then computes as before, but can neither be trained nor saved."""
        with self.on_host():
            self.seen = packed.read(path, self.layers).seen
        self.packed = True
        self.reset_state()

    def save_packed(self, path: str | Path) -> int:
        """Write a .dpk file with a bit for each binary weight, whole or not at all; its bytes.  Raises WeightsError."""
        self.need_weights()
        with self.on_host(changes=False):
            return packed.write(path, self.layers, self.seen)

    def save(self, path: str | Path, seen: int | None = None) -> None:
        """Write a .weights file, whole or not at all; `seen` in place of the net's own.  Raises WeightsError."""
        self.need_real_weights()
        with self.on_host(changes=False):
            weights_file.write(path, self.layers, self.seen if seen is None else seen)

    # -- forward ---------------------------------------------------------------------------------------------------

    def forward(self, x: np.ndarray, train: bool = False, keep: bool = False) -> np.ndarray:
        """The net's output for x (N, C, H, W) or (N, n): that of the last layer that has one.

        Recurrent nets take rows ordered by time step, then by sequence, and carry their state to the next call.
        `keep` leaves the output of every layer in `outputs`.  Raises UsageError for an x of another shape.
        """
        values: dict[int, Any] = {-1: self.ops.upload(self.check_input(x))}
        for i, layer in enumerate(self.layers):
            with np.errstate(all="ignore"):  # what is not finite shows in the output, not as a warning of NumPy
                values[i], _ = layer.forward(self.ops, *(values[s] for s in self.wiring[i]), train=train)
            if not keep:
                for s in self.last_use.get(i, ()):
                    if s != self.output_index:
                        values.pop(s, None)
        self.outputs = [self.ops.download(values[i]) for i in range(len(self.layers))] if keep else []
        return self.ops.download(values[self.output_index])

    @property
    def output_layers(self) -> list[int]:
        """Numbers of the layers whose outputs are the net's results: detection heads, else the last."""
        heads = [i for i, layer in enumerate(self.layers) if hasattr(layer, "decode")]
        return heads or [self.output_index]

    def plan(self, threads: int | None = None, release: bool = False, precision: str = "float32",
             calibration: Calibration | str | os.PathLike[str] | None = None,
             memory: float | None = None) -> Plan | DevicePlan:
        """The net compiled for inference: plan(x) gives the outputs of `output_layers`.

        `precision`: "bf16" or "int8" compute in narrower types where the CPU has instructions for them, "fp16" where
        the GPU has, else and by default in float32 (`plan.precision` and `plan.note` tell); int8 needs a `calibration`
        (see `calibrate`), or the file of one.  `memory`: packed weights may take so many times the raw ones, by default
        2.5; more may be faster.

        `release` frees the weights of convolutions once the plan has packed them, which about halves the memory of a
        large net; from its first run on only this plan can be used, the net itself not run, trained or saved.
        """
        self.need_weights()
        if self.ops.on_device:
            return DevicePlan(self.layers, self.wiring, self.input_shape, self.output_layers, self.ops,
                              partial(self.on_host, changes=False), precision)
        if calibration is not None:
            calibration = Calibration.of(calibration, len(self.layers), self.seen)
        elif possible(precision)[0] == "int8":
            raise UsageError("precision int8 needs a calibration: net.calibrate(images), or the file of one")
        return Plan(self.layers, self.wiring, self.input_shape, self.output_layers, threads,
                    self.release if release else keep, precision, calibration, memory)

    def calibrate(self, inputs: Iterable[np.ndarray]) -> Calibration:
        """The range of each layer's output over arrays of inputs (N, C, H, W), which int8 plans need."""
        self.need_weights()
        found = Ranges(len(self.layers))
        for x in inputs:
            self.forward(x, keep=True)
            found.add(self.outputs, len(x))
        self.outputs = []
        return found.calibration(self.seen)

    def release(self, layer: int, weights: np.ndarray) -> None:
        """Free weights of a layer that a plan has packed; their shape stays, for later traces."""
        params = self.layers[layer].params
        for name, array in params.items():
            if array is weights:
                params[name] = np.broadcast_to(np.float32(0), array.shape)
                self.released = True

    def need_weights(self) -> None:
        """Raise UsageError where a plan has taken the weights over."""
        if self.released:
            raise UsageError("the weights of this net were released to its plan: load the net again")

    def need_real_weights(self) -> None:
        """Raise UsageError where there are only packed weights."""
        self.need_weights()
        if self.packed:
            raise UsageError("this net was loaded from packed weights, which hold the signs of binary weights only: "
                             "load the .weights file to train, save or change it")

    # -- training --------------------------------------------------------------------------------------------------

    def loss(self, x: np.ndarray, truth: np.ndarray) -> float:
        """Forward in training mode; returns the mean cost of the loss layers, as Darknet reports it.

        `truth` (N, numbers) has Darknet's layout for the net's loss layer: one-hot classes, rows of boxes, an image.
        Keeps what `backward` needs.
        """
        self.need_real_weights()
        x = self.ops.upload(self.check_input(x))
        truth = self.ops.upload(np.ascontiguousarray(truth, np.float32).reshape(len(x), -1))
        self.tape = Tape({-1: x}, {}, {})
        for i, layer in enumerate(self.layers):
            inputs = (self.tape.values[s] for s in self.wiring[i])
            y, saved = layer.forward(self.ops, *inputs, train=True)
            if layer.is_loss and not layer.config.onlyforward:
                loss = layer.loss(self.ops, saved, truth, self.seen)
                self.tape.losses[i] = loss
                y = y if loss.output is None else loss.output
            if layer.config.truth:
                truth = self.ops.reshape(y, shape=(flat(layer.out_shape),))
            self.tape.values[i], self.tape.saved[i] = y, saved
        costs = [loss.cost for loss in self.tape.losses.values()]
        if not costs:
            raise UsageError(f"{self.graph.path}: no loss layer (cost, softmax, yolo, region, ...): nothing to train")
        return sum(costs) / len(costs)

    def backward(self, input_gradient: bool = False) -> None:
        """After `loss`: adds the gradients of this batch to `grads`: true gradients, minus Darknet's delta.

        `input_gradient` leaves that for the net's input in `tape.grads[-1]`, for which the first layer has to work.
        """
        tape = self.tape
        grads: dict[int, Any] = {}
        stop = max((i for i, layer in enumerate(self.layers) if layer.config.stopbackward), default=-1)
        for i in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[i]
            if layer.config.stopbackward:
                break
            dy = grads.get(i)
            if layer.is_loss and dy is not None:  # from a later loss: it passes a loss layer unchanged, as in Darknet
                dy = self.ops.reshape(dy, shape=layer.in_shapes[0])
            if i in tape.losses:
                own = tape.losses[i].dx
                back: Any = own if dy is None else self.ops.add(own, dy)
            elif dy is None:
                continue
            elif layer.is_loss:
                back = dy
            else:
                layer.wants_dx = input_gradient or any(s > stop for s in self.wiring[i])
                back = layer.backward(self.ops, dy, tape.saved[i])
            for s, dx in zip(self.wiring[i], back if isinstance(back, tuple) else (back,), strict=True):
                if dx is not None:
                    # a value read by several layers has the sum of their gradients
                    grads[s] = self.ops.add(grads[s], dx) if s in grads else dx
        self.tape.grads = grads

    def update(self, lr: float, momentum: float, decay: float) -> None:
        """One step of SGD (of Adam if the cfg says so) with the gradients summed up since the last; forgets them.

        As Darknet scales it: lr is for a mean over batch * time_steps images, decay is for each image, and `momentum`
        is the share of the last step that is taken again.
        """
        self.updates += 1
        batch = self.batch * self.config.subdivisions
        for layer in self.layers:
            optimizer.update(self.ops, layer, self.config, lr, momentum, decay, batch, self.updates)

    def train_step(self, x: np.ndarray, truth: np.ndarray) -> float:
        """One batch of training at the rate the cfg's policy gives; returns its cost.

        Parameters move when a batch of all `subdivisions` is complete.
        """
        cost = self.learn(x, truth)
        if self.complete:
            self.step()
        return cost

    def learn(self, x: np.ndarray, truth: np.ndarray) -> float:
        """The part of `train_step` before the update: counts the images, sums up gradients; returns the cost."""
        self.seen += len(x)
        cost = self.loss(x, truth)
        self.backward()
        return cost

    @property
    def complete(self) -> bool:
        """Whether the last `learn` was that of the last subdivision of a batch."""
        return (self.seen // self.batch) % self.config.subdivisions == 0

    def step(self) -> float:
        """The update of `train_step`; returns its rate."""
        rate = self.rate()
        self.update(rate, self.config.momentum, self.config.decay)
        return rate

    @property
    def batches(self) -> int:
        """Batches (of all subdivisions) seen."""
        return self.seen // (self.batch * self.config.subdivisions)

    def rate(self) -> float:
        """The learning rate of an update made now."""
        return schedule.rate(self.config, self.batches, self.random)

    def resize(self, size: tuple[int, int]) -> None:
        """Take inputs of another (height, width) from now on, with the same arrays of parameters and of training.

        Raises CfgError or ModelError where the layers do not allow it, and then nothing has changed.
        """
        if self.input_shape[1:] == size:
            return
        c = self.config
        graph = build(self.graph.sections, c.batch if c.subdivisions == 1 else None, size, lax=True)
        for i, (old, new) in enumerate(zip(self.layers, graph.layers, strict=True)):
            if old.declared.keys() != new.declared.keys() or any(
                    p.shape != new.declared[name].shape for name, p in old.declared.items()):
                raise ModelError(f"{graph.sections[i + 1].place()}: [{old.kind}] has weights for an input of "
                                 f"{describe(old.in_shapes[0])} only: the size of the net cannot vary (random=0)")
        for old, new in zip(self.layers, graph.layers, strict=True):
            new.params, new.grads, new.moments, new.state = old.params, old.grads, old.moments, old.state
            new.random = old.random
        graph.config = replace(c, height=size[0], width=size[1], inputs=flat(graph.input_shape))
        self.graph, self.config, self.layers = graph, graph.config, graph.layers

    def check_input(self, x: np.ndarray) -> np.ndarray:
        self.need_weights()
        return as_batch(x, self.input_shape)


class Blank:
    """In place of a random generator: zeros, where drawing tens of millions of random numbers would be for nothing."""

    def standard_normal(self, shape: Shape, dtype: Any) -> np.ndarray:
        return np.zeros(shape, dtype)

    random = standard_normal


def last_uses(wiring: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """For each layer, the values nobody needs once it has run."""
    last = {s: i for i, sources in enumerate(wiring) for s in sources}
    freed: dict[int, list[int]] = {}
    for source, reader in last.items():
        freed.setdefault(reader, []).append(source)
    return freed


def load(cfg: str | Path | Sequence[cfg_file.Section], weights: str | os.PathLike[str] | None = None,
         batch: int | None = None, size: int | tuple[int, int] | None = None, device: str = "cpu", lax: bool = False,
         partial: bool = False) -> Network:
    """A Network from a .cfg file (or parsed sections) and, if given, a .weights or .dpk file.

    `batch` and `size` (side, or (height, width)) replace what the cfg says.  Without weights the parameters start as
    for training, and so do, with `partial`, those that a .weights file lacks.  Raises CfgError, WeightsError.
    """
    graph = read(cfg, batch, size, lax) if isinstance(cfg, (str, Path)) else build(list(cfg), batch, size, lax)
    if weights is None:
        return Network(graph, device)
    if packed.is_packed(weights):
        packed.check(weights, graph.layers)
        net = Network(graph, device, blank=True)
        net.load_packed(weights)
        return net
    weights_file.check(weights, graph.layers, partial=partial)  # before memory is taken
    net = Network(graph, device, blank=not partial)
    net.load_weights(weights, partial=partial)
    return net


__all__ = ["Network", "describe", "load"]

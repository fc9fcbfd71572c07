"""What recurrent layers share: inner layers, time steps, and the state that goes on from call to call.

Rows are ordered by time step, then by sequence: with B sequences of T steps, row t*B + b is step t of sequence b.
A call takes T*B rows, T being `time_steps` of [net] and B whatever follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np

from darkpy.errors import UsageError
from darkpy.layers.base import EPSILON, Array, Layer, NetInfo
from darkpy.layers.batchnorm import Normalization, accumulate_both
from darkpy.layers.connected import Connected
from darkpy.layers.convolutional import Convolutional
from darkpy.ops.spec import Shape


class Window(MutableMapping[str, Array]):
    """What of a layer's `params` or `grads` begins with a prefix, under the names without it.

    An inner layer looks through it at the arrays of the layer around it, so that they are kept in one place.
    """

    def __init__(self, owner: Layer, table: str, prefix: str):
        self.owner, self.table, self.prefix = owner, table, prefix

    @property
    def whole(self) -> dict[str, Array]:
        found: dict[str, Array] = getattr(self.owner, self.table)
        return found

    def __getitem__(self, name: str) -> Array:
        return self.whole[self.prefix + name]

    def __setitem__(self, name: str, array: Array) -> None:
        self.whole[self.prefix + name] = array

    def __delitem__(self, name: str) -> None:
        del self.whole[self.prefix + name]

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix(self.prefix) for name in list(self.whole) if name.startswith(self.prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class SharedStatistics(Normalization):
    """Batch normalisation inside a recurrent layer, with Darknet's gradient.

    In training each time step is normalised with its own mean and variance.  Darknet keeps them in one buffer for all
    steps, so its backward finds those of the last step there, for every step; only dscales comes from each step's own.
    """

    def forward(self, ops: Any, p: dict[str, Array], x: Array, train: bool) -> tuple[Array, Any]:
        y, statistics = super().forward(ops, p, x, train)
        if train:
            self.newest = statistics
        return y, statistics

    def backward(self, ops: Any, layer: Layer, dy: Array, x: Array, statistics: Any) -> Array:
        scales = layer.params["scales"]
        _, dscales, dbiases = ops.batchnorm_dx(dy, x, *statistics, scales, eps=EPSILON, exact=False)
        dx, _, _ = ops.batchnorm_dx(dy, x, *self.newest, scales, eps=EPSILON, exact=False)
        accumulate_both(layer, ops, dscales, dbiases)
        return dx


class Recurrent(Layer):
    """Base of [rnn], [crnn], [gru] and [lstm].

    `inner` are the layers it is made of, in the order of a weights file; their parameters and gradients are this
    layer's own, named "input_layer.weights" and so on.  `state_shapes` says what it carries for each sequence.
    """

    def __init__(self, config: Any, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        self.inner: dict[str, Connected | Convolutional] = {}
        self.state_shapes: dict[str, Shape] = {}

    def add_inner(self, name: str, layer: Connected | Convolutional) -> None:
        self.inner[name] = layer
        if layer.norm:
            layer.norm = SharedStatistics(layer.out_shape[0])
        self.declared |= {f"{name}.{key}": p for key, p in layer.declared.items()}
        layer.params = Window(self, "params", f"{name}.")  # type: ignore[assignment]
        layer.grads = Window(self, "grads", f"{name}.")  # type: ignore[assignment]

    # -- state -----------------------------------------------------------------------------------------------------

    def sequences(self, rows: int) -> int:
        """How many sequences a call with so many rows holds."""
        steps = self.net.time_steps
        if rows % steps:
            raise UsageError(f"{rows} rows of input for [{self.kind}], layer {self.net.index}, with "
                             f"time_steps={steps}: give a multiple of {steps}, a row for each step of a sequence")
        return rows // steps

    def fits(self, name: str, batch: int, dtype: Any) -> bool:
        array = self.state.get(name)
        shape = (batch, *self.state_shapes[name])
        return array is not None and tuple(array.shape) == shape and str(array.dtype) == str(dtype)

    def prepare(self, rows: int, dtype: str = "float32") -> None:
        """Make the state arrays, zero, for calls with `rows` rows; those that fit already keep what they hold."""
        batch = self.sequences(rows)
        for name, shape in self.state_shapes.items():
            if not self.fits(name, batch, dtype):
                self.state[name] = np.zeros((batch, *shape), dtype)

    def carried(self, ops: Any, x: Array, train: bool) -> list[Array]:
        """The state as the last call left it; zeros where there was none, or for another number of sequences.

        A layer reads it and writes its successor there with `assign`.  Training keeps a copy: backward comes later.
        """
        batch = self.sequences(x.shape[0])
        for name, shape in self.state_shapes.items():
            if not self.fits(name, batch, x.dtype):
                self.state[name] = ops.zeros(x, shape=(batch, *shape))
        held = [self.state[name] for name in self.state_shapes]
        return [ops.scale(s, factor=1.0) for s in held] if train else held

    # -- time ------------------------------------------------------------------------------------------------------

    def step(self, ops: Any, x: Array, t: int) -> Array:
        """The rows of time step t: a view."""
        batch = x.shape[0] // self.net.time_steps
        return ops.rows(x, start=t * batch, stop=(t + 1) * batch)

    def split(self, ops: Any, x: Array) -> list[Array]:
        return [self.step(ops, x, t) for t in range(self.net.time_steps)]

    def all_steps(self, ops: Any, name: str, x: Array, train: bool) -> tuple[Array, Any]:
        """Forward of an inner layer that reads no state, so that all time steps can go through it as one batch.

        Only batch normalisation in training needs them apart: each step has its own mean and variance.
        """
        layer = self.inner[name]
        if not (train and layer.norm):
            return layer.forward(ops, x, train)
        ys, saved = zip(*(layer.forward(ops, part, train) for part in self.split(ops, x)), strict=True)
        return ops.concat(*ys, axis=0), list(saved)

    def all_steps_backward(self, ops: Any, name: str, dy: Array, saved: Any) -> Array:
        """Gradient for the input of `all_steps`."""
        layer = self.inner[name]
        if not isinstance(saved, list):
            return layer.backward(ops, dy, saved)
        parts = zip(self.split(ops, dy), saved, strict=True)
        return ops.concat(*(layer.backward(ops, part, s) for part, s in parts), axis=0)

    @property
    def flops(self) -> float:
        return sum(layer.flops for layer in self.inner.values())

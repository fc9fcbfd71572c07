"""What a layer is: a Config, shapes, parameters, a forward and the backward under it; and the table of all kinds.

To add a layer, write one file: a class with `kind`, a `Config` whose fields are the cfg's own words, `__init__` that
sets `out_shape` and declares parameters, `forward` and `backward` in terms of ops; decorate it with `@register`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from darkpy.errors import UsageError
from darkpy.ops.spec import Shape

Array = Any  # numpy.ndarray, a device array, or the symbolic Value of a trace
EPSILON = 1e-5  # inside the root of every batch normalisation (Darknet's GPU build, and its AlexeyAB fork)


class LayerProblem(Exception):
    """A layer cannot be built.  `key` is the option to point at; `source` the earlier layer at fault, if not this;
    `also` the layer's further problems."""

    def __init__(self, message: str, key: str | None = None, source: int | None = None):
        super().__init__(message)
        self.key, self.source = key, source
        self.also: list[LayerProblem] = []


@dataclass
class LayerConfig:
    """Options every layer takes."""

    truth: bool = False  # this layer's output is the truth of the loss layers behind it
    onlyforward: bool = False
    stopbackward: bool = False  # gradients do not reach this layer or any before it
    dontsave: bool = False
    dontload: bool = False
    dontloadscales: bool = False
    numload: int = 0  # read only so many filters
    smooth: float = 0.0
    learning_rate: float = 1.0  # factor on the net's rate


@dataclass(frozen=True)
class NetInfo:
    """What a layer may know of the net around it: sizes in pixels, images (x time steps) per batch, time steps."""

    width: int = 0
    height: int = 0
    channels: int = 0
    batch: int = 1
    time_steps: int = 1
    index: int = 0  # the layer's own number
    folder: str = "."  # of the cfg, where files named in it are looked for


@dataclass
class Param:
    """A parameter array of a layer: its shape, how it starts, and whether a weights file holds it."""

    shape: Shape
    start: Callable[[np.random.Generator, Shape], np.ndarray]
    stored: bool = True
    trained: bool = True  # False for the rolling statistics, which are observed, not learned
    decayed: bool = False  # weights decay; biases and scales do not

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def constant(value: float) -> Callable[[np.random.Generator, Shape], np.ndarray]:
    return lambda random, shape: np.full(shape, value, np.float32)


def normal(deviation: float) -> Callable[[np.random.Generator, Shape], np.ndarray]:
    def start(random: np.random.Generator, shape: Shape) -> np.ndarray:
        values = random.standard_normal(shape, np.float32)
        values *= np.float32(deviation)
        return values

    return start


def uniform(limit: float) -> Callable[[np.random.Generator, Shape], np.ndarray]:
    def start(random: np.random.Generator, shape: Shape) -> np.ndarray:
        values = random.random(shape, np.float32)
        values *= np.float32(2 * limit)
        values -= np.float32(limit)
        return values

    return start


@dataclass
class Loss:
    """What a loss layer yields: the cost as Darknet reports it, the gradient for the layer's input, and figures."""

    cost: float
    dx: Array
    output: Array | None = None  # replaces the layer's output where Darknet stores the error there ([cost])
    report: dict[str, float] = field(default_factory=dict)  # figures for the log: "iou", "recall", ...


class Layer:
    """Base of all layers.

    `declared` maps a parameter's name to its Param, in the order of a weights file.  `params` holds the arrays once
    `allocate` was called, `grads` what backward adds up, `moments` what the optimizer remembers.  `state` is what a
    recurrent layer carries between calls.  `wants_dx`: whether the gradient for the input is of use to anyone; where
    it is not, `backward` may return None for it.
    """

    kind: ClassVar[str] = ""
    has_output: ClassVar[bool] = True  # False for [cost]: the net's output is that of the layer before
    is_loss: ClassVar[bool] = False
    Config: ClassVar[type] = LayerConfig

    def __init__(self, config: Any, in_shapes: list[Shape], net: NetInfo):
        self.config = config
        self.in_shapes = in_shapes
        self.net = net
        self.out_shape: Shape = in_shapes[0]
        self.declared: dict[str, Param] = {}
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.moments: dict[str, Array] = {}
        self.state: dict[str, Array] = {}
        self.wants_dx = True
        self.random: np.random.Generator = np.random.default_rng(0)  # the net's own, once it is part of one

    @classmethod
    def sources(cls, config: Any, index: int) -> list[int]:
        """Numbers of the layers this one reads from; -1 is the net's input.  The layer before, unless overridden."""
        return [index - 1]

    def allocate(self, random: np.random.Generator) -> None:
        """Make the parameter arrays with their starting values."""
        self.params = {name: p.start(random, p.shape) for name, p in self.declared.items()}

    def prepare(self, rows: int) -> None:
        """Make the state arrays for calls with `rows` rows of input, where the layer has state and they do not fit."""

    def forward(self, ops: Any, *args: Any, **kw: Any) -> tuple[Array, Any]:
        """forward(ops, x, train=False), with an x for each source: (y, saved), the output, and with `train` whatever
        backward needs, else None."""
        raise AssertionError(f"{type(self).__name__} has no forward")

    def backward(self, ops: Any, dy: Array, saved: Any) -> Any:
        """Gradient for the input (a tuple of them for several inputs); adds to `grads`."""
        raise AssertionError(f"{type(self).__name__} has no backward")

    def loss(self, ops: Any, saved: Any, truth: Array, seen: int) -> Loss:
        """For loss layers (`is_loss`): cost and gradient, given what forward saved and `truth` (N, numbers).

        `seen`: images seen so far, which some losses of Darknet depend on.
        """
        raise AssertionError(f"{type(self).__name__} has no loss")

    def accumulate(self, ops: Any, name: str, grad: Array) -> None:
        """Add to the gradient of a parameter: it is kept until an update, over all subdivisions."""
        if name in self.grads:
            ops.add_to(self.grads[name], grad)
        else:
            self.grads[name] = grad

    @property
    def flops(self) -> float:
        """Multiplications and additions for one image, as Darknet's table counts them."""
        return 0.0

    @property
    def n_params(self) -> int:
        return sum(p.size for p in self.declared.values())


def check_truth(layer: Layer, truth: Array, n: int) -> None:
    """UsageError unless the truth has `n` numbers for each image."""
    if truth.shape[1] != n:
        raise UsageError(f"truth with {truth.shape[1]} numbers an image for [{layer.kind}], layer {layer.net.index}: "
                         f"it takes {n}")


LAYERS: dict[str, type[Layer]] = {}


def register(*names: str) -> Callable[[type[Layer]], type[Layer]]:
    """Make a layer known under its section names; the first is its `kind`."""

    def add(cls: type[Layer]) -> type[Layer]:
        cls.kind = names[0]
        for name in names:
            LAYERS[name] = cls
        return cls

    return add


def flat(shape: Shape) -> int:
    """Numbers in one image of this shape."""
    return math.prod(shape)


def as_batch(x: np.ndarray, shape: Shape) -> np.ndarray:
    """Inputs as float32 (N, *shape), if x has N rows of so many numbers.  Raises UsageError for another shape."""
    x = np.ascontiguousarray(x, np.float32)
    if not x.size or x.size != len(x) * flat(shape):
        raise UsageError(f"input of shape {x.shape}: this net takes (N, {', '.join(map(str, shape))})")
    return x.reshape(-1, *shape)


def need_map(shape: Shape, kind: str) -> tuple[int, int, int]:
    """The shape as (C, H, W), or a LayerProblem for rows of numbers."""
    if len(shape) != 3:
        raise LayerProblem(f"[{kind}] needs a feature map (channels, height, width), but its input has no "
                           f"height and width ({flat(shape)} numbers)")
    return shape

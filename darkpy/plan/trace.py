"""Trace: run the layers' forward on symbols and write down which ops they call.

A Recorder stands in for a backend.  It computes nothing: the rules of `ops/spec` give it the shapes, and every call
becomes a Step.  What comes out is a Program, a list of steps in which each Value is written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from darkpy.layers.base import Layer
from darkpy.ops import spec
from darkpy.ops.signs import Signs
from darkpy.ops.spec import Out, Shape


class Value:
    """An array that will exist when the program runs; equal only to itself."""

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, shape: Shape, dtype: str = "float32", name: str = ""):
        self.shape, self.dtype, self.name = shape, dtype, name

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        n = 1
        for d in self.shape:
            n *= d
        return n

    def __repr__(self) -> str:
        return f"{self.name or 'value'}{list(self.shape)}"


@dataclass(frozen=True, eq=False)
class Scaled:
    """Weights times a factor per filter (first axis): multiplied only where they are packed, so that no second copy
    of all weights exists."""

    weights: Any
    factor: Any

    @property
    def shape(self) -> Shape:
        return tuple(self.weights.shape)

    def array(self) -> Any:
        weights = self.weights.array() if isinstance(self.weights, Signs) else self.weights
        return weights * self.factor.reshape((-1,) + (1,) * (weights.ndim - 1))


@dataclass
class Step:
    """One op: `args` are Values, arrays (parameters, state) or Scaled weights, `kw` plain numbers and words."""

    op: str
    args: tuple[Any, ...]
    kw: dict[str, Any]
    outs: tuple[Value, ...]
    layer: int  # the layer this step came from

    def inputs(self) -> list[Value]:
        return [a for a in self.args if isinstance(a, Value)]


@dataclass
class Program:
    """Steps from `input` to `outputs`."""

    input: Value
    outputs: list[Value]
    steps: list[Any] = field(default_factory=list)  # Steps; after lowering also Kernels
    made: dict[Value, int] = field(default_factory=dict)  # the layer whose output a value is

    def readers(self) -> dict[Value, list[Step]]:
        """Which steps read each value."""
        found: dict[Value, list[Step]] = {}
        for step in self.steps:
            for value in step.inputs():
                found.setdefault(value, []).append(step)
        return found

    def only_reader(self, value: Value, readers: dict[Value, list[Step]]) -> Any:
        """The step that reads `value`, if it is the only one of its `readers` and nobody outside wants the value."""
        found = readers.get(value, [])
        return found[0] if len(found) == 1 and value not in self.outputs else None


class Recorder:
    """A backend that writes down its calls."""

    name = "recorder"

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.layer = -1

    def __getattr__(self, op: str) -> Any:
        if op not in spec.OPS:
            raise AttributeError(f"no op {op!r} in ops/spec")
        rule = spec.OPS[op]

        def record(*args: Any, **kw: Any) -> Any:
            outs = rule(*args, **kw)
            many = isinstance(outs, tuple)
            shapes: tuple[Out, ...] = outs if many else () if outs is None else (outs,)
            dtype = next((str(a.dtype) for a in args if hasattr(a, "dtype")), "float32")
            values = tuple(Value(o.shape, o.dtype or dtype, f"{op}@{self.layer}") for o in shapes)
            self.steps.append(Step(op, args, kw, values, self.layer))
            return values if many else values[0] if values else None

        return record


def trace(layers: Sequence[Layer], wiring: Sequence[Sequence[int]], input_shape: Shape, batch: int,
          wanted: Sequence[int]) -> Program:
    """The Program that computes the outputs of the `wanted` layers for `batch` rows of input."""
    recorder = Recorder()
    source = Value((batch, *input_shape), name="input")
    values: dict[int, Any] = {-1: source}
    made: dict[Value, int] = {}
    for i, layer in enumerate(layers):
        recorder.layer = i
        layer.prepare(batch)
        values[i], _ = layer.forward(recorder, *(values[s] for s in wiring[i]), train=False)
        if isinstance(values[i], Value):
            made.setdefault(values[i], i)
    return Program(source, [values[i] for i in wanted], recorder.steps, made)

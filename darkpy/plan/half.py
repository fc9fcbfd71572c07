"""The pass of a plan on a GPU in half precision: which maps are halves, and who converts them.

What a convolution or one of the ops in `SAME` reads is stored in halves, as a value of its own, channels side by side
(`ops/halves.py`).  All else - outputs, what other ops read, convolutions of groups or of bits - is float32,
with a conversion in between.
"""

from __future__ import annotations

from typing import Any

from darkpy.ops.halves import EIGHT, WORD, map_shape
from darkpy.plan.trace import Program, Step, Value

SAME = ("maxpool", "upsample", "concat", "activation", "shortcut")  # ops that take maps of halves


def multiplies(step: Any) -> bool:
    """Whether a step is a convolution for tensor cores."""
    return not isinstance(step, Step) and not step.signs and step.kw.get("groups", 1) == 1


def keeps(step: Any) -> bool:
    """Whether a step can take halves and give halves."""
    if not isinstance(step, Step) or step.op not in SAME or step.outs[0].ndim != 4:
        return False
    if step.op == "concat":
        return step.kw.get("axis", 1) == 1 and all(v.shape[1] % EIGHT == 0 for v in step.inputs()[:-1])
    return step.kw.get("factor", 1) == 1 and (step.op != "shortcut" or step.args[0].shape == step.args[1].shape)


class Halves:
    """Rewrites a program of fused convolutions."""

    def __init__(self, program: Program):
        self.program, self.readers = program, program.readers()
        self.twins: dict[Value, Value] = {}  # the map of halves with a value's numbers
        self.only: set[Value] = set()  # values that exist as halves and not in float32
        self.known: dict[Value, bool] = {}  # what `wanted` found
        self.steps: list[Any] = []

    def half(self, value: Value, layer: int) -> Value:
        """The value in halves."""
        if value not in self.twins:
            self.steps.append(Step("to_half", (value,), {}, (self.twin(value),), layer))
        return self.twins[value]

    def full(self, value: Value, layer: int) -> None:
        """See to it that the value is there in float32."""
        if value in self.only:
            self.only.remove(value)
            self.steps.append(Step("from_half", (self.twins[value],), {}, (value,), layer))

    def twin(self, value: Value) -> Value:
        self.twins[value] = Value(map_shape(value.shape), WORD, value.name)
        return self.twins[value]

    def wanted(self, value: Value) -> bool:
        """Whether it is better written in halves: some convolution reads it, at once or behind ops that keep them."""
        if value not in self.known:
            self.known[value] = value not in self.program.outputs and any(
                multiplies(reader) or (keeps(reader) and self.wanted(reader.outs[0]))
                for reader in self.readers.get(value, ()))
        return self.known[value]

    def made(self, value: Value) -> Value:
        """What the step that makes this value is to write."""
        self.only.add(value)
        return self.twin(value)

    def rewrite(self) -> Program:
        for step in self.program.steps:
            if multiplies(step):
                step.x = self.half(step.x, step.layer)
                if step.residual is not None:
                    step.residual = self.half(step.residual, step.layer)
                if self.wanted(step.outs[0]):
                    step.outs = (self.made(step.outs[0]),)
            elif keeps(step) and self.wanted(step.outs[0]) and any(v in self.twins for v in step.inputs()):
                step.args = tuple(self.half(v, step.layer) for v in step.args)
                step.outs = (self.made(step.outs[0]),)
            else:
                for value in step.inputs():
                    self.full(value, step.layer)
            self.steps.append(step)
        self.program.steps = self.steps
        return self.program


def in_halves(program: Program) -> Program:
    """The same program with maps of halves between its convolutions."""
    return Halves(program).rewrite()

"""Which maps of a narrow plan are stored in fewer bits, and in which form.

A plan of precision "bf16" or "int8" stores as bfloat16 or uint8 every map that a convolution or a kernel on maps reads;
what only plain ops or the caller read stays float32, such as the inputs of detection heads.  uint8 needs to know the
range of a map: calibration measures it for the output of each layer.  Maps that a route joins, and those a pooling or
an upsampling takes over as they are, share one range, so that they are copied as they are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from darkpy.errors import UsageError
from darkpy.ops.cpu.tile import narrow_products
from darkpy.plan.binary import stays_binary
from darkpy.plan.blocked import BFLOAT, FLOAT, Form
from darkpy.plan.trace import Program, Step, Value

STORED = {"bf16": "bfloat16", "int8": "uint8"}
PRECISIONS = ("float32", *STORED, "fp16")
HALVES_FROM = (8, 0)  # compute capability: tensor cores with products of 16 x 8 x 16, asynchronous copies
NEEDS = {"bf16": "AVX512-BF16", "int8": "AVX512-VNNI"}
ON_MAPS = ("conv", "maxpool", "upsample", "concat", "shortcut")  # ops that read maps
Range = tuple[float, float]


def possible(precision: str, on_device: bool = False) -> tuple[str, str]:
    """The precision a plan computes in on this CPU or GPU, and a line about it where it is not the wanted one.

    Raises UsageError for an unknown one, and for one of the CPU's on a GPU."""
    if precision not in PRECISIONS:
        raise UsageError(f"precision={precision!r}: it is one of {', '.join(PRECISIONS)}")
    if precision == "float32":
        return precision, ""
    if on_device:
        if precision != "fp16":
            raise UsageError(f"precision {precision} is for the CPU: on a GPU plans compute in float32 or fp16")
        from darkpy import cuda

        if (found := cuda.capability()) >= HALVES_FROM:
            return precision, ""
        why = "compute capability {}.{}, and fp16 needs {}.{}".format(*found, *HALVES_FROM)
        return "float32", f"precision fp16: this GPU has {why}, so float32 is computed"
    if precision == "fp16":
        return "float32", "precision fp16: it is for NVIDIA GPUs (device cuda), so float32 is computed"
    if narrow_products(STORED[precision]):
        return precision, ""
    return "float32", f"precision {precision}: this CPU has no {NEEDS[precision]}, so float32 is computed"


def quantised(low: float, high: float) -> Form:
    """The uint8 form for numbers from low to high; 0 is always one of them, exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255)) or 1.0
    return Form("uint8", scale, min(max(round(-low / scale), 0), 255))


class Forms:
    """The form of each value of a program as a map.  `ranges`: of the outputs of layers, for int8."""

    def __init__(self, program: Program, precision: str = "float32", ranges: Mapping[int, Range] | None = None):
        self.precision = precision
        self.program = program
        self.readers = program.readers() if precision != "float32" else {}
        self.ranges = self.shared(ranges or {}) if precision == "int8" else {}

    def of(self, value: Value) -> Form:
        """The form in which kernels read this value."""
        if self.precision == "bf16":
            return BFLOAT
        return quantised(*self.ranges[value]) if value in self.ranges else FLOAT

    def stored(self, value: Value) -> Form:
        """The form in which a kernel writes it."""
        read = any(step.op in ON_MAPS and not stays_binary(step) for step in self.readers.get(value, ()))
        return self.of(value) if read and value not in self.program.outputs else FLOAT

    def shared(self, ranges: Mapping[int, Range]) -> dict[Value, Range]:
        """A range for each value that has one, united over all that are stored alike."""
        group: dict[Value, Value] = {}

        def root(value: Value) -> Value:
            while group.get(value, value) is not value:
                value = group[value]
            return value

        for step in self.program.steps:
            if isinstance(step, Step) and (step.op in ("concat", "maxpool")
                                           or (step.op == "upsample" and step.kw.get("factor", 1) == 1)):
                for value in step.inputs():
                    group[root(value)] = root(step.outs[0])
        united: dict[Value, Range] = {}
        values = {value for step in self.program.steps for value in (*step.inputs(), *step.outs)}
        for value in values:
            layer = self.program.made.get(value, -1)
            if layer in ranges:
                low, high = united.get(root(value), (0.0, 0.0))
                united[root(value)] = min(low, ranges[layer][0]), max(high, ranges[layer][1])
        return {value: united[root(value)] for value in values if root(value) in united}

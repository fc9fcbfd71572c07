"""Kernels: the steps of a lowered program, each bound once to addresses and then only called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from darkpy.ops.cpu import blocked as maps
from darkpy.ops.cpu import tasks
from darkpy.ops.cpu.functions import function
from darkpy.ops.cpu.tasks import arguments
from darkpy.plan.blocked import Blocked
from darkpy.plan.trace import Value


class Call:
    """`count` runs of a task with its bound arguments; `keep` holds what the arguments point at.  `source`: the slot
    with the address of the array it reads, where it reads an array as a whole."""

    def __init__(self, count: int, task: Any, slots: np.ndarray, keep: tuple[Any, ...] = (),
                 source: int | None = None):
        self.count, self.task, self.slots, self.keep, self.source = count, task, slots, keep, source

    @property
    def parts(self) -> tuple[int, int, int]:
        """(count, address of the task, address of its slots)."""
        return self.count, self.task.address, self.slots.ctypes.data

    def __call__(self) -> None:
        tasks.run(self.count, self.task.address, self.slots.ctypes.data)


class Kernel:
    """A step that runs a kernel.  `scratch`: bytes it needs while it runs; `weight_bytes`: of its packed weights."""

    algorithm = ""

    def __init__(self, layer: int, reads: Sequence[Any], out: Any):
        self.layer = layer
        self.reads: list[Any] = list(reads)  # Values, most of them Blocked
        self.out: Any = out
        self.flops = 0.0
        self.weight_bytes = 0
        self.scratch: Value | None = None

    @property
    def outs(self) -> tuple[Value, ...]:
        return (self.out, self.scratch) if self.scratch else (self.out,)

    def inputs(self) -> list[Value]:
        return self.reads

    def need_scratch(self, size: int) -> None:
        self.scratch = Value((-(-size // 4),), name="scratch")

    def bind(self, memory: Any) -> list[Call]:
        """`memory.place(blocked)` gives (address, image, block, row), `memory.array(value)` an array."""
        raise AssertionError


class ToBlocked(Kernel):
    algorithm = "to blocked"

    def bind(self, memory: Any) -> list[Call]:
        x, y = memory.array(self.reads[0]), self.out
        slots = arguments(memory.place(y), x.ctypes.data, x.shape[1:], y.blocks, y.border)
        return [Call(x.shape[0] * y.blocks, maps.to_blocked(), slots, source=4)]


class FromBlocked(Kernel):
    """A planar array; `tables`, if any, say how channels are activated on the way: see `transpose_out`."""

    algorithm = "to planar"
    tables: np.ndarray | None = None  # (blocks, 3, 16)

    def bind(self, memory: Any) -> list[Call]:
        x, y = self.reads[0], memory.array(self.out)
        tables = self.tables.ctypes.data if self.tables is not None else 0
        slots = arguments(memory.place(x), y.ctypes.data, y.shape[1:], x.blocks, tables)
        return [Call(y.shape[0] * x.blocks, maps.from_blocked(), slots, (self.tables,))]


class PadPlanar(Kernel):
    """Planar input with a border of zeros: `out` (N, C, H + lead + trail, W + lead + trail)."""

    algorithm = "pad"

    def __init__(self, layer: int, reads: Sequence[Any], out: Any, lead: int):
        super().__init__(layer, reads, out)
        self.lead = lead

    def bind(self, memory: Any) -> list[Call]:
        x, y = memory.array(self.reads[0]), memory.array(self.out)
        slots = arguments(y.ctypes.data, x.ctypes.data, x.shape[2:], y.shape[2:], self.lead)
        return [Call(y.shape[0] * y.shape[1] * y.shape[2], maps.pad_planar(), slots, source=1)]


class MaxPool(Kernel):
    algorithm = "max pool"

    def __init__(self, layer: int, x: Blocked, out: Blocked, size: int, stride: tuple[int, int], pad: int):
        super().__init__(layer, [x], out)
        self.window = (size, *stride, pad // 2)

    def bind(self, memory: Any) -> list[Call]:
        x, y = self.reads[0], self.out
        slots = arguments(memory.place(y), memory.place(x), y.shape[2:], y.blocks, y.border, x.shape[2:], self.window,
                          y.form.zero)
        return [Call(x.shape[0] * y.blocks, maps.maxpool(y.form.dtype), slots)]


class Upsample(Kernel):
    algorithm = "upsample"

    def __init__(self, layer: int, x: Blocked, out: Blocked, stride: int, factor: float):
        super().__init__(layer, [x], out)
        self.stride, self.factor = stride, factor

    def bind(self, memory: Any) -> list[Call]:
        x, y = self.reads[0], self.out
        slots = arguments(memory.place(y), memory.place(x), y.shape[2:], y.blocks, y.border, self.stride,
                          *x.form.convert(y.form, float(self.factor)), y.form.zero)
        return [Call(x.shape[0] * y.blocks, maps.upsample(x.form.dtype, y.form.dtype), slots)]


class Add(Kernel):
    """rectify(a + b) with the given slope (1: plain sum); b may be larger, or have fewer channels (see ops/spec)."""

    algorithm = "add"

    def __init__(self, layer: int, a: Blocked, b: Blocked, out: Blocked, slope: float):
        super().__init__(layer, [a, b], out)
        self.slope = slope

    def bind(self, memory: Any) -> list[Call]:
        y, (a, b) = self.out, self.reads
        common = [min(sides) for sides in zip((a.blocks, *a.shape[2:]), (b.blocks, *b.shape[2:]), strict=True)]
        slots = arguments(memory.place(y), memory.place(a), memory.place(b), y.shape[2:], y.blocks, y.border, common,
                          max(b.shape[3] // a.shape[3], 1), float(self.slope))
        return [Call(y.shape[0] * y.blocks * y.shape[2], maps.add(), slots)]


class Activate(Kernel):
    """An activation that could not join a convolution."""

    def __init__(self, layer: int, x: Blocked, out: Blocked, kind: str):
        super().__init__(layer, [x], out)
        self.kind = self.algorithm = kind

    def bind(self, memory: Any) -> list[Call]:
        x, y = self.reads[0], self.out
        slots = arguments(memory.place(y), memory.place(x), y.shape[2:], y.blocks, y.border,
                          function(self.kind).address)
        return [Call(y.shape[0] * y.blocks * y.shape[2], maps.activate(), slots)]


class Copy(Kernel):
    """A map into its place in a larger one, for routes whose parts could not be written there at once; or a map in
    another form."""

    def __init__(self, layer: int, x: Blocked, out: Blocked):
        super().__init__(layer, [x], out)
        self.algorithm = "copy" if x.form == out.form else f"{x.form.dtype} to {out.form.dtype}"

    def bind(self, memory: Any) -> list[Call]:
        x, y = self.reads[0], self.out
        slots = arguments(memory.place(y), memory.place(x), y.shape[2:], x.blocks, y.border,
                          *x.form.convert(y.form), y.form.zero)
        return [Call(y.shape[0] * x.blocks * y.shape[2], maps.copy(x.form.dtype, y.form.dtype), slots)]

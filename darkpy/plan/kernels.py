"""Kernels: the steps of a lowered program, each bound once to addresses and then only called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from darkpy.ops.cpu import blocked as maps
from darkpy.plan.blocked import Blocked
from darkpy.plan.trace import Value

Call = Callable[[], None]


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

    def bind(self, memory: Any) -> Call:
        """`memory.place(blocked)` gives (address, image, block, row), `memory.array(value)` an array."""
        raise AssertionError


class ToBlocked(Kernel):
    algorithm = "to blocked"

    def bind(self, memory: Any) -> Call:
        x, y = memory.array(self.reads[0]), memory.place(self.out)
        args = (x.ctypes.data, tuple(x.shape), y, self.out.border)
        return lambda: maps.to_blocked(*args)


class FromBlocked(Kernel):
    algorithm = "to planar"

    def bind(self, memory: Any) -> Call:
        x, y = memory.place(self.reads[0]), memory.array(self.out)
        args = (y.ctypes.data, tuple(y.shape), x)
        return lambda: maps.from_blocked(*args)


class PadPlanar(Kernel):
    """Planar input with a border of zeros: `out` (N, C, H + lead + trail, W + lead + trail)."""

    algorithm = "pad"

    def __init__(self, layer: int, reads: Sequence[Any], out: Any, lead: int):
        super().__init__(layer, reads, out)
        self.lead = lead

    def bind(self, memory: Any) -> Call:
        x, y = memory.array(self.reads[0]), memory.array(self.out)
        planes = (y.reshape(-1, *y.shape[2:]), x.reshape(-1, *x.shape[2:]), self.lead)
        return lambda: maps.pad_planar(*planes)


class MaxPool(Kernel):
    algorithm = "max pool"

    def __init__(self, layer: int, x: Blocked, out: Blocked, size: int, stride: tuple[int, int], pad: int):
        super().__init__(layer, [x], out)
        self.window = (size, stride, pad // 2)

    def bind(self, memory: Any) -> Call:
        x, y = self.reads[0], self.out
        args = (memory.place(x), memory.place(y), x.shape[0], y.blocks, x.shape[2:], y.shape[2:], *self.window,
                y.border)
        return lambda: maps.maxpool(*args)


class Upsample(Kernel):
    algorithm = "upsample"

    def __init__(self, layer: int, x: Blocked, out: Blocked, stride: int, factor: float):
        super().__init__(layer, [x], out)
        self.stride, self.factor = stride, factor

    def bind(self, memory: Any) -> Call:
        x, y = self.reads[0], self.out
        args = (memory.place(x), memory.place(y), x.shape[0], y.blocks, x.shape[2:], self.stride,
                np.float32(self.factor), y.border)
        return lambda: maps.upsample(*args)


class Add(Kernel):
    """rectify(a + b) with the given slope (1: plain sum)."""

    algorithm = "add"

    def __init__(self, layer: int, a: Blocked, b: Blocked, out: Blocked, slope: float):
        super().__init__(layer, [a, b], out)
        self.slope = slope

    def bind(self, memory: Any) -> Call:
        y = self.out
        args = (*(memory.place(r) for r in self.reads), memory.place(y), y.shape[0], y.blocks, y.shape[2:],
                np.float32(self.slope), y.border)
        return lambda: maps.add(*args)


class Copy(Kernel):
    """A map into its place in a larger one, for routes whose parts could not be written there at once."""

    algorithm = "copy"

    def bind(self, memory: Any) -> Call:
        x, y = self.reads[0], self.out
        args = (memory.place(x), memory.place(y), x.shape[0], x.blocks, x.shape[2:], y.border)
        return lambda: maps.copy(*args)

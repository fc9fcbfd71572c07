"""The first convolution in a plan: it reads the image as it is and transforms its rows (ops/cpu/stem.py)."""

from __future__ import annotations

from typing import Any

import numpy as np

from darkpy.jit import threads_allowed
from darkpy.ops.cpu import stem
from darkpy.ops.cpu.tasks import arguments
from darkpy.ops.cpu.tile import WIDE
from darkpy.plan.blocked import PIXEL, Blocked
from darkpy.plan.convolution import Conv, Part, aligned_copy, padded
from darkpy.plan.kernels import Call, Kernel
from darkpy.plan.trace import Value

FEWEST = 3  # channels from which on the transforms pay,
SHORTEST = 48  # outputs in a row, with strides: rows are transformed in runs of 64,
GAIN = 1.5  # and how many multiplications of a direct convolution each of theirs has to stand for


class Stem(Kernel):
    """A convolution of planar input with few channels; the input needs no border."""

    def __init__(self, conv: Conv, x: Value, out: Blocked):
        super().__init__(conv.layer, [x], out)
        self.conv, self.shape = conv, (conv.kernel, conv.stride[0])
        size, stride = self.shape
        self.algorithm = f"winograd by rows {size}x{size}" + (f"/{stride}" if stride > 1 else "")
        self.algorithm += ", pool" if conv.pooled else ""
        oh, ow = conv.size(out)
        self.flops = 2.0 * conv.weights.size * oh * ow * out.shape[0]
        self.gain = np.float32(1 / out.form.scale)  # results are in units of the output
        self.packed = conv.packed
        if not self.packed.parts:
            weights = aligned_copy(stem.pack(conv.weights, conv.factor * self.gain, stride))
            self.packed.parts = [Part(0, out.blocks, 1, weights)]
        self.weight_bytes = self.packed.nbytes
        self.spare = -(-stem.scratch_bytes(x.shape[1], size, stride, ow) // 64) * 64
        self.need_scratch(threads_allowed() * self.spare)

    @staticmethod
    def suits(conv: Conv, x: Value, width: int, residual: Any) -> bool:
        """Whether this kernel can do a convolution of planar input with rows of `width` outputs, and faster than the
        direct one: with few registers each weight is used once for a load, and nothing is gained."""
        size, stride = conv.kernel, conv.stride[0]
        return (WIDE and max(stem.taps_of(size, stride)) in range(2, stem.LONGEST + 1)
                and stem.TILE * size >= GAIN * stem.positions_of(size, stride) and conv.dilation == 1
                and conv.pad < size and x.shape[1] >= FEWEST and (stride == 1 or width >= SHORTEST) and residual is None
                and not (conv.function and conv.pooled))

    def bind(self, memory: Any) -> list[Call]:
        conv, y, x = self.conv, self.out, memory.array(self.reads[0])
        n, sides = y.shape[0], conv.size(y)
        bands = max(1, min(-(-sides[0] // 2), 4 * threads_allowed() // n))
        weights, bias = self.packed.parts[0].weights, padded(conv.bias * self.gain, y.blocks)
        transform, rows = stem.functions(*self.shape, int(conv.pooled), y.form.dtype)
        slots = arguments(
            weights.ctypes.data, weights[0].nbytes, bias.ctypes.data, x.ctypes.data, x.shape[1:], self.shape, conv.pad,
            memory.place(y), sides, y.blocks, bands, y.border, conv.slope, y.form.zero, y.pixel, int(conv.pooled),
            transform.address, rows.address, conv.finish, stem.positions_of(*self.shape) * PIXEL,
            memory.array(self.scratch).ctypes.data, self.spare)
        return [Call(n * bands, stem.stem(), slots, (weights, bias), source=3)]

"""The first 3x3 convolution in a plan: it reads the image as it is and transforms its rows (ops/cpu/stem.py)."""

from __future__ import annotations

from typing import Any

import numpy as np

from darkpy.jit import threads_allowed
from darkpy.ops.cpu import stem
from darkpy.ops.cpu.tasks import arguments
from darkpy.plan.blocked import Blocked
from darkpy.plan.convolution import Conv, Part, aligned, padded
from darkpy.plan.kernels import Call, Kernel
from darkpy.plan.trace import Value

FEWEST = 3  # channels from which on the transforms pay


class Stem(Kernel):
    """A 3x3 convolution with stride 1 of planar input with few channels; the input needs no border."""

    def __init__(self, conv: Conv, x: Value, out: Blocked):
        super().__init__(conv.layer, [x], out)
        self.conv = conv
        self.algorithm = "winograd F(4) by rows" + (", pool" if conv.pooled else "")
        oh, ow = conv.size(out)
        self.flops = 2.0 * conv.weights.size * oh * ow * out.shape[0]
        self.gain = np.float32(1 / out.form.scale)  # results are in units of the output
        self.packed = conv.packed
        if not self.packed.parts:
            found = stem.pack(conv.weights, conv.factor * self.gain)
            weights = aligned(found.shape)
            weights[...] = found
            self.packed.parts = [Part(0, out.blocks, 1, weights)]
        self.weight_bytes = self.packed.nbytes
        self.spare = -(-stem.scratch_bytes(x.shape[1], ow) // 64) * 64
        self.need_scratch(threads_allowed() * self.spare)

    @staticmethod
    def suits(conv: Conv, x: Value, residual: Any) -> bool:
        """Whether this kernel can do a convolution of planar input, and faster than the direct one."""
        return (conv.kernel == 3 and conv.stride == (1, 1) and conv.dilation == 1 and conv.pad <= 2
                and x.shape[1] >= FEWEST and residual is None and not (conv.function and conv.pooled))

    def bind(self, memory: Any) -> list[Call]:
        conv, y, x = self.conv, self.out, memory.array(self.reads[0])
        n, size = y.shape[0], conv.size(y)
        bands = max(1, min(-(-size[0] // 2), 4 * threads_allowed() // n))
        weights, bias = self.packed.parts[0].weights, padded(conv.bias * self.gain, y.blocks)
        slots = arguments(
            weights.ctypes.data, weights[0].nbytes, bias.ctypes.data, x.ctypes.data, x.shape[1:], conv.pad,
            memory.place(y), size, y.blocks, bands, y.border, conv.slope, y.form.zero, y.pixel, int(conv.pooled),
            stem.rows_function(int(conv.pooled), y.form.dtype).address, conv.finish,
            memory.array(self.scratch).ctypes.data, self.spare)
        return [Call(n * bands, stem.stem(), slots, (weights, bias))]

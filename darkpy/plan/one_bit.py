"""Convolutions of floats with binary weights (`binary=1`), which a plan keeps as bits.

They become floats again while the convolution runs, for a block of filters at a time or for a whole layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from darkpy.jit import threads_allowed
from darkpy.ops.cpu import bits, winograd
from darkpy.ops.cpu.tasks import arguments
from darkpy.ops.cpu.tile import DEPTH
from darkpy.ops.cpu.vector import SIGNS
from darkpy.plan.blocked import LANES, PIXEL, Blocked
from darkpy.plan.choose import Choice
from darkpy.plan.convolution import Conv, Direct, Part, padded
from darkpy.plan.kernels import Call
from darkpy.plan.winograd import Winograd


def scales(conv: Conv, blocks: int) -> np.ndarray:
    """The factor of each filter, kept with the packed weights for programs of other batch sizes."""
    if not conv.packed.parts:
        conv.packed.scale = conv.weights.factor * conv.factor
    return padded(conv.packed.scale, blocks)


def lanes(conv: Conv, first: int, count: int, vectors: int) -> np.ndarray:
    """Which weights of a part are positive: (blocks, vectors, 16, K*K, C), C filled up to whole groups."""
    _, c, k, _ = conv.weights.shape
    some = conv.weights.positive(slice(first * LANES, (first + count * vectors) * LANES))
    wide = np.zeros((count * vectors * LANES, k * k, -(-c // DEPTH) * DEPTH), bool)
    wide[: len(some), :, :c] = some.reshape(len(some), c, k * k).transpose(0, 2, 1)
    return wide.reshape(count, vectors, LANES, *wide.shape[1:])


def words(lanes: np.ndarray, *order: int) -> np.ndarray:
    """The axes in this order, the lanes behind them as words of 16 bits."""
    ordered = np.ascontiguousarray(lanes.transpose(*order, 2))
    return np.packbits(ordered, axis=-1, bitorder="little").view("<u2")[..., 0]


class OneBit(Direct):
    """Direct convolution: each thread unpacks the weights of a block of filters before it walks the rows."""

    def __init__(self, conv: Conv, x: Blocked, out: Blocked, residual: Blocked | None):
        self.scale = scales(conv, out.blocks)
        super().__init__(conv, x, out, residual)
        self.algorithm += ", 1 bit"
        self.panel = max(part.weights[0].size * PIXEL for part in self.packed.parts)
        self.need_scratch(threads_allowed() * self.panel)

    def pack(self, first: int, count: int, vectors: int) -> Part:
        """Words (blocks, K*K, groups of channels, 4, vectors)."""
        packed = words(lanes(self.conv, first, count, vectors), 0, 3, 4, 1)
        return Part(first, count, vectors, packed.reshape(*packed.shape[:2], -1, DEPTH, vectors))

    def unpacking(self, memory: Any, first: int, packed: np.ndarray, vectors: int) -> tuple[int, ...]:
        return (bits.spread(vectors).address, memory.array(self.scratch).ctypes.data, self.panel,
                self.scale.ctypes.data + first * PIXEL, packed[0].size // vectors)


class OneBitWinograd(Winograd):
    """Winograd's algorithm: transformed from bits, either some channels at a time in use (`fresh`), or all of them just
    before, to scratch memory."""

    unit, signs = SIGNS, 1

    def __init__(self, conv: Conv, x: Blocked, out: Blocked, residual: Blocked | None, m: int, fresh: bool):
        self.scale = scales(conv, out.blocks)
        super().__init__(conv, x, out, residual, m, fresh)
        self.algorithm += ", 1 bit"
        if not fresh:
            assert self.scratch
            self.before = 4 * self.scratch.size  # bytes of other scratch memory
            self.need_scratch(self.before + out.blocks * self.block_bytes)

    @property
    def block_bytes(self) -> int:
        """Bytes of 16 transformed filters."""
        return int(self.scheme.unique**2 * self.groups * DEPTH * PIXEL)

    def pack(self, first: int, count: int, vectors: int) -> Part:
        """Words (blocks, channels, 3*3, vectors)."""
        return Part(first, count, vectors, words(lanes(self.conv, first, count, vectors), 0, 4, 3, 1))

    def prepare(self, memory: Any, part: Part) -> tuple[int, int, int, list[Call]]:
        first, count, vectors, packed, *_ = part
        source, factors = packed.ctypes.data, self.scale.ctypes.data + first * PIXEL
        if self.fresh:
            return source, packed[0].nbytes, factors, []
        target = memory.array(self.scratch).ctypes.data + self.before + first * self.block_bytes
        channels, positions = self.groups * DEPTH, self.scheme.unique**2
        panel = channels * vectors * PIXEL
        slots = arguments(source, packed[0].nbytes, channels, factors, target, panel, positions, vectors,
                          self.transform(vectors))
        return target, panel, 0, [Call(count, winograd.expand(), slots, (packed, self.scale))]


def kernel(conv: Conv, choice: Choice, x: Blocked, out: Blocked, residual: Blocked | None) -> OneBit | OneBitWinograd:
    """The kernel of a choice, its weights packed."""
    if choice.tile:
        return OneBitWinograd(conv, x, out, residual, choice.tile, choice.fresh)
    return OneBit(conv, x, out, residual)

"""Convolution in a plan: which algorithm suits a shape, how its weights are packed and its work is cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from darkpy.jit import threads_allowed
from darkpy.ops.cpu import direct, narrow
from darkpy.ops.cpu.functions import function
from darkpy.ops.cpu.tasks import arguments
from darkpy.ops.cpu.tile import DEPTH, GROUP, LANES, VECTORS, Shape, rows_for, tile_function
from darkpy.ops.cpu.vector import SIZES
from darkpy.plan.blocked import PIXEL, Blocked
from darkpy.plan.kernels import Call, Kernel

L2 = 1 << 20  # bytes of second-level cache to aim at
NO_POOL = (0, 0)  # the argument about pairs of rows
PLAIN = (0,) * 5  # arguments about unpacking, of weights that are floats
SHORT = {"float32": "", "bfloat16": " bf16", "uint8": " int8"}  # names of products in an explanation


class Part(NamedTuple):
    """Packed weights of a run of filter blocks: `groups` of `vectors` blocks each, from block `first` on."""

    first: int
    groups: int
    vectors: int
    weights: np.ndarray
    starts: np.ndarray | None = None  # of grouped convolutions: the first group of 4 channels each block needs
    scales: np.ndarray | None = None  # of int8 weights: the unit of each filter,
    sums: np.ndarray | None = None  # and the sum of its weights


@dataclass
class Packed:
    """Weights as a kernel wants them, and the choice of the kernel; programs for all batch sizes share them."""

    parts: list[Part] = field(default_factory=list)
    choice: Any = None
    scale: Any = None  # of binary weights: the factor of each filter,
    ones: Any = None  # and how many weights of each tap are positive, (K, K, F')

    @property
    def nbytes(self) -> int:
        return sum(part.weights.nbytes for part in self.parts)


def spans(blocks: int) -> list[tuple[int, int, int]]:
    """(first block, count, vectors): blocks taken VECTORS at a time as far as they go, and a last odd one by itself."""
    whole = blocks // VECTORS
    cuts = [(0, whole, VECTORS), (whole * VECTORS, blocks % VECTORS, 1)]
    return [cut for cut in cuts if cut[1]]


@dataclass
class Conv:
    """A convolution with its fused epilogue: rectify(rectify(factor * (x * w) + bias, slope) + residual, after), or
    function(factor * (x * w) + bias) where `function` names another activation."""

    layer: int
    weights: Any  # an array; Signs where the input is bits
    factor: np.ndarray
    bias: np.ndarray
    stride: tuple[int, int] = (1, 1)
    pad: int = 0
    dilation: int = 1
    groups: int = 1
    slope: float = 1.0
    after: float = 1.0
    function: str = ""
    pooled: bool = False  # 2x2 at last
    packed: Packed = field(default_factory=lambda: Packed())

    @property
    def kernel(self) -> int:
        return self.weights.shape[2]

    def size(self, out: Blocked) -> tuple[int, int]:
        """Height and width of the convolution's own result, before a pool."""
        return (out.shape[2] << self.pooled, out.shape[3] << self.pooled)

    @property
    def finish(self) -> int:
        """Address of the function, 0 if there is none."""
        return function(self.function).address if self.function else 0


def aligned(shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """Uninitialised array at a multiple of 64 bytes."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


def aligned_copy(x: np.ndarray) -> np.ndarray:
    """The same numbers at a multiple of 64 bytes."""
    out = aligned(x.shape, x.dtype)
    out[...] = x
    return out


def padded(bias: np.ndarray, blocks: int) -> np.ndarray:
    out = aligned((blocks * LANES,))
    out[:] = 0
    out[: len(bias)] = bias
    return out


def shifted(place: tuple[int, ...], block: int) -> tuple[int, ...]:
    """A place (address, image, block, row) from a later block on; 0 stays "none"."""
    return (place[0] + block * place[2] if place[0] else 0, *place[1:])


class Direct(Kernel):
    """Direct convolution, dense or grouped, from a blocked map; or from padded planar input (`planar`).

    Maps may have any form if it is dense; the residual has that of the output."""

    def __init__(self, conv: Conv, x: Any, out: Blocked, residual: Blocked | None, planar: bool = False):
        super().__init__(conv.layer, [x, residual] if residual else [x], out)
        self.conv, self.residual, self.planar = conv, residual, planar
        f, c, k, _ = conv.weights.shape
        oh, ow = conv.size(out)
        self.kind = "float32" if planar else x.form.dtype
        self.algorithm = f"direct {k}x{k}" + (f"/{conv.stride[0]}" if conv.stride != (1, 1) else "") + SHORT[self.kind]
        self.algorithm += ", pool" if conv.pooled else ""
        self.flops = 2.0 * conv.weights.size * oh * ow * out.shape[0]
        self.gain = np.float32(1 / out.form.scale)  # results are in units of the output
        self.packed = conv.packed
        if not self.packed.parts:
            self.packed.parts = [self.pack(*span) for span in spans(out.blocks)]
        self.weight_bytes = self.packed.nbytes
        if not planar:
            reach = conv.dilation * (k - 1) - conv.pad
            last = [(o - 1) * s + reach - (n - 1) for o, s, n in zip((oh, ow), conv.stride, x.shape[2:], strict=True)]
            x.need(conv.pad, max(*last, 0))
        self.pair_bytes = 2 * ow * VECTORS * PIXEL
        if conv.pooled:
            self.need_scratch(threads_allowed() * self.pair_bytes)

    def pack(self, first: int, count: int, vectors: int) -> Part:
        conv = self.conv
        some = slice(first * LANES, (first + count * vectors) * LANES)
        w, factor = conv.weights[some], conv.factor[some]
        _, c, k, _ = w.shape
        if self.kind != "float32":
            return self.pack_narrow(first, count, vectors, w, factor)
        factor = factor * self.gain
        if conv.groups > 1:
            per_group = conv.weights.shape[0] // conv.groups
            begin, end = first * LANES // per_group, -(-(first * LANES + len(w)) // per_group)
            whole = slice(begin * per_group, end * per_group)
            scaled = conv.weights[whole] * conv.factor[whole, None, None, None] * self.gain
            packed, starts = direct.grouped_dense(scaled, end - begin, vectors)
            assert first * LANES == begin * per_group, "an odd last block starts with a group"
            return Part(first, count, vectors, aligned_copy(packed), starts + begin * c // DEPTH)
        if self.planar:
            packed = aligned((count, c * k * k, vectors * LANES))
            direct.pack(packed, np.ascontiguousarray(w), factor, planar=True)
            return Part(first, count, vectors, packed)
        packed = aligned((count, k * k, -(-c // DEPTH), DEPTH, vectors * LANES))
        direct.pack(packed, np.ascontiguousarray(w), factor, planar=False)
        return Part(first, count, vectors, packed)

    def pack_narrow(self, first: int, count: int, vectors: int, w: np.ndarray, factor: np.ndarray) -> Part:
        _, c, k, _ = w.shape
        packed = aligned((count, k * k, narrow.groups_of(c, self.kind), DEPTH, vectors * LANES,
                          narrow.PER_WORD[self.kind]), np.int8 if self.kind == "uint8" else np.uint16)
        w = np.ascontiguousarray(w)
        if self.kind == "bfloat16":
            narrow.pack(packed, w, factor * self.gain, self.kind)
            return Part(first, count, vectors, packed)
        units = narrow.scales(w, factor)
        sums = narrow.pack(packed, w, factor / units, self.kind)
        return Part(first, count, vectors, packed, None, padded(units, count * vectors), sums)

    def records(self, part: Part, shape: Shape) -> np.ndarray:
        """What the epilogue reads for each block of filters of a part (see Shape.record)."""
        x, y = self.reads[0], self.out
        blocks = part.groups * part.vectors
        some = slice(part.first * LANES, (part.first + blocks) * LANES)
        rows = aligned((blocks, shape.record, LANES))
        bias = padded(self.conv.bias[some] * self.gain, blocks)
        if part.scales is not None and part.sums is not None:
            factor = part.scales * np.float32(x.form.scale) * self.gain
            rows[:, 1] = factor.reshape(blocks, LANES)
            bias = bias - factor * np.float32(x.form.zero) * part.sums
        rows[:, 0] = bias.reshape(blocks, LANES)
        if shape.y == "uint8":
            ratio, shift = (self.residual or y).form.convert(y.form)
            rows[:, -3], rows[:, -2], rows[:, -1] = ratio, shift - y.form.zero, y.form.zero
        return rows

    def offsets(self, packed: np.ndarray, starts: np.ndarray | None, block: int, row: int) -> np.ndarray:
        """Input offsets in bytes of each group of 16 bytes of channels of each tap: (blocks or 1, n)."""
        conv = self.conv
        k = conv.kernel
        if self.planar:
            _, c, h, w = self.reads[0].shape
            channel, p, q = np.indices((c, k, k)).reshape(3, -1)
            return (((channel * h + p * conv.dilation) * w + q * conv.dilation) * 4)[None].astype(np.int64)
        quads = packed.shape[2]
        p, q, quad = np.indices((k, k, quads)).reshape(3, -1)
        pixel = self.reads[0].pixel
        shift = (p * conv.dilation - conv.pad) * row + (q * conv.dilation - conv.pad) * pixel
        at = (quad + (np.zeros(1, np.int64) if starts is None else starts)[:, None]) * GROUP
        last = self.reads[0].blocks * pixel - GROUP  # zero weights fill up short groups: their channels need only exist
        at = np.minimum(at, last)
        return (shift + at // pixel * block + at % pixel).astype(np.int64)

    def split(self, count: int, table: int, vectors: int) -> tuple[int, int]:
        """(bands of rows, groups of blocks): weights of a group stay in cache while a thread walks its rows."""
        n, (oh, ow) = self.out.shape[0], self.conv.size(self.out)
        threads = threads_allowed()
        panel = table * (1 if self.planar else DEPTH) * vectors * PIXEL
        if panel * count <= L2 // 2:
            pixel = self.reads[0].shape[1] * SIZES[self.kind]
            rows = max(1, L2 // 8 // max(1, pixel * ow * self.conv.stride[0] ** 2))
            return min(self.out.shape[2], max(4 * threads // n, -(-oh // rows))), 1
        if count * n >= 4 * threads:
            return 1, count
        return min(self.out.shape[2], -(-4 * threads // (count * n))), count

    def bind(self, memory: Any) -> list[Call]:
        conv, x, y = self.conv, self.reads[0], self.out
        n, (oh, ow) = y.shape[0], conv.size(y)
        dst = memory.place(y)
        pairs = (memory.array(self.scratch).ctypes.data, self.pair_bytes) if conv.pooled else NO_POOL
        res = memory.place(self.residual) if self.residual else (0, 0, 0, 0)
        if self.planar:
            array = memory.array(x)
            image, row = array.strides[0], array.strides[2]
            src = (array.ctypes.data, image, conv.stride[0] * row)
            block = 0
        else:
            base, image, block, row = memory.place(x)
            src = (base, image, conv.stride[0] * row)
        calls = []
        for part in self.packed.parts:
            first, count, vectors, packed, starts, _, _ = part
            table = np.ascontiguousarray(self.offsets(packed, starts, block, row))
            bands, groups = self.split(count, table.shape[1], vectors)
            shape = Shape(rows_for(ow), vectors, 1 if self.planar else DEPTH, conv.stride[1], x=self.kind,
                          y=y.form.dtype)
            records = self.records(part, shape)
            tile = tile_function(shape)
            slots = arguments(
                packed.ctypes.data, packed[0].nbytes, table.ctypes.data, table.shape[1],
                table.strides[0] if len(table) > 1 else 0, records.ctypes.data, src, shifted(dst, first),
                shifted(res, first), oh, ow, count, bands, groups, y.border, conv.slope, conv.after, tile.address,
                vectors, shape.record * PIXEL, y.pixel, y.form.zero, conv.finish, pairs,
                self.unpacking(memory, first, packed, vectors))
            calls.append(Call(n * groups * bands, direct.direct(), slots, (table, records, packed)))
        return calls

    def unpacking(self, memory: Any, first: int, packed: np.ndarray, vectors: int) -> tuple[int, ...]:
        """The last arguments of the task: these weights are floats."""
        return PLAIN


class Depthwise(Kernel):
    """One filter a channel: the micro-kernel multiplies vectors of channels, tap by tap."""

    def __init__(self, conv: Conv, x: Blocked, out: Blocked, residual: Blocked | None):
        super().__init__(conv.layer, [x, residual] if residual else [x], out)
        self.conv, self.residual = conv, residual
        f, _, k, _ = conv.weights.shape
        oh, ow = conv.size(out)
        self.algorithm = f"depthwise {k}x{k}" + (f"/{conv.stride[0]}" if conv.stride != (1, 1) else "")
        self.flops = 2.0 * conv.weights.size * oh * ow * out.shape[0]
        if not conv.packed.parts:
            full = np.zeros((out.blocks * LANES, k * k), np.float32)
            full[:f] = conv.weights.reshape(f, -1) * conv.factor[:, None]
            weights = aligned_copy(full.reshape(out.blocks, LANES, -1).transpose(0, 2, 1))
            conv.packed.parts = [Part(0, out.blocks, 1, weights)]
        self.weights = conv.packed.parts[0].weights
        self.weight_bytes = conv.packed.nbytes
        reach = conv.dilation * (k - 1) - conv.pad
        last = [(o - 1) * s + reach - (n - 1) for o, s, n in zip((oh, ow), conv.stride, x.shape[2:], strict=True)]
        x.need(conv.pad, max(*last, 0))

    def bind(self, memory: Any) -> list[Call]:
        conv, y = self.conv, self.out
        n, _, oh, ow = y.shape
        bias = padded(conv.bias, y.blocks)
        base, image, block, row = memory.place(self.reads[0])
        res = memory.place(self.residual) if self.residual else (0, 0, 0, 0)
        p, q = np.indices((conv.kernel, conv.kernel)).reshape(2, -1)
        tap = (p * conv.dilation - conv.pad) * row + (q * conv.dilation - conv.pad) * PIXEL
        table = np.ascontiguousarray((tap + np.arange(y.blocks)[:, None] * block).astype(np.int64))
        bands = min(oh, max(4 * threads_allowed() // n, 1))  # rows as in the convolutions around
        shape = Shape(rows_for(ow), 1, 1, conv.stride[1], depthwise=conv.kernel**2)
        slots = arguments(
            self.weights.ctypes.data, self.weights[0].nbytes, table.ctypes.data, table.shape[1], table.strides[0],
            bias.ctypes.data, (base, image, conv.stride[0] * row), memory.place(y), res, oh, ow, y.blocks, bands, 1,
            y.border, conv.slope, conv.after, tile_function(shape).address, 1, PIXEL, PIXEL, 0, conv.finish, NO_POOL,
            PLAIN)
        return [Call(n * bands, direct.direct(), slots, (table, bias, self.weights))]

"""Binary layers in a plan: where signs are taken, how their bits are pooled and convolved, weights of one bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from darkpy.jit import threads_allowed
from darkpy.ops.cpu import bitmaps, bits
from darkpy.ops.cpu.bitmaps import HALF, PIXEL
from darkpy.ops.cpu.bits import Shape, bit_tiles
from darkpy.ops.cpu.tasks import arguments
from darkpy.ops.cpu.tile import rows_for
from darkpy.ops.signs import Signs
from darkpy.plan.blocked import LANES, Bits, Blocked
from darkpy.plan.convolution import Conv, Packed, Part, aligned, padded, shifted, spans
from darkpy.plan.kernels import Call, Kernel
from darkpy.plan.trace import Scaled, Step, Value

EXACT = 1 << 24  # whole numbers up to here are exact in float32
CHAINED = 6  # halves of words from which on chains take less than they cost
FEWEST = 8  # input channels from which on words of bits are worth their while


def signs_of(weights: Any) -> Signs | None:
    """The Signs among the weights of a convolution."""
    weights = weights.weights if isinstance(weights, Scaled) else weights
    return weights if isinstance(weights, Signs) else None


def stays_binary(step: Step) -> bool:
    """Whether a convolution keeps its weights as bits."""
    signs = signs_of(step.args[1]) if step.op == "conv" else None
    return signs is not None and step.kw.get("groups", 1) == 1 and signs.shape[1] >= FEWEST


def takes_bits(step: Step, x: Value) -> bool:
    """Whether a step is a convolution of the signs `x` that bits can do."""
    if step.args[0] is not x or not stays_binary(step):
        return False
    _, c, k, _ = step.args[1].shape
    return 2 * c * k * k < EXACT and len(set(step.kw.get("stride", (1, 1)))) == 1


@dataclass
class Limits:
    """Signs as comparisons: the bit of a channel is  x >= limit; where it is `flipped` the bit means -1."""

    limit: np.ndarray
    flipped: np.ndarray

    @classmethod
    def plain(cls, channels: int) -> Limits:
        """Of x itself: +1 from 0 on."""
        return cls(np.zeros(channels, np.float32), np.zeros(channels, bool))

    @classmethod
    def normalised(cls, mean: Any, variance: Any, scales: Any, biases: Any, eps: float) -> Limits:
        """Of x behind a batch normalisation: +1 where scales * (x - mean) / sqrt(variance + eps) + biases >= 0.

        With a negative scale that is x <= a limit; the bit then says the contrary, so that in every channel a larger x
        never has the smaller bit, and the largest of some x has the bit of any.
        """
        mean, variance, scales, biases = (np.asarray(a, np.float64) for a in (mean, variance, scales, biases))
        factor = scales / np.sqrt(variance + eps)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            exact = mean - biases / factor
            limit = exact.astype(np.float32)
        flipped = factor < 0
        below = np.where(flipped, limit <= exact, limit < exact)  # flipped: only what is larger than `exact`
        limit = np.where(below, np.nextafter(limit, np.float32(np.inf)), limit)
        constant = np.where(biases >= 0, -np.inf, np.inf)
        return cls(np.where(factor == 0, constant, limit).astype(np.float32), flipped)

    def padded(self, blocks: int) -> np.ndarray:
        """The limits for so many blocks of 16 channels: those that do not exist have no ones."""
        limits = aligned((blocks * LANES,))
        limits[:] = np.inf
        limits[: len(self.limit)] = self.limit
        return limits


class PackSigns(Kernel):
    """The signs of a map as bits."""

    algorithm = "signs"

    def __init__(self, layer: int, x: Blocked, out: Bits, limits: Limits):
        super().__init__(layer, [x], out)
        self.limits = limits

    def bind(self, memory: Any) -> list[Call]:
        x, y = self.reads[0], self.out
        n, _, h, _ = y.shape
        bands = max(1, min(h, -(-4 * threads_allowed() // (n * y.blocks))))
        limits = self.limits.padded(x.blocks)
        slots = arguments(memory.place(y), memory.place(x), y.shape[2:], y.blocks, x.blocks, y.border, bands,
                          limits.ctypes.data)
        return [Call(n * y.blocks * bands, bitmaps.pack_signs(), slots, (limits,))]


class InputScales(Kernel):
    """K of XNOR-Net (eq. 11): means of |x| over the channels and the window of a convolution; out (N, 1, OH, OW)."""

    algorithm = "input scales"

    def __init__(self, layer: int, x: Blocked, out: Value, *, kernel: int, stride: tuple[int, int] = (1, 1),
                 pad: int = 0, dilation: int = 1, groups: int = 1):
        super().__init__(layer, [x], out)
        self.window, self.stride, self.pad = (kernel, dilation), stride, pad
        reach = dilation * (kernel - 1)
        self.sides = [max((o - 1) * s + reach + 1, side + pad) for o, s, side in
                      zip(out.shape[2:], stride, x.shape[2:], strict=True)]
        self.need_scratch(4 * out.shape[0] * self.sides[0] * self.sides[1])

    def bind(self, memory: Any) -> list[Call]:
        x, y, means = self.reads[0], self.out, memory.array(self.scratch).ctypes.data
        n, c, h, w = x.shape
        _, _, oh, ow = y.shape
        first = arguments(means, memory.place(x), h, w, x.blocks, self.sides, self.pad, 1 / c)
        second = arguments(memory.array(y).ctypes.data, means, oh, ow, self.sides, self.window, self.stride,
                           1 / self.window[0] ** 2)
        return [Call(n * self.sides[0], bitmaps.mean_sizes(), first), Call(n * oh, bitmaps.box_means(), second)]


class PoolBits(Kernel):
    """Max pooling of bits."""

    algorithm = "max pool of signs"

    def __init__(self, layer: int, x: Bits, out: Bits, size: int, stride: tuple[int, int], pad: int):
        super().__init__(layer, [x], out)
        self.window = (size, *stride, pad // 2)

    def bind(self, memory: Any) -> list[Call]:
        x, y = self.reads[0], self.out
        slots = arguments(memory.place(y), memory.place(x), y.shape[2:], y.blocks, y.border, x.shape[2:], self.window)
        return [Call(x.shape[0] * y.blocks, bitmaps.pool_bits(), slots)]


class Xnor(Kernel):
    """Convolution of bits with bits; the output is floats, or bits again (`limits`)."""

    def __init__(self, conv: Conv, x: Bits, out: Blocked, residual: Blocked | None = None,
                 limits: Limits | None = None, factors: Value | None = None):
        super().__init__(conv.layer, [v for v in (x, residual, factors) if v], out)
        self.conv, self.residual, self.limits, self.factors = conv, residual, limits, factors
        k = conv.kernel
        _, _, oh, ow = out.shape
        self.algorithm = f"xnor {k}x{k}" + (f"/{conv.stride[0]}" if conv.stride != (1, 1) else "")
        if limits:
            self.algorithm += " to signs"
        self.flops = 2.0 * conv.weights.size * oh * ow * out.shape[0]
        if not conv.packed.parts:
            pack(conv.packed, conv.weights, conv.factor, x.flipped)
        self.packed = conv.packed
        self.weight_bytes = conv.packed.nbytes
        reach = conv.dilation * (k - 1) - conv.pad
        last = [(o - 1) * s + reach - (n - 1) for o, s, n in zip((oh, ow), conv.stride, x.shape[2:], strict=True)]
        self.border = (conv.pad, max(*last, 0))
        self.halves = -(-x.shape[1] // HALF)
        self.chained = is_chained(self.halves, k)
        if self.chained:
            self.links = (self.halves - 1) // 2
            self.rest = 2 - self.halves % 2  # words behind the links, both in one plane
            self.first_rest = -(-3 * self.links // self.rest) * self.rest
            self.need_scratch(x.shape[0] * self.steps[0])
        else:
            x.need(*self.border)

    @property
    def steps(self) -> tuple[int, int, int]:
        """Bytes from image to image, plane to plane, row to row of the chained map."""
        (lead, trail), (h, w) = self.border, self.reads[0].shape[2:]
        row = (lead + w + trail) * PIXEL
        plane = (lead + h + trail) * row
        return -(-(self.first_rest + self.rest) // 2) * plane, plane, row

    def base(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(sums, classes of rows, classes of columns): half of what the products sum up to if the count is 0.

        A pixel's sum depends on which of its taps lie inside the image, so pixels of a few rows and columns at the
        edges each have their own; sums (row classes, column classes, F'), classes as offsets in bytes.
        """
        conv, k = self.conv, self.conv.kernel
        _, c, *sides = self.reads[0].shape
        ones = self.packed.ones  # (K, K, F')
        assert ones is not None
        inside, classes = [], []
        for axis, (side, o) in enumerate(zip(sides, self.out.shape[2:], strict=True)):
            place = np.arange(o)[:, None] * conv.stride[axis] - conv.pad + np.arange(k) * conv.dilation
            valid, number = np.unique((place >= 0) & (place < side), axis=0, return_inverse=True)
            inside.append(valid)
            classes.append(number.reshape(-1))
        rows, columns = inside
        valid = rows[:, None, :, None] & columns[None, :, None, :]  # (row classes, column classes, K, K)
        outside = np.tensordot(~valid, ones.astype(np.float64), ((2, 3), (0, 1)))
        sums = aligned((len(rows), len(columns), ones.shape[2]))
        sums[...] = c * valid.sum((2, 3))[..., None] / 2 + outside
        at = [(number * sums.strides[axis]).astype(np.int64) for axis, number in enumerate(classes)]
        return sums, at[0], at[1]

    def bind(self, memory: Any) -> list[Call]:
        conv, x, y = self.conv, self.reads[0], self.out
        n, f, oh, ow = y.shape
        k, filters = conv.kernel, -(-f // LANES)
        base, image, block, row = memory.place(x)
        dst = memory.place(y)
        res = memory.place(self.residual) if self.residual else (0, 0, 0, 0)
        bias, scale = padded(conv.bias, filters), padded(-2 * self.packed.scale, filters)
        limits = self.limits.padded(filters) if self.limits else np.zeros(0, np.float32)
        calls = []
        links, halves, parts = 0, halves_of(self.halves), np.arange(0, self.halves, halves_of(self.halves))
        if self.chained:
            chained = memory.array(self.scratch).ctypes.data
            calls.append(self.chain(memory, chained))
            image, block, row = self.steps
            base = chained + conv.pad * (row + PIXEL)
            links, halves, parts = self.links, self.rest, np.array([self.first_rest])
        p, q, part = np.indices((k, k, len(parts))).reshape(3, -1)
        table = self.offsets(p, q, parts[part], block, row)
        if links:
            p, q, link, part = np.indices((k, k, self.links, 3)).reshape(4, -1)
            link = 3 * (self.links - 1 - link)  # in reverse
            table = np.concatenate([self.offsets(p, q, link + part, block, row), table])
        sums, rows, columns = self.base()
        most = min(bits.CHAIN_ROWS if links else max(bits.ROWS), ow)
        pixels = rows_for(ow, tuple(rows for rows in bits.ROWS if rows <= most))
        scaled, factors = int(self.factors is not None), 0
        if self.factors:
            factors = memory.array(self.factors).ctypes.data
        for first, count, vectors, packed, *_ in self.packed.parts:
            bands, groups = self.split(count)
            shape = Shape(pixels, vectors, halves, conv.stride[1], scaled, int(self.limits is not None), int(links > 0),
                          int(conv.slope != 1))
            tile, last = bit_tiles(shape), bit_tiles(shape._replace(rows=ow % pixels or pixels))
            skip = first * LANES * 4
            assert not (self.limits and first), "words are whole, so there is no odd block"
            slots = arguments(
                packed.ctypes.data, packed[0].nbytes, table.ctypes.data, k * k * len(parts), sums.ctypes.data + skip,
                rows.ctypes.data, columns.ctypes.data, factors, scale.ctypes.data + skip, bias.ctypes.data + skip,
                (base, image, block, row), shifted(dst, first), shifted(res, first), conv.stride, oh, ow, count, bands,
                groups, y.border, limits.ctypes.data if self.limits else 0, conv.slope, conv.after, tile.address,
                pixels, vectors, last.address, links)
            calls.append(Call(n * groups * bands, bits.xnor(), slots,
                              (table, bias, scale, limits, sums, rows, columns, packed)))
        return calls

    def offsets(self, p: np.ndarray, q: np.ndarray, word: np.ndarray, block: int, row: int) -> np.ndarray:
        """Bytes from a pixel to a half word (counted through the planes) of its tap p, q."""
        conv = self.conv
        taps = (p * conv.dilation - conv.pad) * row + (q * conv.dilation - conv.pad) * PIXEL
        return (taps + word // 2 * block + word % 2 * 4).astype(np.int64)

    def chain(self, memory: Any, chained: int) -> Call:
        """What makes the chained map from the bits, at an address."""
        x = self.reads[0]
        slots = arguments(chained, self.steps, memory.place(x), x.shape[2:], self.border, self.halves)
        return Call(x.shape[0] * (sum(self.border) + x.shape[2]), bitmaps.chain(), slots)

    def split(self, count: int) -> tuple[int, int]:
        """(bands of rows, groups of blocks): enough parts for all threads; the map is small, so blocks first."""
        n, _, oh, _ = self.out.shape
        parts = 4 * threads_allowed() if threads_allowed() > 1 else 1
        groups = min(count, -(-parts // n))
        return max(1, min(oh, -(-parts // (n * groups)))), groups


def halves_of(halves: int) -> int:
    """Half words in a turn of the inner loop: both of a word, or one where their number is odd."""
    return 2 - halves % 2


def pack(packed: Packed, signs: Signs, factor: np.ndarray, flipped: np.ndarray) -> None:
    """Fill `packed` with the words of binary weights (see ops/cpu/bits.py) for a map with these channels flipped.

    `factor` (F,) stands for a folded batch normalisation."""
    f, c, k, _ = signs.shape
    blocks, halves = -(-f // LANES), halves_of(-(-c // HALF))
    ones = np.zeros((blocks * LANES, k, k, -(-c // HALF) * HALF), bool)
    ones[:f, ..., :c] = signs.positive().transpose(0, 2, 3, 1) ^ flipped
    packed.ones = np.ascontiguousarray(ones.sum(3, dtype=np.int32).transpose(1, 2, 0))
    packed.scale = signs.factor * factor
    lanes = np.packbits(ones, axis=-1, bitorder="little").view("<u4")
    cuts = spans(blocks)
    if is_chained(lanes.shape[-1], k):
        lanes, cuts = chain_weights(lanes), [(0, blocks, 1)]  # words of the map are read with the instructions then
    lanes = lanes.reshape(blocks, LANES, -1)  # of each filter
    for first, count, vectors in cuts:
        part = lanes[first : first + count * vectors].reshape(count, vectors, LANES, -1, halves)
        store = aligned((count, part.shape[3], halves, vectors, LANES)).view(np.uint32)
        store[...] = part.transpose(0, 3, 4, 1, 2)
        packed.parts.append(Part(first, count, vectors, store))


def is_chained(halves: int, kernel: int) -> bool:
    """Whether so many half words of channels are counted in chains (see ops/cpu/bits.py)."""
    return kernel > 1 and halves >= CHAINED and halves // 2 <= bits.LONGEST


def chain_weights(words: np.ndarray) -> np.ndarray:
    """The half words (F, K, K, halves) of filters as a chain: links of all taps, then what is left of all taps."""
    links = (words.shape[-1] - 1) // 2
    parities = np.bitwise_xor.accumulate(words, -1)[..., : 2 * links + 1 : 2]
    pairs = words[..., 1 : 2 * links + 1].reshape(*words.shape[:3], links, 2) ^ parities[..., :-1, None]
    rest = np.concatenate([parities[..., -1:], words[..., 2 * links + 1 :]], -1)
    return np.concatenate([part.reshape(len(words), -1) for part in (pairs[..., ::-1, :], rest)], -1)

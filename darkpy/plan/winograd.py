"""Winograd's algorithm in a plan: its weights, its scratch memory and how its tiles are shared out."""

from __future__ import annotations

from typing import Any

import numpy as np

from darkpy.jit import threads_allowed
from darkpy.ops.cpu import direct, narrow, transforms, winograd
from darkpy.ops.cpu.tasks import arguments
from darkpy.ops.cpu.tile import DEPTH, GROUP, LANES, ROWS, VECTORS, Shape, rows_for, tile_function
from darkpy.ops.cpu.vector import SIZES
from darkpy.plan.blocked import PIXEL, Blocked
from darkpy.plan.convolution import L2, SHORT, Conv, Part, aligned, padded, shifted, spans
from darkpy.plan.kernels import Call, Kernel

TOGETHER = 4  # blocks of filters that share the transformed input, where their weights are transformed in use
L3 = 24 << 20  # bytes of third-level cache to aim at


def batch_for(tiles: int, room: int, threads: int) -> int:
    """Tiles a batch, at most `room`: the threads finish together, and few rows of the register tiles are empty."""

    def time(batch: int) -> int:
        rows = rows_for(batch)
        return -(-tiles // (batch * threads)) * -(-batch // rows) * (rows + 2)

    return min(range(1, min(room, tiles) + 1), key=lambda batch: (time(batch), batch))


class Winograd(Kernel):
    """Winograd's algorithm F(m x m, 3 x 3), with stride 1 or 2; `fresh`: weights are transformed in each call; `kind`:
    the type of the products.  Maps are floats of any type; the residual has that of the output."""

    unit = PIXEL  # bytes of a vector of untransformed weights,
    signs = 0  # and whether they are bits

    def __init__(self, conv: Conv, x: Blocked, out: Blocked, residual: Blocked | None, m: int, fresh: bool = False,
                 kind: str = "float32"):
        super().__init__(conv.layer, [x, residual] if residual else [x], out)
        self.conv, self.residual, self.m, self.fresh, self.kind = conv, residual, m, fresh, kind
        self.strided = conv.stride == (2, 2)
        self.scheme = transforms.Scheme(m, self.strided)
        f, c, _, _ = conv.weights.shape
        n, (h, w) = out.shape[0], conv.size(out)
        self.flops = 2.0 * conv.weights.size * h * w * n
        down, across = -(-h // m), -(-w // m)
        # the last tiles reach over the end: what they read there must be zero
        reach = [tiles * m * (2 if self.strided else 1) + (0 if self.strided else 1) - side
                 for tiles, side in zip((down, across), x.shape[2:], strict=True)]
        x.need(1, max(*reach, 0))
        self.tiles = n * down * across
        self.positions = self.scheme.t**2
        self.groups = narrow.groups_of(c, kind)
        self.pixel = LANES * SIZES[kind]  # bytes of a vector of the transformed input
        self.input_blocks = x.blocks
        threads = threads_allowed()
        # few tiles, or weights that stay in no cache: read the weights once.  Else batches whose transformed input is
        # held by the second-level cache; with large weights larger ones, since every batch reads them all
        weights = self.scheme.unique**2 * f * c * SIZES[kind]
        self.by_filters = fresh or self.tiles <= 32 or weights > L3
        if self.by_filters:
            self.batch = self.tiles
        else:
            room = (L2 // 4 if weights <= 2 * L2 else L2 * 3 // 4) // (self.positions * self.input_blocks * self.pixel)
            self.batch = batch_for(self.tiles, max(room, ROWS[0]), threads)
        # from position to position an odd number of vectors, so that a tile's positions meet in no cache set
        self.step, self.sum_step = ((blocks * self.batch | 1) * pixel for blocks, pixel in (
            (self.input_blocks, self.pixel), (VECTORS, PIXEL)))
        values = self.positions * self.step
        sums = self.positions * self.sum_step + 3 * m * m * PIXEL
        if fresh:  # so many channels at a time that their inputs, weights and sums stay in the second-level cache
            self.together = max(1, min(TOGETHER, L2 // 4 // sums, out.blocks // VECTORS // (2 * threads)))
            room = L2 * 3 // 4 - self.together * sums
            each = self.positions * DEPTH * (self.tiles * 4 + VECTORS * PIXEL)
            self.turn = min(self.groups, max(4, room // each))
            sums = self.together * sums + self.scheme.unique**2 * (self.turn * DEPTH * VECTORS | 1) * PIXEL
        self.spare = sums if self.by_filters else values + sums
        self.need_scratch((values if self.by_filters else 0) + threads * self.spare)
        self.algorithm = f"winograd F({m}){'/2' if self.strided else ''} by {'filters' if self.by_filters else 'tiles'}"
        self.algorithm += (", fresh" if fresh else "") + SHORT[kind] + (", pool" if conv.pooled else "")
        self.packed = conv.packed
        if not self.packed.parts:
            self.packed.parts = [self.pack(*span) for span in spans(out.blocks)]
        self.weight_bytes = self.packed.nbytes

    def pack(self, first: int, count: int, vectors: int) -> Part:
        conv = self.conv
        some = slice(first * LANES, (first + count * vectors) * LANES)
        if self.fresh:
            packed = aligned((count, self.groups * DEPTH * 9, vectors * LANES))
            direct.pack(packed, np.ascontiguousarray(conv.weights[some]), conv.factor[some], planar=True)
            return Part(first, count, vectors, packed)
        packed = aligned((count, self.scheme.unique**2, self.groups * DEPTH, vectors * LANES,
                          narrow.PER_WORD[self.kind]), np.float32 if self.kind == "float32" else np.uint16)
        winograd.pack(np.ascontiguousarray(conv.weights[some]), conv.factor[some], self.scheme, packed, self.kind)
        return Part(first, count, vectors, packed)

    def transform(self, vectors: int) -> int:
        """Address of the function that transforms blocks of so many vectors of filters."""
        return int(transforms.fresh_weights(self.m, int(self.strided), vectors, self.signs).address)

    def prepare(self, memory: Any, part: Part) -> tuple[int, int, int, list[Call]]:
        """(address of a part's weights, bytes from one position of them to the next, or of a block of untransformed
        ones; the address of factors, if they are bits; what must run before)."""
        weights = part.weights
        return weights.ctypes.data, weights[0].nbytes if self.fresh else weights[0, 0].nbytes, 0, []

    def bind(self, memory: Any) -> list[Call]:
        conv, x, y = self.conv, self.reads[0], self.out
        n, (h, w) = y.shape[0], conv.size(y)
        bias = padded(conv.bias, y.blocks)
        base, image, block, row = memory.place(x)
        src = (base - row - x.pixel, image, block, row)  # tiles start one pixel before the image
        dst = memory.place(y)
        res = memory.place(self.residual) if self.residual else (0, 0, 0, 0)
        at = np.arange(self.groups) * GROUP
        offsets = (at // self.pixel * self.batch * self.pixel + at % self.pixel).astype(np.int64)
        rows = rows_for(self.batch)
        chunks = -(-self.tiles // self.batch)
        calls = []
        read_tile, write_tile = transforms.tile_transforms(self.m, int(self.strided), x.form.dtype, self.kind,
                                                           y.form.dtype)
        for part in self.packed.parts:
            first, count, vectors, packed, *_ = part
            weights, panel, factors, before = self.prepare(memory, part)
            calls += before
            tile = tile_function(Shape(rows, vectors, epilogue=0, x=self.kind))
            slots = arguments(
                weights, panel, offsets.ctypes.data, self.groups, 0, bias.ctypes.data + first * PIXEL, src,
                shifted(dst, first), shifted(res, first), h, w, n, count, self.input_blocks, self.batch,
                memory.array(self.scratch).ctypes.data, self.spare, y.border, conv.slope, conv.after, chunks,
                self.tiles, tile.address, read_tile.address, write_tile.address, vectors, self.m, self.scheme.t,
                self.m * (2 if self.strided else 1), self.scheme.unique, self.step, self.sum_step, conv.finish,
                (self.transform(vectors), self.turn, self.together) if self.fresh else (0, 0, 0), x.pixel, self.pixel,
                y.pixel, int(conv.pooled), self.unit, factors)
            keep = (bias, offsets, packed)
            if self.by_filters:
                read, write = winograd.by_filters()
                if first == 0:  # all parts share the transformed input
                    calls.append(Call(self.input_blocks, read, slots, keep))
                if self.fresh:
                    calls.append(Call(-(-count // self.together), winograd.by_fresh_filters(), slots, keep))
                else:
                    calls.append(Call(count, write, slots, keep))
            else:
                calls.append(Call(chunks, winograd.by_tiles(), slots, keep))
        return calls

"""Winograd convolution, 3x3 (Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).

An output tile of m x m comes from an input patch of t x t, t = m + 2, with t*t multiplications a channel instead of
9*m*m:

    Y = A' [ (G g G') * (B' d B) ] A

summed over channels, which makes t*t independent matrix products over all tiles.  The matrices follow from Toom and
Cook's polynomial products at the points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity; they are derived here exactly.
Larger tiles save more and round more.

With stride 2 a row of outputs is the sum of two convolutions with stride 1: the outer taps on the odd samples, F(4, 2)
with 5 multiplications for 4 outputs, and the middle tap on the even ones, which needs no transform.  In two dimensions
that is 81 multiplications for 16 outputs in place of 144.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from numba import types

from darkpy.jit import intrinsic, njit
from darkpy.ops.cpu.direct import clear_edges
from darkpy.ops.cpu.tasks import arguments, call, compiled, get_float, ints, number, put_float, run, task
from darkpy.ops.cpu.tile import BYTES, DEPTH, copy_vector
from darkpy.ops.cpu.vector import Emit

POINTS = [Fraction(p) for p in (0, 1, -1, 2, -2)] + [Fraction(1, 2), Fraction(-1, 2)]
Matrix = list[list[Fraction]]


def inverse(a: Matrix) -> Matrix:
    """Exact inverse by Gauss and Jordan."""
    n = len(a)
    rows = [[*row, *(Fraction(int(i == j)) for j in range(n))] for i, row in enumerate(a)]
    for i in range(n):
        pivot = next(r for r in range(i, n) if rows[r][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for r in range(n):
            if r != i:
                rows[r] = [x - rows[r][i] * y for x, y in zip(rows[r], rows[i], strict=True)]
    return [row[n:] for row in rows]


def cook_toom(m: int, r: int = 3) -> tuple[Matrix, Matrix, Matrix]:
    """(A', G, B') for m outputs of r taps: y = A' ((G g) * (B' d))."""
    n = m + r - 1
    points = POINTS[: n - 1]

    def evaluate(terms: int) -> Matrix:
        """Values of a polynomial of so many terms at all points, and its leading coefficient for infinity."""
        return [[p**k for k in range(terms)] for p in points] + [[Fraction(int(k == terms - 1)) for k in range(terms)]]

    interpolate = inverse(evaluate(n))
    scale = [Fraction(1)] * n  # moves the denominators from B' to G
    for j, p in enumerate(points):
        for q in points:
            scale[j] *= p - q if p != q else 1
    at = [list(column) for column in zip(*evaluate(m), strict=True)]
    g = [[x / s for x in row] for row, s in zip(evaluate(r), scale, strict=True)]
    bt = [[x * s for x in column] for column, s in zip(zip(*interpolate, strict=True), scale, strict=True)]
    return at, g, bt


def emit_product(e: Emit, matrix: Matrix, x: list[Any]) -> list[Any]:
    """matrix @ x for vectors x, with the sums that points p and -p share computed once."""

    def mirrored(a: list[Fraction], b: list[Fraction]) -> bool:
        return all(v == (w if k % 2 == 0 else -w) for k, (v, w) in enumerate(zip(a, b, strict=True)))

    columns = [list(c) for c in zip(*matrix, strict=True)]
    for i in range(len(columns) - 1):
        if mirrored(columns[i], columns[i + 1]) and any(columns[i][1:]):
            # two columns that differ in the sign of odd rows: even rows see the sum, odd rows the difference
            x = [*x[:i], e.b.fadd(x[i], x[i + 1]), e.b.fsub(x[i], x[i + 1]), *x[i + 2 :]]
            a = columns[i]
            columns[i] = [v if k % 2 == 0 else Fraction(0) for k, v in enumerate(a)]
            columns[i + 1] = [v if k % 2 else Fraction(0) for k, v in enumerate(a)]
    rows = [list(r) for r in zip(*columns, strict=True)]
    results: list[Any] = [None] * len(rows)
    for i, row in enumerate(rows):
        if results[i] is not None:
            continue
        mirror = i + 1 if i + 1 < len(rows) and mirrored(row, rows[i + 1]) else None
        if mirror is None:
            results[i] = weighted_sum(e, row, x, range(len(x)))
        else:
            even, odd = (weighted_sum(e, row, x, range(first, len(x), 2)) for first in (0, 1))
            results[i], results[mirror] = e.b.fadd(even, odd), e.b.fsub(even, odd)
    return results


def weighted_sum(e: Emit, row: list[Fraction], x: list[Any], terms: range) -> Any:
    total = None
    for k in sorted((k for k in terms if row[k]), key=lambda k: row[k] != 1):
        if total is None:
            total = x[k] if row[k] == 1 else e.b.fmul(x[k], e.constant(float(row[k])))
        elif row[k] == 1:
            total = e.b.fadd(total, x[k])
        elif row[k] == -1:
            total = e.b.fsub(total, x[k])
        else:
            total = e.fma(x[k], e.constant(float(row[k])), total)
    return total


class Scheme:
    """One-dimensional transforms of a tile: `m` outputs from `t` inputs with `unique` different weights."""

    def __init__(self, m: int, strided: bool):
        self.m, self.strided = m, strided
        self.at, self.g, self.bt = cook_toom(m, 2 if strided else 3)
        self.t = 2 * m + 1 if strided else m + 2
        self.unique = len(self.g) + strided

    def input(self, e: Emit, x: list[Any]) -> list[Any]:
        if self.strided:
            return emit_product(e, self.bt, x[0::2]) + x[1::2]
        return emit_product(e, self.bt, x)

    def output(self, e: Emit, x: list[Any]) -> list[Any]:
        if self.strided:
            n = len(self.bt)
            return [e.b.fadd(a, b) for a, b in zip(emit_product(e, self.at, x[:n]), x[n:], strict=True)]
        return emit_product(e, self.at, x)

    def weights(self) -> np.ndarray:
        """G (unique, 3): what the three taps contribute to each transformed weight."""
        if not self.strided:
            return np.array(self.g, np.float64)
        outer = np.array(self.g, np.float64)
        return np.vstack([np.stack([outer[:, 0], 0 * outer[:, 0], outer[:, 1]], 1), [[0, 1, 0]]])


@intrinsic(prefer_literal=True)
def _input(context, output, strided, source, row, target, position):
    """B' d B of the t x t patch at `source` (rows `row` bytes apart): t*t vectors, `position` bytes apart."""
    scheme = Scheme(output.literal_value, bool(strided.literal_value))

    def generate(cx, builder, _, args):
        source, row, target, position = args[2:]
        e = Emit(builder)
        t = scheme.t
        half = [scheme.input(e, [e.load(e.at(e.scaled(source, row, i), j * BYTES)) for j in range(t)])
                for i in range(t)]
        for j in range(t):
            for i, value in enumerate(scheme.input(e, [half[k][j] for k in range(t)])):
                e.store(value, e.scaled(target, position, i * t + j))
        return cx.get_dummy_value()

    return types.void(output, strided, *[types.int64] * 4), generate


@intrinsic(prefer_literal=True)
def _output(context, output, strided, source, position, bias, slope, residual, rrow, after, target, row):
    """A' M A of t*t sums, then bias, rectifier, residual (0: none) and rectifier: an m x m tile at `target`."""
    scheme = Scheme(output.literal_value, bool(strided.literal_value))

    def generate(cx, builder, _, args):
        source, position, bias, slope, residual, rrow, after, target, row = args[2:]
        e = Emit(builder)
        m, t = scheme.m, scheme.t
        half = [scheme.output(e, [e.load(e.scaled(source, position, i * t + j)) for j in range(t)])
                for i in range(t)]
        shift, first, last = e.load(bias), e.splat(slope), e.splat(after)
        whole = [scheme.output(e, [half[k][j] for k in range(t)]) for j in range(m)]
        y = [[e.rectify(builder.fadd(whole[j][i], shift), first) for j in range(m)] for i in range(m)]
        with builder.if_else(builder.icmp_signed("!=", residual, e.whole(0))) as (added, plain):
            for branch, with_residual in ((added, True), (plain, False)):
                with branch:
                    for i in range(m):
                        for j in range(m):
                            value = y[i][j]
                            if with_residual:
                                extra = e.load(e.at(e.scaled(residual, rrow, i), j * BYTES))
                                value = builder.fadd(value, extra)
                            e.store(e.rectify(value, last), e.at(e.scaled(target, row, i), j * BYTES))
        return cx.get_dummy_value()

    i64, f32 = types.int64, types.float32
    return types.void(output, strided, i64, i64, i64, f32, i64, i64, f32, i64, i64), generate


@cache
def transforms(output: int, strided: int) -> tuple[Any, Any]:
    """The C functions of a scheme's two transforms, with the arguments of `_input` and `_output` behind its numbers."""

    @compiled("void(int64, int64, int64, int64)")
    def winograd_input(source, row, target, position):
        _input(output, strided, source, row, target, position)

    @compiled("void(int64, int64, int64, float32, int64, int64, float32, int64, int64)")
    def winograd_output(source, position, bias, slope, residual, rrow, after, target, row):
        _output(output, strided, source, position, bias, slope, residual, rrow, after, target, row)

    return winograd_input, winograd_output


# Arguments of the tasks, slots 0 to 17 as in `direct` (src has steps image, block, row and starts one pixel before the
# image; per_block is unused); H, W; images, blocks of filters, blocks of input, tiles in a batch; scratch memory and
# bytes of it a thread; border (lead, trail); the two slopes; number of batches and of tiles; the functions of the tile
# and of the two transforms; rows and vectors of the tile; m, t, input pixels from tile to tile, unique weights; bytes
# from position to position of the transformed input and of the sums.


@njit
def copy_patch(target, trow, source, srow, height, width):
    for i in range(height):
        for j in range(width):
            copy_vector(target + i * trow + j * BYTES, source + i * srow + j * BYTES)


@njit
def read_tiles(p, block, first, last, values):
    """Transform tiles first..last of one block of input channels to `values` (position, block, tile)."""
    src, src_image, src_block, src_row = ints(p, 6, 4)
    h, w, _, _, _, batch = ints(p, 18, 6)
    transform = ints(p, 33, 1)[0]
    m, _, reach, _, step, _ = ints(p, 37, 6)
    across, down = (w + m - 1) // m, (h + m - 1) // m
    for i in range(first, last):
        image, y, x = i // (across * down), i // across % down * reach, i % across * reach
        call(transform, (src + image * src_image + block * src_block + y * src_row + x * BYTES, src_row,
                         values + (block * batch + i - first) * BYTES, step))


@njit
def put_tile(finish, m, sums, position, bias, slope, after, res, res_row, out, out_row, height, width, spare):
    """Finish one output tile of which height x width pixels lie in the image; partial ones go through `spare`."""
    whole = height == m and width == m
    extra, erow = res, res_row
    if res != 0 and not whole:
        extra, erow = spare + m * m * BYTES, m * BYTES
        copy_patch(extra, erow, res, res_row, height, width)
    target, row = (out, out_row) if whole else (spare, m * BYTES)
    call(finish, (sums, position, bias, slope, extra, erow, after, target, row))
    if not whole:
        copy_patch(out, out_row, spare, m * BYTES, height, width)


@njit
def write_tiles(p, block, first, last, values, sums):
    """Multiply tiles first..last with one block of filters, and finish them; `sums` is scratch memory."""
    weights, panel, offsets, n, _, bias = ints(p, 0, 6)
    dst, dst_image, dst_block, dst_row = ints(p, 10, 4)
    res, res_image, res_block, res_row = ints(p, 14, 4)
    h, w, _, _, _, batch = ints(p, 18, 6)
    slope, after = number(p, 28), number(p, 29)
    tile, _, finish, rows, vectors = ints(p, 32, 5)
    m, t, _, unique, step, sum_step = ints(p, 37, 6)
    across, down = (w + m - 1) // m, (h + m - 1) // m
    for q in range(t * t):
        # with stride 2 the last positions share the middle tap's weights
        piece = (block * unique + min(q // t, unique - 1)) * unique + min(q % t, unique - 1)
        for i in range(0, last - first, rows):
            call(tile, (n, offsets, values + q * step + i * BYTES, weights + piece * panel, 0, np.float32(0), 0, 0,
                        np.float32(0), sums + q * sum_step + i * BYTES, batch * BYTES,
                        min(rows, last - first - i)))
    spare = sums + t * t * sum_step
    for v in range(vectors):
        b = block * vectors + v
        for i in range(first, last):
            image, y, x = i // (across * down), i // across % down * m, i % across * m
            extra = res + image * res_image + b * res_block + y * res_row + x * BYTES if res != 0 else 0
            put_tile(finish, m, sums + (v * batch + i - first) * BYTES, sum_step, bias + b * BYTES,
                     slope, after, extra, res_row, dst + image * dst_image + b * dst_block + y * dst_row + x * BYTES,
                     dst_row, min(m, h - y), min(m, w - x), spare)


@njit
def clear_block(p, block, image):
    """Zero the border of one block of filters of one image."""
    dst, dst_image, dst_block, dst_row = ints(p, 10, 4)
    h, w = ints(p, 18, 2)
    lead, trail = ints(p, 26, 2)
    vectors = ints(p, 36, 1)[0]
    for b in range(block * vectors, (block + 1) * vectors):
        clear_edges(dst + image * dst_image + b * dst_block, dst_row, w, lead, trail, 0, h, h)


@cache
def by_tiles() -> Any:
    """Task for many tiles: a thread transforms a batch of tiles of all input blocks, multiplies them with all weights
    and finishes them, in scratch memory of its own that stays in its cache."""

    @task
    def winograd_tiles(t, thread, p):
        images, blocks, inputs, _, scratch, spare = ints(p, 20, 6)
        chunks, total = ints(p, 30, 2)
        side, step = ints(p, 38, 1)[0], ints(p, 41, 1)[0]
        values = scratch + thread * spare
        sums = values + side * side * step
        first, last = total * t // chunks, total * (t + 1) // chunks
        for block in range(inputs):
            read_tiles(p, block, first, last, values)
        for block in range(blocks):
            write_tiles(p, block, first, last, values, sums)
            for image in range(t, images, chunks):
                clear_block(p, block, image)

    return winograd_tiles


@cache
def by_filters() -> tuple[Any, Any]:
    """Two tasks for few tiles and many weights: first all tiles are transformed into shared memory, a block of input
    each, then multiplied, a block of filters each, so that the weights are read once in all.  `batch` is the number of
    tiles."""

    @task
    def winograd_read(t, thread, p):
        read_tiles(p, t, 0, ints(p, 23, 1)[0], ints(p, 24, 1)[0])

    @task
    def winograd_write(t, thread, p):
        images, _, _, batch, scratch, spare = ints(p, 20, 6)
        side, step = ints(p, 38, 1)[0], ints(p, 41, 1)[0]
        write_tiles(p, t, 0, batch, scratch, scratch + side * side * step + thread * spare)
        for image in range(images):
            clear_block(p, t, image)

    return winograd_read, winograd_write


@cache
def pack_task() -> Any:
    """One block of filters: addresses of packed, w, factor and G (float32); F, C, quads, filters in a block, unique."""

    @task
    def pack(t, thread, p):
        packed, w, factor, g, filters, channels, quads, width, n = ints(p, 0, 9)
        depth = quads * DEPTH
        half = np.empty((n, 3), np.float32)
        for i in range(depth):
            for lane in range(width):
                o = t * width + lane
                known = o < filters and i < channels
                source = w + (o * channels + i) * 36
                for a in range(n):
                    for q in range(3):
                        v = np.float32(0)
                        for r in range(3):
                            if known:
                                v += get_float(g + (a * 3 + r) * 4) * get_float(source + (r * 3 + q) * 4)
                        half[a, q] = v
                last = get_float(factor + o * 4) if known else np.float32(0)
                for a in range(n):
                    for b in range(n):
                        v = np.float32(0)
                        for r in range(3):
                            v += half[a, r] * get_float(g + (b * 3 + r) * 4)
                        put_float(packed + ((((t * n + a) * n + b) * depth + i) * width + lane) * 4, v * last)

    return pack


def pack(w: np.ndarray, factor: np.ndarray, scheme: Scheme, packed: np.ndarray) -> None:
    """packed (blocks, unique^2, quads, 4, filters in a block) <- G g G' of w (F, C, 3, 3) times a factor per filter."""
    f, c = w.shape[:2]
    g = scheme.weights().astype(np.float32)
    slots = arguments(packed.ctypes.data, w.ctypes.data, factor.ctypes.data, g.ctypes.data, f, c, packed.shape[2],
                      packed.shape[-1], scheme.unique)
    run(packed.shape[0], pack_task().address, slots.ctypes.data)

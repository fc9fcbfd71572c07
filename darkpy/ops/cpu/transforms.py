"""Winograd's transforms, 3x3 (Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).

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

from numba import types

from darkpy.jit import intrinsic
from darkpy.ops.cpu.tasks import compiled
from darkpy.ops.cpu.vector import BYTES, LANES, SIGNS, SIZES, Emit

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
    scale = [Fraction(1)] * n  # moves the denominators from B' to G, the same for p and -p so that their rows mirror
    for j, p in enumerate(points):
        if -p in points[:j]:
            scale[j] = scale[points.index(-p)]
            continue
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

    def taps(self) -> Matrix:
        """G (unique, 3): what the three taps contribute to each transformed weight."""
        if not self.strided:
            return self.g
        zero, one = Fraction(0), Fraction(1)
        return [[row[0], zero, row[1]] for row in self.g] + [[zero, one, zero]]


@intrinsic(prefer_literal=True)
def _input(context, output, strided, x, values, source, row, target, position):
    """B' d B of the t x t patch of type x at `source` (rows `row` bytes apart): t*t vectors of type `values`,
    `position` bytes apart."""
    scheme = Scheme(output.literal_value, bool(strided.literal_value))
    stored, kind = x.literal_value, values.literal_value

    def generate(cx, builder, _, args):
        source, row, target, position = args[4:]
        e = Emit(builder)
        t, pixel = scheme.t, LANES * SIZES[stored]
        half = [scheme.input(e, [e.load(e.at(e.scaled(source, row, i), j * pixel), stored) for j in range(t)])
                for i in range(t)]
        for j in range(t):
            for i, value in enumerate(scheme.input(e, [half[k][j] for k in range(t)])):
                e.store(value, e.scaled(target, position, i * t + j), kind)
        return cx.get_dummy_value()

    return types.void(output, strided, x, values, *[types.int64] * 4), generate


@intrinsic(prefer_literal=True)
def _output(context, output, strided, y, source, position, bias, slope, residual, rrow, after, target, row):
    """A' M A of t*t sums, bias, rectifier, residual (0: none), rectifier: m x m pixels (type y) at `target`."""
    scheme = Scheme(output.literal_value, bool(strided.literal_value))
    stored = y.literal_value

    def generate(cx, builder, _, args):
        source, position, bias, slope, residual, rrow, after, target, row = args[3:]
        e = Emit(builder)
        m, t, pixel = scheme.m, scheme.t, LANES * SIZES[stored]
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
                                extra = e.load(e.at(e.scaled(residual, rrow, i), j * pixel), stored)
                                value = builder.fadd(value, extra)
                            e.store(e.rectify(value, last), e.at(e.scaled(target, row, i), j * pixel), stored)
        return cx.get_dummy_value()

    i64, f32 = types.int64, types.float32
    return types.void(output, strided, y, i64, i64, i64, f32, i64, i64, f32, i64, i64), generate


@intrinsic(prefer_literal=True)
def _fresh(context, output, strided, vectors, signs, source, channels, factors, target, position):
    """G g G' of some channels: weights at `source` (channel, tap, vector) to `target` (position, channel, vector),
    positions `position` bytes apart.  If `signs`, weights are bits: a filter's factor where they are 1, else its
    negative."""
    scheme = Scheme(output.literal_value, bool(strided.literal_value))
    number, bits = vectors.literal_value, bool(signs.literal_value)
    pixel, unit = number * BYTES, SIGNS if bits else BYTES

    def generate(cx, builder, _, args):
        source, channels, factors, target, position = args[4:]
        e = Emit(builder)
        g = scheme.taps()
        plus = [e.load(e.at(factors, v * BYTES)) for v in range(number)] if bits else []
        minus = [builder.fneg(x) for x in plus]

        def weight(address: Any, v: int) -> Any:
            return e.choose(address, plus[v], minus[v]) if bits else e.load(address)

        def channel(i: Any, _: list[Any]) -> list[Any]:
            weights, place = e.scaled(source, i, 9 * number * unit), e.scaled(target, i, pixel)
            for v in range(number):
                w = [[weight(e.at(weights, ((r * 3 + q) * number + v) * unit), v) for r in range(3)] for q in range(3)]
                half = [emit_product(e, g, column) for column in w]
                for a in range(scheme.unique):
                    for b, y in enumerate(emit_product(e, g, [half[q][a] for q in range(3)])):
                        e.store(y, e.at(e.scaled(place, position, a * scheme.unique + b), v * BYTES))
            return []

        e.loop(channels, [], channel)
        return cx.get_dummy_value()

    return types.void(output, strided, vectors, signs, *[types.int64] * 5), generate


@cache
def fresh_weights(output: int, strided: int, vectors: int, signs: int) -> Any:
    """The C function that transforms weights; the arguments are those of `_fresh` behind its four numbers."""

    @compiled("void(int64, int64, int64, int64, int64)")
    def winograd_weights(source, channels, factors, target, position):
        _fresh(output, strided, vectors, signs, source, channels, factors, target, position)

    return winograd_weights


@cache
def tile_transforms(output: int, strided: int, x: str, values: str, y: str) -> tuple[Any, Any]:
    """The C functions of a scheme's two transforms, with the arguments of `_input` and `_output` behind its numbers
    and types."""

    @compiled("void(int64, int64, int64, int64)")
    def winograd_input(source, row, target, position):
        _input(output, strided, x, values, source, row, target, position)

    @compiled("void(int64, int64, int64, float32, int64, int64, float32, int64, int64)")
    def winograd_output(source, position, bias, slope, residual, rrow, after, target, row):
        _output(output, strided, y, source, position, bias, slope, residual, rrow, after, target, row)

    return winograd_input, winograd_output

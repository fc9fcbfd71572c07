"""Darknet's activation functions on vectors of 16 numbers.

The exponential is a polynomial: the C library's has no vector form here.  Results are within 2e-7 of the exact ones,
relative to the larger of 1 and the result; NaN stays NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import log
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from darkpy.jit import intrinsic
from darkpy.ops.cpu.tasks import compiled
from darkpy.ops.cpu.vector import BYTES, I32, LANES, VECTOR, Emit
from darkpy.ops.reference.activations import MISH_LINEAR, SELU, SELU_ALPHA

INTEGERS = ir.VectorType(I32, LANES)
LOW, HIGH = -87.33, 88.02  # beyond, exp() is taken as at the limit: 1.2e-38 and 1.7e38
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4  # their sum is log 2; the first has few digits, so n times it is exact
EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
SMALL = 0.3  # below, tanh and exp - 1 are taken from their series, since differences would lose digits
TANH = (62 / 2835, -17 / 315, 2 / 15, -1 / 3)


class Functions(Emit):
    """Emit, with functions of vectors."""

    def negative(self, x: Any) -> Any:
        return self.b.fsub(self.constant(-0.0), x)

    def plus(self, x: Any, number: float) -> Any:
        return self.b.fadd(x, self.constant(number))

    def times(self, x: Any, number: float) -> Any:
        return self.b.fmul(x, self.constant(number))

    def where(self, x: Any, relation: str, number: float, then: Any, other: Any) -> Any:
        """then where x is so related to a number, else other; a NaN is related to none."""
        return self.b.select(self.b.fcmp_ordered(relation, x, self.constant(number)), then, other)

    def clip(self, x: Any, low: float, high: float) -> Any:
        x = self.where(x, "<", low, self.constant(low), x)
        return self.where(x, ">", high, self.constant(high), x)

    def rounded(self, x: Any, how: str) -> Any:
        """"rint" or "floor"."""
        kind = ir.FunctionType(VECTOR, [VECTOR])
        return self.b.call(cgutils.get_or_insert_function(self.b.module, kind, f"llvm.{how}.v16f32"), [x])

    def series(self, x: Any, factors: tuple[float, ...]) -> Any:
        """Polynomial of x, the factor of the highest power first."""
        y = self.constant(factors[0])
        for factor in factors[1:]:
            y = self.fma(y, x, self.constant(factor))
        return y

    def exp(self, x: Any) -> Any:
        """e^x = 2^n e^r with |r| <= log(2) / 2 (Cody and Waite's reduction)."""
        x = self.clip(x, LOW, HIGH)
        n = self.rounded(self.times(x, 1 / log(2)), "rint")
        r = self.fma(n, self.constant(-LN2_LOW), self.fma(n, self.constant(-LN2_HIGH), x))
        y = self.plus(self.fma(self.series(r, EXP), self.b.fmul(r, r), r), 1)
        exponent = self.b.shl(self.b.fptosi(n, INTEGERS), ir.Constant(INTEGERS, [23] * LANES))
        return self.b.bitcast(self.b.add(self.b.bitcast(y, INTEGERS), exponent), VECTOR)

    def expm1(self, x: Any) -> Any:
        """e^x - 1 for x <= 0."""
        near = self.b.fmul(self.series(x, (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0)), x)
        return self.where(x, ">", -SMALL, near, self.plus(self.exp(x), -1))

    def logistic(self, x: Any) -> Any:
        return self.b.fdiv(self.constant(1), self.plus(self.exp(self.negative(x)), 1))

    def tanh(self, x: Any) -> Any:
        square = self.b.fmul(x, x)
        near = self.fma(self.b.fmul(self.series(square, TANH), square), x, x)
        far = self.plus(self.b.fdiv(self.constant(-2), self.plus(self.exp(self.times(x, 2)), 1)), 1)
        return self.where(square, "<", SMALL**2, near, far)

    def mish(self, x: Any) -> Any:
        """x tanh(log(1 + e)) = x w / (w + 2) with w = e (e + 2), e = exp(x): no logarithm, nothing cancels."""
        e = self.exp(self.where(x, ">", MISH_LINEAR, self.constant(MISH_LINEAR), x))
        w = self.b.fmul(e, self.plus(e, 2))
        return self.where(x, ">", MISH_LINEAR, x, self.b.fmul(x, self.b.fdiv(w, self.plus(w, 2))))

    def gelu(self, x: Any) -> Any:
        inner = self.b.fmul(x, self.fma(self.b.fmul(x, x), self.constant(0.035677), self.constant(0.797885)))
        return self.b.fmul(self.times(x, 0.5), self.plus(self.tanh(inner), 1))

    def stair(self, x: Any) -> Any:
        n, half = self.rounded(x, "floor"), self.rounded(self.times(x, 0.5), "floor")
        odd = self.b.fcmp_ordered("!=", self.plus(n, 0), self.times(half, 2))
        return self.b.select(odd, self.b.fadd(self.b.fsub(x, n), half), half)

    def hard_mish(self, x: Any) -> Any:
        middle = self.b.fmul(x, self.plus(self.times(x, 0.5), 1))
        return self.where(x, ">", 0, x, self.where(x, ">", -2, middle, self.times(x, 0)))

    def plse(self, x: Any) -> Any:
        middle = self.fma(x, self.constant(0.125), self.constant(0.5))
        high = self.plus(self.times(self.plus(x, -4), 0.01), 1)
        return self.where(x, "<", -4, self.times(self.plus(x, 4), 0.01), self.where(x, ">", 4, high, middle))

    def lhtan(self, x: Any) -> Any:
        high = self.plus(self.times(self.plus(x, -1), 0.001), 1)
        return self.where(x, "<", 0, self.times(x, 0.001), self.where(x, ">", 1, high, x))


Function = Callable[[Functions, Any], Any]
FUNCTIONS: dict[str, Function] = {
    "leaky": lambda f, x: f.rectify(x, f.constant(0.1)),
    "relu": lambda f, x: f.rectify(x, f.constant(0)),
    "relie": lambda f, x: f.rectify(x, f.constant(0.01)),
    "logistic": Functions.logistic,
    "loggy": lambda f, x: f.tanh(f.times(x, 0.5)),
    "elu": lambda f, x: f.where(x, ">=", 0, x, f.expm1(x)),
    "selu": lambda f, x: f.where(x, ">=", 0, f.times(x, SELU), f.times(f.expm1(x), SELU_ALPHA)),
    "ramp": lambda f, x: f.fma(x, f.constant(0.1), f.where(x, ">", 0, x, f.times(x, 0))),
    "tanh": Functions.tanh,
    "plse": Functions.plse,
    "hardtan": lambda f, x: f.clip(x, -1, 1),
    "lhtan": Functions.lhtan,
    "stair": Functions.stair,
    "swish": lambda f, x: f.b.fmul(x, f.logistic(x)),
    "mish": Functions.mish,
    "hard_mish": Functions.hard_mish,
    "relu6": lambda f, x: f.clip(x, 0, 6),
    "gelu": Functions.gelu,
}
NAMES = tuple(FUNCTIONS)
NOT_AT_ZERO = ("logistic", "plse")  # the functions that make something of zeros


@intrinsic(prefer_literal=True)
def _apply(context, name, target, source, vectors):
    """target <- function(source), so many vectors at two addresses, which may be the same."""
    function = FUNCTIONS[NAMES[name.literal_value]]

    def generate(cx, builder, _, args):
        f = Functions(builder)

        def body(i: Any, _: list[Any]) -> list[Any]:
            f.store(function(f, f.load(f.scaled(args[2], i, BYTES))), f.scaled(args[1], i, BYTES))
            return []

        f.loop(args[3], [], body)
        return cx.get_dummy_value()

    return types.void(name, types.int64, types.int64, types.int64), generate


@cache
def function(kind: str) -> Any:
    """The C function (target, source, vectors >= 1) that applies an activation of FUNCTIONS; addresses in bytes."""
    name = NAMES.index(kind)

    @compiled("void(int64, int64, int64)")
    def activate(target, source, vectors):
        _apply(name, target, source, vectors)

    return activate

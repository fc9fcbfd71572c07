"""Tasks: how the plan's kernels run in parallel.

A kernel is a function task(t, thread, arguments) that does the t-th part of its work; `arguments` is the address of a
block of 8-byte slots.  It is compiled to a plain C function, and one small parallel loop, compiled once, calls it by
address.  Inner functions that come in several shapes (register tiles, Winograd transforms) are C functions of their
own, whose addresses are among the arguments.  So each piece is compiled once, in a fraction of a second, and a call
costs microseconds however many arguments there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import get_thread_id, types
from numba.core import cgutils

from darkpy.jit import intrinsic, njit, numba, prange
from darkpy.ops.cpu.vector import F32, I64


def compiled(signature: str) -> Any:
    """Compile a C function, or take it from the cache.  What it closes over is part of it: use constants only."""
    return numba.cfunc(signature, cache=True, error_model="numpy")


task = compiled("void(int64, int64, int64)")


def arguments(*values: Any) -> np.ndarray:
    """Slots for a task: whole numbers, and tuples of them, one a slot; floats as float32 in the low half."""
    flat: list[Any] = []
    for value in values:
        flat += value if isinstance(value, (tuple, list)) else (value,)
    slots = np.zeros(len(flat), np.int64)
    halves = slots.view(np.float32)
    for i, value in enumerate(flat):
        if isinstance(value, (float, np.floating)):
            halves[2 * i] = value
        else:
            slots[i] = value
    return slots


@intrinsic(prefer_literal=True)
def ints(context, address, first, count):
    """`count` whole numbers (a constant) from slot `first` on, as a tuple."""
    n = count.literal_value

    def generate(cx, builder, signature, args):
        base = builder.inttoptr(args[0], I64.as_pointer())
        values = [builder.load(builder.gep(base, [builder.add(args[1], ir.Constant(I64, i))])) for i in range(n)]
        return cx.make_tuple(builder, signature.return_type, values)

    return types.UniTuple(types.int64, n)(types.int64, types.int64, count), generate


@intrinsic
def number(context, address, slot):
    """The float32 in a slot."""

    def generate(cx, builder, _, args):
        base = builder.inttoptr(args[0], I64.as_pointer())
        place = builder.bitcast(builder.gep(base, [args[1]]), F32.as_pointer())
        return builder.load(place)

    return types.float32(types.int64, types.int64), generate


@intrinsic
def get_float(context, address):
    """The float at an address."""

    def generate(cx, builder, _, args):
        value = builder.load(builder.inttoptr(args[0], F32.as_pointer()))
        value.align = 4
        return value

    return types.float32(types.int64), generate


@intrinsic
def put_float(context, address, value):
    """Store a float at an address."""

    def generate(cx, builder, _, args):
        builder.store(args[1], builder.inttoptr(args[0], F32.as_pointer())).align = 4
        return cx.get_dummy_value()

    return types.void(types.int64, types.float32), generate


@intrinsic
def call(context, address, args):
    """The C function at an address, with a tuple of int64 and float32 arguments and without result."""
    kinds = [F32 if isinstance(kind, types.Float) else I64 for kind in args]

    def generate(cx, builder, _, values):
        function = builder.inttoptr(values[0], ir.FunctionType(ir.VoidType(), kinds).as_pointer())
        builder.call(function, cgutils.unpack_tuple(builder, values[1], len(kinds)))
        return cx.get_dummy_value()

    return types.void(types.int64, args), generate


@njit(parallel=True)
def run(count, address, slots):
    """task(t, thread, slots) for t < count, shared out among the threads."""
    for t in prange(count):
        call(address, (np.int64(t), np.int64(get_thread_id()), slots))

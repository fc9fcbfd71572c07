"""Tasks: how the plan's kernels run in parallel.

A kernel is a function task(t, thread, arguments) that does the t-th part of its work; `arguments` is the address of a
block of 8-byte slots.  It is compiled to a plain C function, one for each shape of its inner tile, and one small
parallel loop, compiled once, calls it by address.  So a new tile shape costs a fraction of a second to compile instead
of several, and a call costs microseconds however many arguments there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import get_thread_id, types

from darkpy.jit import intrinsic, njit, numba, prange
from darkpy.ops.cpu.vector import F32, I64

SIGNATURE = "void(int64, int64, int64)"


def task(function: Callable[[int, int, int], None]) -> Any:
    """Compile a task, or take it from the cache.  What it closes over is part of it: use constants only."""
    return numba.cfunc(SIGNATURE, cache=True, error_model="numpy")(function)


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
def _call(context, address, t, thread, slots):
    def generate(cx, builder, _, args):
        kind = ir.FunctionType(ir.VoidType(), [I64] * 3)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


@njit(parallel=True)
def run(count, address, slots):
    """task(t, thread, slots) for t < count, shared out among the threads."""
    for t in prange(count):
        _call(address, np.int64(t), np.int64(get_thread_id()), slots)

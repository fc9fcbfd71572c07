"""Tasks: how the plan's kernels run in parallel.

A kernel is a function task(t, thread, arguments) that does the t-th part of its work; `arguments` is the address of a
block of 8-byte slots.  It is compiled to a plain C function, and one small parallel loop, compiled once, calls it by
address.  Inner functions that come in several shapes (register tiles, Winograd transforms) are C functions of their
own, whose addresses are among the arguments.  So each piece is compiled once, in a fraction of a second, and a call
costs microseconds however many arguments there are.
"""

from __future__ import annotations

import ctypes
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
def put_word(context, address, value):
    """Store 64 bits at an address."""

    def generate(cx, builder, _, args):
        builder.store(args[1], builder.inttoptr(args[0], I64.as_pointer()))
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def get_word(context, address):
    """The 64 bits at an address."""

    def generate(cx, builder, _, args):
        return builder.load(builder.inttoptr(args[0], I64.as_pointer()))

    return types.int64(types.int64), generate


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


# -- sequences of tasks -------------------------------------------------------------------------------------------

LINE = 8  # slots in a cache line: counters that different threads watch lie in lines of their own
PATIENCE = 4000  # looks at a counter before a waiting thread offers its core to others


@intrinsic
def _add(context, address, value):
    """The number at an address, which grows by `value` in the same instant."""

    def generate(cx, builder, _, args):
        return builder.atomic_rmw("add", builder.inttoptr(args[0], I64.as_pointer()), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def _look(context, address):
    """The number at an address, which another thread may be changing."""

    def generate(cx, builder, _, args):
        return builder.load_atomic(builder.inttoptr(args[0], I64.as_pointer()), "seq_cst", 8)

    return types.int64(types.int64), generate


def _yield_address() -> int:
    """Address of the C library's sched_yield, 0 where there is none."""
    try:
        return ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value or 0
    except (OSError, TypeError, AttributeError):
        return 0


YIELD = _yield_address()


@njit(parallel=True)
def _run_sequence(threads, counts, addresses, slots, counters, give_way):
    for index in prange(threads):
        thread = np.int64(index)
        for s in range(len(counts)):
            done = counters + s * (threads + 1) * LINE * 8
            for k in range(threads):  # its own share first, then what others have left
                owner = (thread + k) % threads
                taken = done + (owner + 1) * LINE * 8
                first, last = counts[s] * owner // threads, counts[s] * (owner + 1) // threads
                finished = 0
                t = first + _add(taken, 1)
                while t < last:
                    call(addresses[s], (t, thread, slots[s]))
                    finished += 1
                    t = first + _add(taken, 1)
                if finished > 0:  # told once, as each time costs those who watch a cache miss
                    _add(done, finished)
            looks = 0
            while _look(done) < counts[s]:
                looks += 1
                if looks > PATIENCE and give_way != 0:
                    call(give_way, (np.int64(0),))


class Sequence:
    """Tasks one after the other inside one parallel loop: [(count, address of the task, address of its slots)].

    A thread takes the parts of a task that are its own, the same share of every task, so that it finds in its cache
    what it wrote there; then it takes what the others have left, and waits for the last part before it begins the next
    task.  So there is one wake-up for all of them, and a thread that loses its core for a while only takes fewer
    parts.  No thread counts on another being there: one alone does everything.
    """

    def __init__(self, steps: list[tuple[int, int, int]]):
        table = np.array(steps, np.int64).reshape(-1, 3)
        self.counts, self.addresses, self.slots = (np.ascontiguousarray(table[:, i]) for i in range(3))
        self.counters = np.zeros(0, np.int64)

    def run(self, threads: int) -> None:
        size = (len(self.counts) * (threads + 1) + 1) * LINE
        if len(self.counters) == size:
            self.counters[:] = 0
        else:
            self.counters = np.zeros(size, np.int64)
        start = self.counters.ctypes.data + -self.counters.ctypes.data % (LINE * 8)
        _run_sequence(threads, self.counts, self.addresses, self.slots, start, YIELD)

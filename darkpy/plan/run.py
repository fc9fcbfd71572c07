"""Run: a traced, rewritten program with all its memory in one arena; a call is one loop over bound steps."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence as Seq
from typing import Any

import numpy as np

from darkpy import jit
from darkpy.errors import UsageError
from darkpy.layers.base import Layer, as_batch
from darkpy.ops import Cpu, spec
from darkpy.ops.cpu.tasks import Sequence
from darkpy.ops.signs import Signs
from darkpy.ops.spec import Shape
from darkpy.plan import choose, memory, narrow, passes
from darkpy.plan.blocked import Blocked
from darkpy.plan.calibration import Calibration
from darkpy.plan.explain import Explanation, explain
from darkpy.plan.kernels import Call, Kernel
from darkpy.plan.lower import Packs, Release, keep, lower
from darkpy.plan.trace import Program, Scaled, Step, Value, trace

DTYPES = {"float32": np.float32, "int32": np.int32}

KEPT = 4  # batch sizes a plan keeps programs for


class Executable:
    """A program bound to arrays, for one batch size."""

    def __init__(self, program: Program):
        self.ops = Cpu()
        self.program = program
        offsets, size = memory.layout(program)
        self.arena = np.zeros(size + memory.ALIGN + memory.SLACK, np.uint8)
        start = -self.arena.ctypes.data % memory.ALIGN
        self.address = {value: self.arena.ctypes.data + start + offset for value, offset in offsets.items()}
        self.arrays: dict[Value, np.ndarray] = {program.input: np.zeros(program.input.shape, np.float32)}
        for value, offset in offsets.items():
            if isinstance(value, Blocked):
                continue
            raw = self.arena[start + offset : start + offset + value.size * 4]
            self.arrays[value] = raw.view(DTYPES[value.dtype]).reshape(value.shape)
        bound = [(step, call) for step in program.steps for call in self.bind(step)]
        self.calls = [call for _, call in bound]
        self.step_of = [step for step, _ in bound]  # the step each call came from
        self.stretches = stretches(self.calls)
        self.input_slots = self.find_input()

    def bind(self, step: Step | Kernel) -> Seq[Any]:
        """Functions without arguments that run the step; none for views, which are made here once."""
        if isinstance(step, Kernel):
            return step.bind(self)
        args = tuple(self.arrays[a] if isinstance(a, Value) else a.array() if isinstance(a, (Scaled, Signs)) else a
                     for a in step.args)
        function = getattr(self.ops, step.op)
        if step.op in spec.VIEWS:
            self.arrays[step.outs[0]] = function(*args, **step.kw)
            return []
        if step.op in spec.WRITES:
            return [lambda: function(*args, **step.kw)]
        outs = tuple(self.arrays[v] for v in step.outs)
        kernel = self.ops.kernel(step.op)
        if kernel is not None:
            return [lambda: kernel(*outs, *args, **step.kw)]

        def plain() -> None:
            result = function(*args, **step.kw)
            for out, y in zip(outs, result if isinstance(result, tuple) else (result,), strict=True):
                out[...] = y

        return [plain]

    def find_input(self) -> list[tuple[np.ndarray, int]]:
        """Arguments that are the input's address, if only kernels that tell of it read the input: a call then needs no
        copy."""
        x = self.program.input
        readers = [step for step in self.program.steps if x in step.inputs()]
        if x in self.program.outputs or not all(isinstance(step, Kernel) for step in readers):
            return []
        calls = [call for step, call in zip(self.step_of, self.calls, strict=True) if x in step.inputs()]
        return [(call.slots, call.source) for call in calls] if all(call.source is not None for call in calls) else []

    def array(self, value: Value) -> np.ndarray:
        return self.arrays[value]

    def place(self, value: Blocked) -> tuple[int, int, int, int]:
        """(address of pixel 0,0; bytes from image to image, block to block, row to row)."""
        return self.address[value.root] + value.start, *value.steps

    def __call__(self, x: np.ndarray, threads: int | None = None) -> list[np.ndarray]:
        threads = threads or jit.threads_allowed()
        x, own = np.ascontiguousarray(x, np.float32), self.arrays[self.program.input]
        if x.shape != own.shape:
            raise ValueError(f"input of shape {x.shape}: this program takes {own.shape}")
        if not self.input_slots:
            own[...] = x
        for slots, at in self.input_slots:
            slots[at] = x.ctypes.data
        try:
            with np.errstate(all="ignore"):
                for stretch in self.stretches:
                    if isinstance(stretch, Sequence):
                        stretch.run(threads)
                    else:
                        stretch()
        finally:
            for slots, at in self.input_slots:
                slots[at] = own.ctypes.data
        return [self.arrays[v].copy() for v in self.program.outputs]


def stretches(calls: list[Any]) -> list[Any]:
    """Calls of tasks that follow one another as one Sequence, so that the threads wake up once for all of them."""
    found: list[Any] = []
    for is_task, group in itertools.groupby(calls, lambda call: isinstance(call, Call)):
        some = list(group)
        found += [Sequence([call.parts for call in some])] if is_task else some
    return found


class Plan:
    """plan(x) -> outputs of all output layers, x (N, C, H, W).  Compiled once for each batch size.

    The programs of the last few batch sizes are kept, and share their packed weights.  Parameters are read when a
    program is compiled: after training further, make a new plan.  x is read where it lies: it must not change before
    the call returns.

    `precision` is what it computes in; `note` says why where that is not what was asked for, else it is empty.
    """

    def __init__(self, layers: Seq[Layer], wiring: Seq[Seq[int]], input_shape: Shape,
                 wanted: Seq[int], threads: int | None = None, release: Release = keep, precision: str = "float32",
                 calibration: Calibration | None = None, memory: float | None = None):
        self.precision, self.note = narrow.possible(precision)
        self.calibration = calibration
        self.times_raw = choose.RAW_TIMES if memory is None else memory
        if not self.times_raw > 0:
            raise UsageError(f"memory={memory}: packed weights take a positive number of times the raw ones")
        self.threads = min(threads or jit.threads_allowed(), jit.threads_allowed())  # scratch memory is for so many
        self.layers, self.wiring, self.input_shape, self.wanted = layers, wiring, input_shape, list(wanted)
        self.programs: dict[int, Executable] = {}  # by batch size, the last used last
        self.packs: Packs = {}
        self.release = release
        self.lock = threading.RLock()  # the arena serves one call at a time

    def __repr__(self) -> str:
        return f"<Plan: {len(self.layers)} layers, {self.precision}, threads={self.threads}; explain() shows its steps>"

    def program(self, batch: int) -> Executable:
        """The program for so many images."""
        with self.lock:
            found = self.programs.pop(batch, None)
            if found is None:
                while len(self.programs) >= KEPT:
                    del self.programs[next(iter(self.programs))]
                with jit.running():
                    traced = trace(self.layers, self.wiring, self.input_shape, batch, self.wanted)
                    program = passes.optimise(traced)
                    ranges = self.calibration.ranges if self.calibration else {}
                    forms = narrow.Forms(program, self.precision, ranges)
                    found = Executable(lower(program, forms, self.times_raw, self.packs, self.release))
            self.programs[batch] = found
            return found

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        """Raises UsageError for an x of another shape."""
        x = as_batch(x, self.input_shape)
        with self.lock, jit.running():
            jit.set_threads(self.threads)
            return self.program(len(x))(x, self.threads)

    def explain(self, batch: int = 1, passes: int = 5) -> Explanation:
        """Each step with its algorithm, shape, operations and measured time; print it to see a table."""
        return explain(self, batch, passes)

"""What a plan does and where its time goes: a row for each step, with the share of the machine's peak it reaches."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from darkpy import jit
from darkpy.ops.cpu.tasks import Sequence
from darkpy.ops.cpu.tile import LANES, ROWS, VECTORS
from darkpy.ops.spec import Shape
from darkpy.plan.binary import Xnor
from darkpy.plan.convolution import Depthwise, Direct
from darkpy.plan.kernels import Kernel
from darkpy.plan.lower import lower
from darkpy.plan.memory import size_of
from darkpy.plan.stem import Stem
from darkpy.plan.trace import Program, Step, Value
from darkpy.plan.winograd import Winograd

if TYPE_CHECKING:
    from darkpy.plan.run import Plan


@dataclass(frozen=True)
class StepTime:
    """One step: `layer` it came from (-1: none), what it runs, the shape it gives, operations and median seconds.

    `flops` count multiplications and additions of a direct convolution: Winograd does fewer, so its rate may exceed
    the peak.  That is the peak in float32 whatever a step computes in.  `nbytes`: its maps and packed weights.
    """

    layer: int
    algorithm: str
    shape: Shape
    flops: float
    nbytes: int
    seconds: float


@dataclass(frozen=True)
class Explanation:
    """All steps of the program for one batch size; `peak` in operations per second, on `threads` threads."""

    steps: list[StepTime]
    batch: int
    threads: int
    peak: float
    arena_bytes: int
    weight_bytes: int
    raw_bytes: int  # of all convolutions' weights in float32,
    times_raw: float  # and how many times as much the packed ones may take
    precision: str
    note: str

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps)

    def __str__(self) -> str:
        wide = max([len("algorithm"), *(len(s.algorithm) for s in self.steps)]) + 2
        lines = [f"{'layer':>5}  {'algorithm':<{wide}}{'output':<20}"
                 f"{'GFLOP':>8}{'ms':>9}{'share':>7}{'GFLOP/s':>9}{'peak':>6}"]
        for s in self.steps:
            rate = s.flops / s.seconds if s.seconds else 0.0
            speed = f"{rate / 1e9:>9.1f}{100 * rate / self.peak:>5.0f}%" if s.flops else ""
            layer = s.layer if s.layer >= 0 else ""
            lines.append(f"{layer:>5}  {s.algorithm:<{wide}}{'x'.join(map(str, s.shape)):<20}{s.flops / 1e9:>8.3f}"
                         f"{1e3 * s.seconds:>9.3f}{100 * s.seconds / self.seconds:>6.1f}%{speed}".rstrip())
        flops = sum(step.flops for step in self.steps)
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        lines.append(f"{len(self.steps)} steps, {1e3 * self.seconds:.2f} ms, {flops / 1e9:.3f} GFLOP, "
                     f"{flops / max(self.seconds, 1e-9) / 1e9:.1f} GFLOP/s; peak of {threads} "
                     f"{self.peak / 1e9:.0f} GFLOP/s; arena {self.arena_bytes / 2**20:.1f} MiB, "
                     f"packed weights {self.weight_bytes / 2**20:.1f} MiB of at most "
                     f"{self.times_raw * self.raw_bytes / 2**20:.1f} (memory={self.times_raw:g} times the raw ones); "
                     f"precision {self.precision}" + (f" ({self.note})" if self.note else ""))
        lines.append("operations are those of a direct convolution, the peak is that of float32: Winograd's algorithm, "
                     "narrow types and bits can exceed it")
        return "\n".join(lines)


def explain(plan: Plan, batch: int = 1, passes: int = 5) -> Explanation:
    """Run the program for `batch` images `passes` times, on noise, and time every step."""
    with plan.lock, jit.running():
        jit.set_threads(plan.threads)
        program = plan.program(batch)
        noise = np.random.default_rng(0).random((batch, *plan.input_shape), np.float32)
        program(noise, plan.threads)
        program.arrays[program.program.input][...] = noise
        times: list[list[float]] = [[] for _ in program.calls]
        with np.errstate(all="ignore"):
            for _ in range(passes):
                for spent, call in zip(times, program.calls, strict=True):
                    start = time.perf_counter()
                    call()
                    spent.append(time.perf_counter() - start)
        peak = peak_flops(plan.threads)
    seconds: dict[int, float] = {}  # by step: it may run several kernels
    for step, spent in zip(program.step_of, times, strict=True):
        seconds[id(step)] = seconds.get(id(step), 0.0) + statistics.median(spent)
    steps, packed, raw = [], 0, 0
    for step in program.program.steps:
        if id(step) in seconds:
            kernel = isinstance(step, Kernel)
            packed += step.weight_bytes if kernel else 0
            raw += 4 * step.conv.weights.size if isinstance(step, (Direct, Depthwise, Stem, Winograd, Xnor)) else 0
            maps = [*step.inputs(), *step.outs[:1]]
            nbytes = sum(map(size_of, maps)) + (step.weight_bytes if kernel else 0)
            steps.append(StepTime(step.layer, step.algorithm if kernel else step.op,
                                  step.outs[0].shape if step.outs else (), step.flops if kernel else 0.0,
                                  nbytes, seconds[id(step)]))
    return Explanation(steps, batch, plan.threads, peak, program.arena.nbytes, packed, raw, plan.times_raw,
                       plan.precision, plan.note)


@cache
def peak_flops(threads: int) -> float:
    """Multiplications and additions per second of the micro-kernel on data that stay in cache: a 1x1 convolution over
    rows of whole tiles, some times in one go so that the waking of threads does not count, the best of some trials."""
    from darkpy.plan.run import Executable

    channels, filters = 8 * LANES, VECTORS * LANES
    x, y = (Value((threads, c, 64, 2 * ROWS[0])) for c in (channels, filters))
    weights = np.zeros((filters, channels, 1, 1), np.float32)
    program = Executable(lower(Program(x, [y], [Step("conv", (x, weights), {}, (y,), 0)])))
    work = [call for step, call in zip(program.step_of, program.calls, strict=True) if isinstance(step, Direct)]
    times = 16
    sequence = Sequence([call.parts for call in work] * times)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        sequence.run(threads)
        best = min(best, time.perf_counter() - start)
    return times * 2.0 * channels * y.size / best

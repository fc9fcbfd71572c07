"""How fast a network runs here: whole passes of the compiled plan, and the share of each layer.

Parameters are zeros and the input is noise: neither changes the time, and no weights file is needed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from darkpy import cfg as cfg_file
from darkpy import jit
from darkpy.build import build
from darkpy.network import Network
from darkpy.ops.spec import Shape
from darkpy.plan import Calibration, Plan

SECONDS = 5.0  # how long is measured where no number of passes is given
AT_LEAST = 3  # passes


@dataclass(frozen=True)
class LayerTime:
    """Mean seconds of one layer in a pass.  Work fused into an earlier layer's kernel is counted there."""

    index: int
    kind: str
    out_shape: Shape
    seconds: float
    flops: float  # of the whole batch


@dataclass(frozen=True)
class Speed:
    """Seconds of each pass over `batch` images (a recurrent net: sequences), in order."""

    input_shape: Shape
    batch: int
    threads: int
    flops: float  # of one pass
    prepare: float  # seconds to load, compile and pack, and of the first pass
    passes: list[float]
    precision: str = "float32"
    note: str = ""  # why it is not the wanted one
    layers: list[LayerTime] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.passes)


def measure(cfg: str | Path, passes: int | None = None, size: int | tuple[int, int] | None = None, batch: int = 1,
            threads: int | None = None, by_layer: bool = False, lax: bool = False, precision: str = "float32",
            memory: float | None = None,
            progress: Callable[[int], None] = lambda done: None) -> Speed:
    """Time `passes` forward passes (by default as many as take five seconds).  Raises CfgError."""
    start = time.perf_counter()
    net = Network(build(cfg_file.read(cfg), batch=batch, size=size, lax=lax), blank=True)
    ranges = Calibration([(-1.0, 1.0)] * len(net.layers), net.seen, 0)  # as the numbers, they do not change the time
    plan: Any = net.plan(threads, precision=precision, calibration=ranges, memory=memory)  # the CPU's
    rows = net.batch
    x = np.random.default_rng(0).random((rows, *net.input_shape), np.float32)
    plan(x)
    prepared = time.perf_counter() - start
    times: list[float] = []
    while len(times) < (passes or AT_LEAST) or (passes is None and sum(times) < SECONDS):
        start = time.perf_counter()
        plan(x)
        times.append(time.perf_counter() - start)
        progress(len(times))
    spent = layer_seconds(plan, rows, min(len(times), 20)) if by_layer else {}
    layers = [LayerTime(i, layer.kind, layer.out_shape, spent.get(i, 0.0), rows * layer.flops)
              for i, layer in enumerate(net.layers) if by_layer]
    return Speed(net.input_shape, batch, min(plan.threads, jit.threads_allowed()),
                 rows * sum(layer.flops for layer in net.layers), prepared, times, plan.precision, plan.note,
                 layers)


def layer_seconds(plan: Plan, rows: int, passes: int) -> dict[int, float]:
    """Median seconds in each layer, by its number."""
    spent: dict[int, float] = {}
    for step in plan.explain(rows, passes).steps:
        spent[step.layer] = spent.get(step.layer, 0.0) + step.seconds
    return spent

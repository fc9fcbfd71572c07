"""One peer in a process of its own: loads, checks its outputs, then times a few inferences whenever it is told to.

Talks in lines of JSON.  Everything the libraries print goes to stderr, so that it cannot get between.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import peers
from bench.peers.base import Job

SLOW = 2.0  # seconds an inference takes of a peer that has to be spared


def check(peer: Any, folder: Path) -> tuple[np.ndarray, float]:
    """The input, and the largest error of any output relative to the largest number of that output."""
    with np.load(folder / "expected.npz") as archive:
        arrays = dict(archive)
    kind = "activated" if peer.activated or not peer.graph.heads else "raw"
    worst = 0.0
    for k, y in enumerate(peer.outputs(arrays["x"])):
        if y is not None:
            want = arrays[f"{kind}{k}"]
            error = float(np.abs(np.asarray(y).reshape(want.shape) - want).max() / np.abs(want).max())
            worst = max(worst, error) if error == error else float("inf")
    return arrays["x"], worst


def measure(peer: Any, x: np.ndarray, seconds: float, warm: bool) -> dict[str, Any]:
    """Times of single inferences for about so long, at least one; the first after the pause does not count."""
    begin = time.process_time()
    if warm:
        peer.infer(x)
    walls, cpus = [], []
    end = time.perf_counter() + seconds
    while not walls or (time.perf_counter() < end and len(walls) < 50):
        cpu, start = time.process_time(), time.perf_counter()
        peer.infer(x)
        walls.append(time.perf_counter() - start)
        cpus.append(time.process_time() - cpu)
    return {"wall": walls, "cpu": cpus, "total_cpu": time.process_time() - begin}


def serve(prepare: Callable[[Job], tuple[Any, np.ndarray, float]]) -> None:
    """Answer the driver; `prepare` gives the peer of a job, what its `infer` takes, and the error of its numbers."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    spec = json.loads(sys.argv[1])
    job = Job(spec["peer"], Path(spec["folder"]), spec["threads"], spec["batch"], spec["precision"])
    try:
        start = time.perf_counter()
        peer, x, error = prepare(job)
        first = measure(peer, x, 0, warm=time.perf_counter() - start < SLOW)["wall"][0]
    except Exception as e:
        traceback.print_exc()
        print(json.dumps({"failed": f"{type(e).__name__}: {e}".splitlines()[0][:200]}), file=answers)
        return
    hello = {"version": peer.version, "error": error, "slack": getattr(peer, "slack", 1.0), "first": first}
    print(json.dumps(hello), file=answers)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(measure(peer, x, order["seconds"], order["warm"])), file=answers)


def prepare(job: Job) -> tuple[Any, np.ndarray, float]:
    peer = peers.load(job.peer)(job)
    return peer, *check(peer, job.folder)


if __name__ == "__main__":
    serve(prepare)

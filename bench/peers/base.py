"""What a peer has to offer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.decode import decode
from bench.graph import Graph


@dataclass
class Job:
    """What a worker is asked to do: run the network of `folder` on `threads` threads."""

    peer: str
    folder: Path
    threads: int
    batch: int
    precision: str = "f32"


class Peer:
    """Loads `job.folder` in its constructor.

    `outputs` gives the raw numbers of each head (or, with `activated`, after the head's own activation), and those of
    the last layer where there is no head.  None stands for an output this peer does not give out.
    `infer` is what is timed: from the input array to boxes or class probabilities.
    """

    activated = False
    slack = 1.0  # by how much more than usual its numbers may differ, with a reason
    version = ""

    def __init__(self, job: Job):
        self.job = job
        self.graph = Graph.load(job.folder, arrays=False)

    def outputs(self, x: np.ndarray) -> list[np.ndarray | None]:
        raise NotImplementedError

    def infer(self, x: np.ndarray) -> Any:
        ys = self.outputs(x)
        if not self.graph.heads:
            return ys
        return [[decode(head, y[n]) for head, y in zip(self.graph.heads, ys, strict=True)] for n in range(len(x))]

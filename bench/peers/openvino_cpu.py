"""OpenVINO's CPU plugin, set for latency; it would take bf16 by itself where the CPU has it, so precision is said."""

from __future__ import annotations

import numpy as np
import openvino as ov

from bench.peers.base import Job, Peer


class Runtime(Peer):
    version = ov.__version__.split("-")[0]
    precisions = ("f32", "bf16")

    def __init__(self, job: Job):
        super().__init__(job)
        model = ov.Core().compile_model(str(job.folder / "model.onnx"), "CPU", {
            "INFERENCE_NUM_THREADS": job.threads,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": job.precision,
        })
        self.request = model.create_infer_request()

    def outputs(self, x: np.ndarray) -> list[np.ndarray | None]:
        results = self.request.infer({"x": x}, share_inputs=True, share_outputs=True)
        return [results[name] for name in self.graph.outputs]

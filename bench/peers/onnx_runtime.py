"""ONNX Runtime's CPU provider, all graph optimisations."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from bench.peers.base import Job, Peer


class Runtime(Peer):
    version = ort.__version__

    def __init__(self, job: Job):
        super().__init__(job)
        options = ort.SessionOptions()
        options.intra_op_num_threads = job.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = ort.InferenceSession(str(job.folder / "model.onnx"), options,
                                            providers=["CPUExecutionProvider"])

    def outputs(self, x: np.ndarray) -> list[np.ndarray | None]:
        return self.session.run(self.graph.outputs, {"x": x})

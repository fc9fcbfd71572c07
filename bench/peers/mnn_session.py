"""MNN's session on the CPU, precision high (float32)."""

from __future__ import annotations

import MNN
import numpy as np

from bench.peers.base import Job, Peer


class Runtime(Peer):
    version = MNN.version()

    def __init__(self, job: Job):
        super().__init__(job)
        self.interpreter = MNN.Interpreter(str(job.folder / "model.mnn"))
        self.session = self.interpreter.createSession(
            {"backend": "CPU", "numThread": job.threads, "precision": "high"})
        self.input = self.interpreter.getSessionInput(self.session)

    def outputs(self, x: np.ndarray) -> list[np.ndarray | None]:
        self.input.copyFrom(MNN.Tensor(x.shape, MNN.Halide_Type_Float, x, MNN.Tensor_DimensionType_Caffe))
        self.interpreter.runSession(self.session)
        return [self.read(name) for name in self.graph.outputs]

    def read(self, name: str) -> np.ndarray:
        tensor = self.interpreter.getSessionOutput(self.session, name)
        shape = tensor.getShape()
        host = MNN.Tensor(shape, MNN.Halide_Type_Float, np.empty(shape, np.float32), MNN.Tensor_DimensionType_Caffe)
        tensor.copyToHostTensor(host)
        return host.getNumpyData().copy()

"""OpenCV's DNN module, reading the original cfg and weights; it decodes in the network."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from bench.decode import THRESH
from bench.peers.base import Job, Peer


class Runtime(Peer):
    version = cv2.__version__

    def __init__(self, job: Job):
        super().__init__(job)
        cv2.setNumThreads(job.threads)
        self.net = cv2.dnn.readNetFromDarknet(str(job.folder / "model.cfg"), str(job.folder / "model.weights"))
        self.net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        self.names = self.net.getUnconnectedOutLayersNames()

    def outputs(self, x: np.ndarray) -> list[np.ndarray | None]:
        """Before the heads; "conv81" is called conv_81 here."""
        self.net.setInput(x)
        raw = [name.replace("conv", "conv_") for name in self.graph.outputs] if self.graph.heads else self.names
        return list(self.net.forward(raw))

    def infer(self, x: np.ndarray) -> Any:
        self.net.setInput(x)
        ys = self.net.forward(self.names)
        if not self.graph.heads:
            return ys
        return [y[y[..., 4] > THRESH] for y in ys]

"""OpenCV's DNN module, reading the original cfg and weights; it decodes in the network.

What its Darknet importer cannot run (shortcuts between maps of different sizes) it gets as ONNX.
"""

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
        self.use(cv2.dnn.readNetFromDarknet(str(job.folder / "model.cfg"), str(job.folder / "model.weights")))
        self.original = True
        try:
            self.outputs(np.zeros((job.batch, *self.graph.input_shape), np.float32))
        except cv2.error:
            self.use(cv2.dnn.readNetFromONNX(str(job.folder / "model.onnx")))
            self.original = False
            self.version += " from ONNX"

    def use(self, net: Any) -> None:
        self.net = net
        net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        self.names = net.getUnconnectedOutLayersNames()

    def outputs(self, x: np.ndarray) -> list[np.ndarray | None]:
        """Before the heads; "conv81" is called conv_81 here."""
        self.net.setInput(x)
        names = self.names
        if self.graph.heads:
            names = [name.replace("conv", "conv_") if self.original else name for name in self.graph.outputs]
        return list(self.net.forward(names))

    def infer(self, x: np.ndarray) -> Any:
        if not self.original:
            return super().infer(x)
        self.net.setInput(x)
        ys = self.net.forward(self.names)
        if not self.graph.heads:
            return ys
        return [y[y[..., 4] > THRESH] for y in ys]

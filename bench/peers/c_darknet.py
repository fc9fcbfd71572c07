"""The original program, where DARKNET_LIB names a libdarknet.so: its CPU path, with its own decoding."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_float, c_int, c_void_p
from typing import Any

import numpy as np

from bench.decode import THRESH
from bench.peers.base import Job, Peer

HIER = 0.5


class Runtime(Peer):
    activated = True
    slack = 2.0  # its CPU code adds 1e-6 to the standard deviation where its GPU code adds 1e-5 to the variance
    version = "C"

    def __init__(self, job: Job):
        super().__init__(job)
        os.environ["OMP_NUM_THREADS"] = str(job.threads)
        lib: Any = ctypes.CDLL(os.environ["DARKNET_LIB"])
        lib.load_network.restype = c_void_p
        lib.load_network.argtypes = [c_char_p, c_char_p, c_int]
        lib.set_batch_network.argtypes = [c_void_p, c_int]
        lib.network_predict.restype = POINTER(c_float)
        lib.network_predict.argtypes = [c_void_p, POINTER(c_float)]
        lib.get_network_boxes.restype = c_void_p
        lib.get_network_boxes.argtypes = [c_void_p, c_int, c_int, c_float, c_float, POINTER(c_int), c_int,
                                          POINTER(c_int)]
        lib.free_detections.argtypes = [c_void_p, c_int]
        self.lib = lib
        self.net = lib.load_network(str(job.folder / "model.cfg").encode(),
                                    str(job.folder / "model.weights").encode(), 0)
        lib.set_batch_network(self.net, job.batch)

    def predict(self, x: np.ndarray) -> Any:
        return self.lib.network_predict(self.net, x.ctypes.data_as(POINTER(c_float)))

    def outputs(self, x: np.ndarray) -> list[np.ndarray | None]:
        """Only the last layer's can be had."""
        names = self.graph.outputs
        shape = next(node.shape for node in self.graph.nodes if node.name == names[-1])
        y = np.ctypeslib.as_array(self.predict(x), (len(x), *shape)).copy()
        return [*[None] * (len(names) - 1), y]

    def infer(self, x: np.ndarray) -> Any:
        y = self.predict(x)
        if not self.graph.heads:
            return y
        _, h, w = self.graph.input_shape
        count = c_int(0)
        found = self.lib.get_network_boxes(self.net, w, h, THRESH, HIER, None, 0, ctypes.byref(count))
        self.lib.free_detections(found, count.value)
        return count.value

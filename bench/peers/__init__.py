"""One file for each runtime: a class Runtime that loads the network once and runs it."""

from __future__ import annotations

import importlib
from typing import Any

# name on the command line -> module; the first is what the others are compared with
PEERS = {
    "darkpy": "darkpy_plan",
    "darkpy-float32": "darkpy_float32",
    "ncnn": "ncnn_net",
    "mnn": "mnn_session",
    "onnxruntime": "onnx_runtime",
    "openvino": "openvino_cpu",
    "opencv": "opencv_dnn",
    "pytorch": "pytorch",
    "darknet": "c_darknet",
}


def load(name: str) -> Any:
    """The Runtime class of a peer."""
    return importlib.import_module(f"bench.peers.{PEERS[name]}").Runtime

"""darkpy: Darknet's networks in Python, from their original .cfg and .weights files.

    model = darkpy.Detector("yolov3.cfg", "yolov3.weights")
    for result in model.detect(["dog.jpg"]):
        print(result.boxes.xyxy, result.boxes.confidence)

    net = darkpy.load("darknet19.cfg", "darknet19.weights")   # the Network itself

Names are imported when first used: `import darkpy` loads neither Numba nor OpenCV nor Matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from darkpy import errors
from darkpy._version import __version__
from darkpy.errors import (
    CfgError,
    DarkpyError,
    DataError,
    ModelError,
    TrainingDiverged,
    UsageError,
    WeightsError,
)

if TYPE_CHECKING:
    from darkpy.classifier import Classification, Classifier
    from darkpy.detector import Detector
    from darkpy.network import Network, load
    from darkpy.result import Boxes, Result
    from darkpy.segmenter import Segmentation, Segmenter

_HOME = {
    "Boxes": "darkpy.result",
    "Classification": "darkpy.classifier",
    "Classifier": "darkpy.classifier",
    "Detector": "darkpy.detector",
    "Network": "darkpy.network",
    "Result": "darkpy.result",
    "Segmentation": "darkpy.segmenter",
    "Segmenter": "darkpy.segmenter",
    "load": "darkpy.network",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'darkpy' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


__all__ = [
    "Boxes",
    "CfgError",
    "Classification",
    "Classifier",
    "DarkpyError",
    "DataError",
    "Detector",
    "ModelError",
    "Network",
    "Result",
    "Segmentation",
    "Segmenter",
    "TrainingDiverged",
    "UsageError",
    "WeightsError",
    "__version__",
    "errors",
    "load",
]

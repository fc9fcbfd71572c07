"""A model's plan in the wanted precision; for int8, its calibration on images."""

from __future__ import annotations

import os
from typing import Any

from darkpy.network import Network
from darkpy.pictures import load
from darkpy.plan import Calibration, DevicePlan, Plan
from darkpy.plan.narrow import possible


def plan_for(net: Network, fit: bool, threads: int | None = None, precision: str = "float32", calibration: Any = None,
             release: bool = True) -> Plan | DevicePlan:
    """The plan; `calibration`: a Calibration, the path of its file, or images (any that `Detector.detect` takes), which
    are letterboxed with `fit`.  Raises UsageError, DataError."""
    if calibration is not None and not isinstance(calibration, (Calibration, str, os.PathLike)):
        shape: Any = net.input_shape
        images, calibration = calibration, None
        if possible(precision)[0] == "int8" and not net.ops.on_device:
            calibration = net.calibrate(load(image, shape, fit).x[None] for image in images)
    return net.plan(threads, release=release, precision=precision, calibration=calibration)

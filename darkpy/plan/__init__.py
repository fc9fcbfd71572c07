"""A network compiled for inference: trace the layers once, rewrite the steps, lay out memory, then only run."""

from darkpy.plan.calibration import Calibration, Ranges
from darkpy.plan.device import DevicePlan
from darkpy.plan.lower import keep
from darkpy.plan.run import Plan

__all__ = ["Calibration", "DevicePlan", "Plan", "Ranges", "keep"]

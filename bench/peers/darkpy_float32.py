"""darkpy in float32, to compare its narrower precisions with."""

from __future__ import annotations

from dataclasses import replace

from bench.peers import darkpy_plan
from bench.peers.base import Job


class Runtime(darkpy_plan.Runtime):
    def __init__(self, job: Job):
        super().__init__(replace(job, precision="f32"))

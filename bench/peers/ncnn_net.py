"""ncnn on the CPU, plain float32; it takes one image at a time."""

from __future__ import annotations

import json

import ncnn
import numpy as np

from bench.peers.base import Job, Peer


class Runtime(Peer):
    version = ncnn.__version__

    def __init__(self, job: Job):
        super().__init__(job)
        self.net = ncnn.Net()
        option = self.net.opt
        option.num_threads = job.threads
        option.use_vulkan_compute = False
        option.use_fp16_packed = option.use_fp16_storage = option.use_fp16_arithmetic = False
        option.use_bf16_storage = False
        if self.net.load_param(str(job.folder / "model.param")) or self.net.load_model(str(job.folder / "model.bin")):
            raise RuntimeError("ncnn refuses the model")
        self.names = json.loads((job.folder / "ncnn.json").read_text())

    def outputs(self, x: np.ndarray) -> list[np.ndarray | None]:
        images = [self.image(one) for one in x]
        return [np.stack(ys) for ys in zip(*images, strict=True)]

    def image(self, x: np.ndarray) -> list[np.ndarray]:
        extractor = self.net.create_extractor()
        extractor.input("x", ncnn.Mat(x))
        return [np.array(extractor.extract(name)[1]) for name in self.names]

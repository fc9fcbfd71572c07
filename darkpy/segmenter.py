"""A segmenter: image -> letterbox -> network -> for each class a map of where it is, as Darknet's `segmenter test`.

    model = Segmenter("seg.cfg", "seg.weights", names="my.names")
    for result in model.segment(["dog.jpg"]):
        print(result.shares())             # which part of the image each class covers
        result.save("masks.jpg")

Nets that end in [iseg] work, too: of their output the class maps are used, the embeddings are given as they are.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from darkpy.calibrate import plan_for
from darkpy.datasets.masks import runs_of
from darkpy.datasets.training import is_segmenter, last_loss
from darkpy.errors import ModelError
from darkpy.labels import Names, class_names
from darkpy.network import load
from darkpy.pictures import OnError, Picture, batches, check_input
from darkpy.vision.decode import write_image
from darkpy.vision.draw import colour_of
from darkpy.vision.image import letterbox_size

OPACITY = 0.55  # of masks on a picture


@dataclass(frozen=True)
class Segmentation:
    """What was found in one image; `speed` is in milliseconds.  Pixels where a class's map is above `thresh` are of
    that class; a pixel may be of several classes or of none."""

    maps: np.ndarray  # (classes, h, w) float32: the net's output, of the letterboxed image
    embeddings: np.ndarray  # (ids, h, w) float32: of [iseg], else (0, h, w)
    input_size: tuple[int, int]  # width and height of the letterbox
    names: list[str]
    image: np.ndarray  # uint8 (H, W, 3)
    thresh: float
    path: str | None = None
    speed: dict[str, float] = field(default_factory=dict)

    def probability(self, class_id: int) -> np.ndarray:
        """Of a class at each pixel of the image, float32 (H, W)."""
        height, width = self.image.shape[:2]
        w, h = self.input_size
        inner_w, inner_h = letterbox_size(width, height, w, h)
        plane = self.maps[class_id]
        # pixels of the input; the map's cell i stands for pixel i * w / (width of the map), as in the truth it learned
        x = (w - inner_w) // 2 + (np.arange(width) + 0.5) * inner_w / width - 0.5
        y = (h - inner_h) // 2 + (np.arange(height) + 0.5) * inner_h / height - 0.5
        return bilinear(bilinear(plane, y * plane.shape[0] / h).T, x * plane.shape[1] / w).T

    def mask(self, class_id: int) -> np.ndarray:
        """Truth values (H, W): the pixels of a class."""
        return self.probability(class_id) > self.thresh

    def classes(self) -> list[int]:
        """Those of which there is a pixel."""
        return [k for k, plane in enumerate(self.maps) if plane.max() > self.thresh and self.mask(k).any()]

    def shares(self) -> dict[int, float]:
        """The part of the image that each class found covers, the largest first."""
        found = {k: float(self.mask(k).mean()) for k in self.classes()}
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def plot(self) -> np.ndarray:
        """The image with the masks laid over it in the colours of their classes, uint8 (H, W, 3)."""
        picture = self.image.astype(np.float32)
        for k in self.classes():
            mask = self.mask(k)
            picture[mask] += OPACITY * (np.array(colour_of(k), np.float32) - picture[mask])
        return picture.round().astype(np.uint8)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `plot()` as .jpg or .png.  Raises DataError where that is impossible."""
        write_image(path, self.plot())

    def mask_lines(self) -> list[str]:
        """The masks as lines of a mask file, which nets learn from: class and lengths of runs."""
        return [f"{k} {','.join(map(str, runs_of(self.mask(k)).tolist()))}" for k in self.classes()]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings; `runs` as in a mask file."""
        height, width = self.image.shape[:2]
        objects = [{"class_id": k, "name": self.names[k], "share": round(share, 6),
                    "runs": runs_of(self.mask(k)).tolist()} for k, share in self.shares().items()]
        return {"filename": self.path, "width": width, "height": height, "classes": objects}

    def to_json(self) -> str:
        """`to_dict` as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


def bilinear(rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The rows (n, m) at places between 0 and n - 1; beyond them the first and the last."""
    at = np.clip(at, 0, len(rows) - 1)
    first = np.minimum(at.astype(int), max(len(rows) - 2, 0))
    second = np.minimum(first + 1, len(rows) - 1)
    part = (at - first).astype(np.float32)[:, None]
    return rows[first] * (1 - part) + rows[second] * part


class Segmenter:
    """A network whose output is a map for each class.  Arguments and errors are those of Detector."""

    def __init__(self, cfg: str | os.PathLike[str], weights: str | os.PathLike[str] | None = None,
                 names: Names = None, *, size: int | tuple[int, int] | None = None, device: str = "cpu",
                 threads: int | None = None, lax: bool = False, partial: bool = False,
                 precision: str = "float32", calibration: Any = None):
        cfg = os.fspath(cfg)
        self.net = load(cfg, weights, batch=1, size=size, device=device, lax=lax, partial=partial)
        self.input_shape = check_input(self.net.input_shape, cfg)
        last = self.net.layers[self.net.output_index]
        loss = last_loss(self.net)
        if hasattr(last, "decode") or len(last.out_shape) != 3 or loss is not None and not is_segmenter(self.net):
            raise ModelError(f"{cfg}: ends in [{last.kind}] with {'x'.join(map(str, last.out_shape[::-1]))} numbers, "
                             "not in maps of classes: for detectors use darkpy detect, for classifiers darkpy classify")
        self.count = last.config.classes if last.kind == "iseg" else last.out_shape[0]
        self.names = class_names(names, cfg, self.count)
        self._run = plan_for(self.net, True, threads, precision, calibration)

    def segment(self, images: Any, thresh: float = 0.5, batch: int = 8,
                on_error: OnError | None = None) -> Iterator[Segmentation]:
        """A Segmentation for each of any iterable of images, in order; `batch` and `on_error` as in
        `Detector.detect`."""
        for pictures in batches(images, self.input_shape, True, batch, on_error):
            yield from self._segment(pictures, thresh)

    def _segment(self, pictures: list[Picture], thresh: float) -> Iterator[Segmentation]:
        x = np.stack([p.x for p in pictures])
        self._run.program(len(x))  # made once, so no part of the time of an image
        start = time.perf_counter()
        (output,) = self._run(x)
        ms = (time.perf_counter() - start) * 1000 / len(pictures)
        _, h, w = self.input_shape
        for picture, y in zip(pictures, output, strict=True):
            yield Segmentation(y[: self.count].copy(), y[self.count :].copy(), (w, h), self.names, picture.rgb, thresh,
                               picture.path, {"preprocess": picture.ms, "inference": ms})

"""A classifier: image -> letterbox -> network -> the most likely classes, as Darknet's `classifier predict` does it.

    model = Classifier("darknet19.cfg", "darknet19.weights")
    for guess in model.classify("dog.jpg", top=5):
        print(guess.name, guess.confidence)
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from darkpy.calibrate import plan_for
from darkpy.errors import ModelError, UsageError
from darkpy.labels import Names, class_names
from darkpy.layers.base import flat
from darkpy.network import load
from darkpy.pictures import OnError, Picture, batches, check_input, is_one


class Guess(NamedTuple):
    """One class an image may show."""

    class_id: int
    name: str
    confidence: float  # probability in [0, 1]


@dataclass(frozen=True)
class Classification(Sequence[Guess]):
    """The likeliest classes of one image, in order: a sequence of Guess.  `speed` is in milliseconds."""

    guesses: list[Guess]
    probabilities: np.ndarray  # (classes,) float32: of all classes
    path: str | None = None
    speed: dict[str, float] = field(default_factory=dict)

    def __getitem__(self, i: Any) -> Any:
        return self.guesses[i]

    def __len__(self) -> int:
        return len(self.guesses)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return {"filename": self.path,
                "classes": [{**g._asdict(), "confidence": round(g.confidence, 6)} for g in self.guesses]}

    def to_json(self) -> str:
        """`to_dict` as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


class Classifier:
    """A network whose output is a probability for each class.  Arguments and errors are those of Detector.

    With a label tree (Darknet9000) the probabilities are multiplied down the tree, and only its leaves count.
    `resizes`: `probabilities` takes images of any size, which needs the weights twice.
    """

    def __init__(self, cfg: str | os.PathLike[str], weights: str | os.PathLike[str] | None = None,
                 names: Names = None, *, size: int | tuple[int, int] | None = None, device: str = "cpu",
                 threads: int | None = None, lax: bool = False, partial: bool = False,
                 precision: str = "float32", calibration: Any = None, resizes: bool = False):
        cfg = os.fspath(cfg)
        self.net = load(cfg, weights, batch=1, size=size, device=device, lax=lax, partial=partial)
        self.input_shape = check_input(self.net.input_shape, cfg)
        last = self.net.layers[self.net.output_index]
        if hasattr(last, "decode"):
            raise ModelError(f"{cfg}: ends in [{last.kind}]: that is a detector, use darkpy detect, or darkpy.Detector")
        if len(last.out_shape) == 3 and last.out_shape[1:] != (1, 1):
            raise ModelError(f"{cfg}: its output is a map of {last.out_shape[2]}x{last.out_shape[1]} cells, not one "
                             "number for each class: put [avgpool] behind the last convolution, or change size=")
        self.tree = getattr(last, "tree", None)
        self.names = class_names(names, cfg, flat(last.out_shape))
        self._run = plan_for(self.net, True, threads, precision, calibration, not resizes)

    def classify(self, image: Any, top: int = 5) -> Classification:
        """The `top` likeliest classes of one image: path, bytes, uint8 (H, W, 3) RGB, float (3, H, W), PIL.Image."""
        if not is_one(image):
            raise UsageError("classify takes one image: for several use classify_all")
        return next(self.classify_all([image], top, 1))

    def classify_all(self, images: Any, top: int = 5, batch: int = 8,
                     on_error: OnError | None = None) -> Iterator[Classification]:
        """A Classification for each of any iterable of images, in order; `batch` and `on_error` as in
        `Detector.detect`."""
        if top < 1:
            raise UsageError(f"top={top}: it is at least 1")
        for pictures in batches(images, self.input_shape, True, batch, on_error):
            yield from self._classify(pictures, top)

    def _classify(self, pictures: list[Picture], top: int) -> Iterator[Classification]:
        x = np.stack([p.x for p in pictures])
        if x.shape[1:] == self.input_shape:
            self._run.program(len(x))  # made once, so no part of the time of an image
        start = time.perf_counter()
        answers = self.probabilities(x)
        ms = (time.perf_counter() - start) * 1000 / len(pictures)
        for picture, p in zip(pictures, answers, strict=True):
            guesses = [Guess(k, self.names[k], float(p[k])) for k in likeliest(p, top)]
            yield Classification(guesses, p, picture.path, {"preprocess": picture.ms, "inference": ms})

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """(N, classes) for inputs (N, C, h, w): the net's own size or, with `resizes`, any its layers allow."""
        if x.shape[1:] == self.input_shape:
            (output,) = self._run(x)
        else:
            self.net.resize(x.shape[2:])
            output = self.net.forward(x)
        p = output.reshape(len(x), -1)
        if p.shape[1] != len(self.names):
            raise ModelError(f"{self.net.graph.path}: gives {p.shape[1]} numbers for an input of "
                             f"{x.shape[3]}x{x.shape[2]}: only a net that ends in [avgpool] takes images of any size")
        return p if self.tree is None else self.tree.hierarchy_predictions(p, only_leaves=True)


def likeliest(p: np.ndarray, top: int) -> list[int]:
    """The `top` classes of probabilities (classes,), in order."""
    best: list[int] = np.argsort(-np.nan_to_num(p, nan=-1), kind="stable")[:top].tolist()
    return best

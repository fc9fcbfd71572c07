"""How good a net is while it trains: a function of the net gives the score on the images of valid=, 1 at best."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from darkpy.datafile import DataFile
from darkpy.datasets.loader import Loader
from darkpy.datasets.training import heads_of, is_detector, is_segmenter, last_loss, training_set
from darkpy.detector import Detector
from darkpy.errors import DataError
from darkpy.evaluation import voc
from darkpy.network import Network
from darkpy.tasks.evaluate import collect, read_truth

Validate = Callable[[Network], float]
MAP_THRESH = 0.5  # of a class map: from here on a class is there


def score_of(net: Network, data: DataFile, cfg: str, threads: int | None = None, lax: bool = False,
             numbers: bool = False) -> tuple[Validate, str]:
    """The function for this kind of net, and what its score is called.  Raises DataError where valid= is wrong."""
    if numbers:
        return r_squared(net, data), "R2"
    if is_detector(net):
        return mean_ap(net, data, cfg, threads, lax), "mAP"
    if is_segmenter(net, data):
        return mean_iou(net, data), "mIoU"
    return top1(net, data), "top-1"


def answers(net: Network, data: DataFile, size: tuple[int, int], numbers: bool = False,
            left_out: dict[str, str] | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Truth of the images of valid=, each once and without chance, and what the net makes of them at `size` (h, w).

    Images that cannot be used go, with the reason, into `left_out`.
    """
    net.resize(size)
    samples = training_set(net, data, "valid", chance=False, numbers=numbers)
    done: set[str] = set()
    with Loader(samples, net.input_shape[0], lambda p: size, net.batch, end=len(samples.images),
                shuffle=False) as loader:
        for batch in loader:  # for an image that cannot be read the loader gives another
            new = [i for i, path in enumerate(batch.paths) if path not in done and path not in batch.paths[:i]]
            done.update(batch.paths)
            if new:
                yield batch.truth[new], net.forward(batch.x)[new]
        if left_out is not None:
            left_out.update(loader.quarantine.found)


def size_of(net: Network) -> tuple[int, int]:
    return net.input_shape[1:]  # type: ignore[return-value]


def top1(net: Network, data: DataFile) -> Validate:
    """The share of the images whose likeliest class is right."""
    size = size_of(net)
    training_set(net, data, "valid", chance=False)  # its faults now, not when it is used first

    def validate(net: Network) -> float:
        right = count = 0
        for truth, y in answers(net, data, size):
            y = y.reshape(len(y), -1)
            right += int((truth[np.arange(len(y)), y.argmax(1)] > 0).sum())
            count += len(y)
        return right / count

    return validate


def mean_ap(net: Network, data: DataFile, cfg: str, threads: int | None, lax: bool) -> Validate:
    """The mean average precision (IoU .5, area under the curve), as `darkpy map` gives it."""
    if data.config.map:
        raise DataError(f"{data.section.place('map')}: map= is for darkpy map only")
    names = [str(k) for k in range(heads_of(net)[-1].config.classes)]
    labelled = read_truth(data, len(names))

    def validate(net: Network) -> float:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "now.weights"
            net.save(path)
            model = Detector(cfg, path, names, device=net.ops.name, threads=threads, lax=lax)
        collected = collect(model, labelled, on_error=lambda source, error: None)
        score = voc.evaluate(*collected.tables(), len(names)).mean_ap(0)
        return 0.0 if math.isnan(score) else score

    return validate


@dataclass
class Overlap:
    """Cells of class maps where a class is found and is, summed over images; (classes,) each."""

    common: np.ndarray
    either: np.ndarray
    images: int = 0
    left_out: dict[str, str] = field(default_factory=dict)  # images that could not be used, and why

    def add(self, found: np.ndarray, there: np.ndarray) -> None:
        """Truth values (N, classes, h, w)."""
        self.common += (found & there).sum((0, 2, 3))
        self.either += (found | there).sum((0, 2, 3))
        self.images += len(found)

    @property
    def iou(self) -> np.ndarray:
        """Of each class; NaN for one that neither is nor is found."""
        with np.errstate(invalid="ignore"):
            return self.common / self.either

    @property
    def mean(self) -> float:
        """Over the classes that have one; 0 where none has."""
        known = self.iou[self.either > 0]
        return float(known.mean()) if len(known) else 0.0


def overlap(net: Network, data: DataFile, size: tuple[int, int], thresh: float = MAP_THRESH) -> Overlap:
    """Intersection and union of found and true class maps at the resolution of the net's output."""
    loss = last_loss(net)
    assert loss is not None
    instances = loss.kind == "iseg"
    classes = loss.config.classes if instances else loss.in_shapes[0][0]
    total = Overlap(np.zeros(classes, np.int64), np.zeros(classes, np.int64))
    for truth, y in answers(net, data, size, left_out=total.left_out):
        found = y[:, :classes] > thresh
        total.add(found, class_maps(truth, found.shape) if instances else truth.reshape(y.shape) > 0.5)
    return total


def class_maps(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Truth values (N, classes, h, w) of the instances in rows of [iseg]'s truth."""
    n, classes, h, w = shape
    maps = np.zeros(shape, bool)
    for image, table in zip(maps, rows.reshape(n, -1, 1 + h * w), strict=True):
        for row in table:
            if row[0] < 0:
                break
            image[int(row[0])] |= row[1:].reshape(h, w) > 0.5
    return maps


def mean_iou(net: Network, data: DataFile) -> Validate:
    """The mean over the classes of intersection over union of their maps."""
    size = size_of(net)
    training_set(net, data, "valid", chance=False)
    return lambda net: overlap(net, data, size).mean


def r_squared(net: Network, data: DataFile) -> Validate:
    """The share of the variance of the numbers that the net explains; below 0 it is worse than their mean."""
    size = size_of(net)
    training_set(net, data, "valid", chance=False, numbers=True)

    def validate(net: Network) -> float:
        pairs = [(truth, y.reshape(len(y), -1)) for truth, y in answers(net, data, size, numbers=True)]
        truth, found = (np.concatenate(part).astype(np.float64) for part in zip(*pairs, strict=True))
        rest, whole = ((truth - found) ** 2).sum(), ((truth - truth.mean(0)) ** 2).sum()
        return 1 - float(rest / whole) if whole else float(rest == 0)

    return validate

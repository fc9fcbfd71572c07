"""What detection heads have in common: checks of the cfg, files it names, truth, and the figures of a training step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from darkpy.errors import DataError, UsageError
from darkpy.layers.base import Array, Layer, LayerProblem, Loss
from darkpy.layers.files import find_file

MAX_CLASSES = 1 << 17
MAX_ANCHORS = 1 << 12
MAX_BOXES = 1 << 16  # of the truth of one image

T = TypeVar("T")


def together(*checks: Callable[[], Any]) -> list[Any]:
    """The result of each check; where some raise LayerProblem, the first of them with the others in its `also`."""
    results, problems = [], []
    for check in checks:
        try:
            results.append(check())
        except LayerProblem as e:
            problems.append(e)
    if problems:
        problems[0].also = problems[1:]
        raise problems[0]
    return results


def check_filters(layer: Layer, got: int, needed: int, who: str) -> None:
    """A LayerProblem at the layer before, whose number of channels does not fit this head."""
    if got != needed:
        raise LayerProblem(f"[convolutional] filters={got} feeds {who}: it needs filters={needed}", "filters",
                           source=layer.net.index - 1)


def read_anchors(numbers: Sequence[float], num: int) -> np.ndarray:
    """The cfg's anchors as float32 (num, 2)."""
    if len(numbers) != 2 * num:
        raise LayerProblem(f"{len(numbers)} numbers for num={num} anchors: give {2 * num}, a width and a height for "
                           "each", "anchors")
    for number in numbers:
        if not 0 < number < math.inf:
            raise LayerProblem(f"an anchor of size {number:g}: widths and heights must be positive", "anchors")
    return np.array(numbers, np.float32).reshape(num, 2)


def read_named(read: Callable[..., T], key: str, name: str, folder: str, **options: Any) -> T:
    """What `read` makes of the file that option `key` names; a LayerProblem at that option where it cannot."""
    try:
        return read(find_file(name, folder), **options)
    except (LayerProblem, DataError) as e:
        raise LayerProblem(f"{key}={name}: {e}", key) from None


def read_labels(name: str, folder: str, classes: int) -> np.ndarray:
    """int32 (n,): the class a head learns for each class of the truth: what the cfg's map= says, else the same."""
    from darkpy.vision.names import read_map

    if not name:
        return np.arange(classes, dtype=np.int32)
    return read_named(read_map, "map", name, folder, limit=classes)


def rows_of_truth(ops: Any, kind: str, truth: Array, columns: int) -> Array:
    """Truth (N, numbers) as (N, rows, columns)."""
    numbers = truth.shape[1]
    if numbers % columns:
        raise UsageError(f"truth of {numbers} numbers for an image: [{kind}] takes rows of {columns}")
    return ops.reshape(truth, shape=(numbers // columns, columns))


def box_loss(ops: Any, dx: Array, figures: Array, names: Sequence[str], predictions: int) -> Loss:
    """A Loss with the means that Darknet prints: over the objects and, for `no_obj`, over all predictions.

    `figures` (N, len(names)) are sums for each image.  Means over no object at all are NaN.
    """
    total = dict(zip(names, ops.download(figures).sum(0).tolist(), strict=True))
    count = total.pop("count")
    report = {"count": count, "no_obj": total.pop("no_obj") / max(predictions, 1)}
    cost = total.pop("cost")
    classified = total.pop("classified", count)
    for name, value in total.items():
        by = classified if name == "class" else count
        report[name] = value / by if by else math.nan
    return Loss(cost, dx, report=report)

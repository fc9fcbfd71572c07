"""Compiling beforehand: all kernels of a plan, and what a few networks need besides; they stay in the cache."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from darkpy import jit, pictures
from darkpy.detector import select
from darkpy.layers.detections import Detections
from darkpy.network import load
from darkpy.plan.variants import variants

NET = "[net]\nwidth=32\nheight=32\nchannels=3\n"
CONV = "[convolutional]\nfilters={}\nsize=1\nactivation=linear\n"
YOLO = NET + CONV.format(9) + "[yolo]\nmask=0\nanchors=4,8\nnum=1\nclasses=4\n"
REGION = NET + CONV.format(9) + "[region]\nanchors=1,1\nnum=1\nclasses=4\n"
# what runs outside of a plan's own kernels: heads, and layers on rows of numbers
NETS = {
    "YOLO v3": YOLO + "[upsample]\nstride=2\n",
    "YOLO v2": REGION + "softmax=1\n",
    "YOLO9000": REGION + "softmax=1\ntree=four.tree\n",
    "YOLO v1": NET + "[connected]\noutput=40\nactivation=leaky\n[detection]\nclasses=5\ncoords=4\nside=2\nnum=1\n",
    "classifiers": NET + "[maxpool]\nsize=3\nstride=2\n[convolutional]\nfilters=8\nbatch_normalize=1\n"
                         "activation=logistic\n[avgpool]\n[connected]\noutput=9\nactivation=relu\n[connected]\noutput=9\n"
                         "activation=logistic\n[connected]\noutput=4\nactivation=linear\n[softmax]\n",
    "recurrent networks": "[net]\ninputs=8\n[gru]\noutput=8\n",
}
TREE = "animal -1\nplant -1\ndog 0\ncat 0\n"


@dataclass(frozen=True)
class Warm:
    """A group of kernels, or a network that was run: kernels compiled for it, and the time it took."""

    name: str
    kernels: int
    seconds: float


def warm_up(cfgs: Sequence[str], lax: bool = False) -> tuple[int, Iterator[Warm]]:
    """How many steps there are, and an iterator that does them: one for each cfg, or all that is known without any.

    The iterator raises CfgError.
    """
    if cfgs:
        return len(cfgs), (measured(path, partial(run_once, path, lax)) for path in cfgs)
    groups = [(name, list(calls)) for name, calls in itertools.groupby(variants(), lambda variant: variant[0])]
    return len(groups) + len(NETS), everything(groups)


def everything(groups: list[tuple[str, list[tuple[str, Callable[..., Any], tuple[Any, ...]]]]]) -> Iterator[Warm]:
    for name, calls in groups:
        yield measured(name, lambda calls=calls: [function(*args) for _, function, args in calls])  # type: ignore[misc]
    with tempfile.TemporaryDirectory(prefix="darkpy-") as folder:
        Path(folder, "four.tree").write_text(TREE)
        for name, text in NETS.items():
            cfg = Path(folder, "net.cfg")
            cfg.write_text(text)
            yield measured(name, partial(run_once, str(cfg)))


def measured(name: str, work: Callable[[], object]) -> Warm:
    start, count = time.perf_counter(), jit.watch.count
    work()
    return Warm(name, jit.watch.count - count, time.perf_counter() - start)


def run_once(path: str, lax: bool = False) -> None:
    """All that detection or classification of one image calls, on an empty one."""
    network = load(path, batch=1, lax=lax)
    shape: Any = network.input_shape
    x = np.zeros((network.config.time_steps, *shape), np.float32)
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        picture = np.zeros((9, 8, shape[0]), np.uint8)
        pictures.load(picture, shape, fit=False)
        x = pictures.load(picture, shape).x[None]
    outputs = network.plan()(x)
    heads: list[Any] = [layer for layer in network.layers if hasattr(layer, "decode")]
    for head, y in zip(heads, outputs, strict=False):
        head.decode(y[0], 0.5, 0.5)
    if heads:
        boxes = np.full((2, 4), 0.5, np.float32)
        found = Detections(boxes, np.ones(2, np.float32), np.ones((2, heads[0].config.classes), np.float32))
        select(found, (8, 9), shape[1:], 0.5, 0.45, True)

"""Compiling beforehand: networks are run once on an empty picture, and their kernels stay in the cache.

Which kernels a network needs depends on its kinds of layers and, for convolutions, on the widths of its maps and the
numbers of their channels.  The networks below have what the usual ones have, but few filters where they do not matter.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from darkpy import jit, pictures
from darkpy.detector import select
from darkpy.layers.detections import Detections
from darkpy.network import Network, load


def conv(filters: int, size: int = 3, stride: int = 1, more: str = "batch_normalize=1\nactivation=leaky\n") -> str:
    return f"[convolutional]\nfilters={filters}\nsize={size}\nstride={stride}\npad=1\n{more}"


def net(side: int, *layers: str) -> str:
    return f"[net]\nwidth={side}\nheight={side}\nchannels=3\n" + "".join(layers)


def pyramid(side: int, widths: Sequence[int]) -> str:
    """From the full size down to a 32nd of it: what detectors and classifiers do at each."""
    text = conv(16) + conv(32, 3, 2)
    for filters in widths:
        text += conv(filters) + conv(filters // 2, 1) + conv(filters, 3, 1) + "[shortcut]\nfrom=-3\n"
        text += conv(filters, 3, 1, f"groups={filters}\nactivation=relu\n") + conv(24, 1, 1, "activation=linear\n")
        text += conv(24, 3, 2, "groups=24\nactivation=leaky\n") + conv(filters, 3, 1)
    return net(side, text)


POOL = "[maxpool]\nsize=2\nstride=2\n"
HEAD = conv(18, 1, 1, "activation=linear\n")
YOLO = "[yolo]\nmask=0,1\nanchors=4,8, 16,8\nnum=2\nclasses=4\n"
NETS = {
    "convolutions at 416": pyramid(416, (32, 64, 128, 256)),
    "convolutions at 608": pyramid(608, (32, 64, 128, 256)),
    "convolutions at 224": pyramid(224, (64, 128, 256, 512)),
    "YOLO v3": net(416, conv(16), POOL, conv(32), POOL, conv(64), POOL, conv(128), POOL, conv(256), POOL, conv(512),
                   "[maxpool]\nsize=2\nstride=1\n", conv(512), conv(128, 1), HEAD, YOLO,
                   "[route]\nlayers=-3\n", conv(64, 1), "[upsample]\nstride=2\n", "[route]\nlayers=-1,8\n", conv(128),
                   HEAD, YOLO),
    "YOLO v2": net(416, conv(16), POOL, conv(32), POOL, conv(64), POOL, conv(64), POOL, conv(64), conv(128, 3, 2),
                   "[route]\nlayers=-2\n", "[reorg]\nstride=2\n", "[route]\nlayers=-1,-3\n", HEAD,
                   "[region]\nanchors=1,1, 2,2\nnum=2\nclasses=4\nsoftmax=1\n"),
    "YOLO v1": net(224, conv(16, 7, 2), POOL, conv(32), POOL, "[connected]\noutput=735\nactivation=linear\n",
                   "[detection]\nclasses=5\ncoords=4\nside=7\nnum=2\nsqrt=1\n"),
    "classifiers": net(224, conv(64, 7, 2), POOL, conv(64, 3, 1, "activation=mish\n"), "[avgpool]\n",
                       "[connected]\noutput=10\nactivation=linear\n", "[softmax]\n"),
}


@dataclass(frozen=True)
class Warm:
    """A network that was run: its name, kernels compiled for it, and the time it took."""

    name: str
    kernels: int
    seconds: float


def warm_up(cfgs: Sequence[str], lax: bool = False) -> Iterator[Warm]:
    """Run each network once; without any, those of NETS.  Raises CfgError."""
    if cfgs:
        for path in cfgs:
            yield timed(path, path, lax)
        return
    with tempfile.TemporaryDirectory(prefix="darkpy-") as folder:
        for name, text in NETS.items():
            cfg = Path(folder, "net.cfg")
            cfg.write_text(text)
            yield timed(name, str(cfg), lax)


def timed(name: str, path: str, lax: bool) -> Warm:
    start, count = time.perf_counter(), jit.watch.count
    run_once(load(path, batch=1, lax=lax))
    return Warm(name, jit.watch.count - count, time.perf_counter() - start)


def run_once(network: Network) -> None:
    """All that detection or classification of one image calls."""
    shape: Any = network.input_shape
    x = np.zeros((1, *shape), np.float32)
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

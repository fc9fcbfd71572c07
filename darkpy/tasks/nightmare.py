"""A picture in which a layer's features grow: its pixels climb the gradient of what the layer already sees most of.

As in the original's `nightmare` (see also Mordvintsev et al., 2015, "Inceptionism"): at each step the picture is
shifted, mirrored and resized by chance, so that features of all sizes and places come out.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from darkpy import cfg
from darkpy import weights as weights_file
from darkpy.build import build
from darkpy.errors import UsageError
from darkpy.network import Network
from darkpy.tasks.weight_tools import fold
from darkpy.vision import image, warp

SHIFT = 8  # pixels, to each side
OCTAVE = 4 / 3  # between two sizes
GREY = 0.1  # of the way towards grey at each step


@dataclass(frozen=True)
class Dream:
    """How it goes on: `steps` steps in each round, each at one of `octaves` sizes and one of `range` layers."""

    layer: int
    range: int = 1
    steps: int = 10
    octaves: int = 4
    rate: float = 0.04
    thresh: float = 1.0  # standard deviations above the mean: what is below does not grow
    normalize: bool = True
    zoom: float = 1.0  # of the picture behind each round
    rotate: float = 0.0  # radians


class Dreamer:
    """A net and its layers from the first to any one.  Raises CfgError, WeightsError, UsageError."""

    def __init__(self, path: str, weights: str, dream: Dream, seed: int = 0, lax: bool = False):
        self.dream, self.random = dream, np.random.default_rng(seed)
        sections = cfg.parse(cfg.read_text(path), path)
        graph = build(sections, batch=1, lax=lax)
        layers = range(dream.layer - dream.range // 2, dream.layer - dream.range // 2 + dream.range)
        if not 0 <= layers[0] <= layers[-1] < len(graph.layers):
            raise UsageError(f"layers {layers[0]} to {layers[-1]} are asked for: the net has 0 to "
                             f"{len(graph.layers) - 1}")
        weights_file.check(weights, graph.layers)
        whole = Network(graph, blank=True)
        whole.load_weights(weights)
        fold(whole)  # batch normalisation as in use, not as in training
        self.nets = {k: self.cut(whole, sections, k) for k in layers}

    def cut(self, whole: Network, sections: list[cfg.Section], layer: int) -> Network:
        """The net up to a layer, and a [cost] behind it."""
        kept = copy.deepcopy(sections[: layer + 2])
        for section in kept:
            section.options.pop("batch_normalize", None)
            if section.kind == "dropout":
                section.options["probability"] = cfg.Option("probability", "0", section.line)
        net = Network(build([*kept, cfg.Section("cost", kept[-1].line, kept[-1].path)], batch=1, lax=True), blank=True)
        for old, new in zip(whole.layers, net.layers[: layer + 1], strict=False):
            new.params = {name: old.params[name] for name in new.declared}
        return net

    def gradient(self, net: Network, x: np.ndarray) -> np.ndarray:
        """Where the picture (C, h, w) has to go for the features above `thresh` to grow in proportion to themselves."""
        net.resize((x.shape[1], x.shape[2]))
        y = net.forward(x[None])
        strong = np.where(y > y.mean() + self.dream.thresh * y.std(), y, 0)
        net.loss(x[None], y + strong)  # the gradient of the squared error, by Darknet's convention, is y - truth
        net.backward(input_gradient=True)
        for layer in net.layers:
            layer.grads.clear()
        return -np.asarray(net.tape.grads[-1][0])

    def step(self, picture: np.ndarray) -> np.ndarray:
        """The picture (C, H, W) after one step."""
        d, random = self.dream, self.random
        net = self.nets[int(random.choice(list(self.nets)))]
        scale = OCTAVE ** -int(random.integers(0, d.octaves))
        dx, dy = (int(v) for v in random.integers(-SHIFT, SHIFT, 2))
        mirror = random.random() < 0.5
        _, h, w = picture.shape
        seen = image.resize(image.crop(picture, dx, dy, w, h), max(1, int(w * scale)), max(1, int(h * scale)))
        up = self.gradient(net, image.flip(seen) if mirror else seen)
        up = image.resize(image.flip(up) if mirror else up, w, h)
        up = image.crop(up, -dx, -dy, w, h) + np.float32(GREY) * (np.float32(0.5) - picture)
        if d.normalize:
            up = (up - up.mean()) / max(float(up.std()), 1e-12)
        return np.clip(picture + np.float32(d.rate) * up, 0, 1).astype(np.float32)

    def turn(self, picture: np.ndarray) -> np.ndarray:
        """The picture turned and magnified, as between two rounds."""
        d = self.dream
        _, h, w = picture.shape
        if d.rotate:
            picture = warp.rotate(picture, d.rotate)
        if d.zoom == 1:
            return picture
        inner = image.crop(picture, int(w * (1 - d.zoom) / 2), int(h * (1 - d.zoom) / 2), max(1, int(w * d.zoom)),
                           max(1, int(h * d.zoom)))
        return image.resize(inner, w, h)

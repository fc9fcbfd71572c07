"""Darknet's tools for weights files: cut, average, fold batch normalisation, swap channels, start a detector.

Each reads a network, changes its parameters and writes another file.  `Tool` holds what they have in common.
Statistics and listing only look.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from darkpy import cfg as cfg_file
from darkpy import weights as weights_file
from darkpy.atomic import replacing
from darkpy.build import build
from darkpy.errors import ModelError, UsageError
from darkpy.layers import Layer
from darkpy.layers.base import EPSILON
from darkpy.network import Network
from darkpy.tasks.cfg_edit import set_option

log = logging.getLogger("darkpy")
# Normalisation that changes nothing: the root of it plus epsilon is 1.
IDENTITY = {"scales": 1.0, "rolling_mean": 0.0, "rolling_variance": 1 - EPSILON}


@dataclass
class Tool:
    """The files of one run.  `overwrite` allows the output to take the place of an input file of weights."""

    cfg: str
    weights: str
    out: str
    allow_partial: bool = False
    overwrite: bool = False
    cfg_out: str | None = None
    more_weights: Sequence[str] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        outputs = [self.out] + ([self.cfg_out] if self.cfg_out else [])
        for output in outputs:
            if same_file(output, self.cfg):
                raise UsageError(f"{output}: would replace the cfg it is made from: give another output")
            for path in (self.weights, *self.more_weights):
                if same_file(output, path) and (not self.overwrite or output == self.cfg_out):
                    raise UsageError(f"{output}: is also read: give another output file, or --overwrite to replace it")
        if self.cfg_out and same_file(self.out, self.cfg_out):
            raise UsageError(f"{self.out}: weights and cfg cannot go to one file: give another --cfg-out")

    def load(self) -> Network:
        return load(self.cfg, self.weights, self.allow_partial)

    def save(self, net: Network, seen: int | None = None) -> None:
        net.save(self.out, seen)

    def save_other(self, net: Network, text: str) -> Network:
        """Write the net's parameters as those of another cfg with the same layers, and that cfg where asked for.

        Returns the other net, which shares the arrays; normalisation the first one lacks does nothing.
        """
        other = Network(build(cfg_file.parse(text, self.cfg)), blank=True)
        for old, new in zip(net.layers, other.layers, strict=True):
            for name in new.declared:
                if name in old.declared:
                    new.params[name] = old.params[name]
                else:
                    new.params[name][...] = IDENTITY[name.rpartition(".")[2]]
        other.save(self.out, net.seen)
        if self.cfg_out:
            with replacing(self.cfg_out) as file:
                file.write(text.encode())
        return other


def same_file(a: str, b: str) -> bool:
    try:
        return os.path.samefile(a, b)
    except (OSError, ValueError):  # one of them does not exist
        return os.path.abspath(a) == os.path.abspath(b)


def load(cfg: str | Path, weights: str | Path, allow_partial: bool = False) -> Network:
    """A network with its weights; says so where they are not complete."""
    from darkpy.network import load as load_network

    if not allow_partial:
        net = load_network(cfg, weights, batch=1)
        net.need_real_weights()
        return net
    net = load_network(cfg, batch=1)
    note = net.load_weights(weights, partial=True).note
    if note:
        log.warning("%s: %s", weights, note)
    return net


# -- the tools -----------------------------------------------------------------------------------------------------


def partial(tool: Tool, layers: int) -> None:
    """The first so many layers, as a start for training another net; images seen count from 0 again."""
    net = tool.load()
    if not 0 <= layers <= len(net.layers):
        raise UsageError(f"{layers} layers of {tool.cfg}: it has {len(net.layers)}")
    weights_file.write(tool.out, net.layers, 0, cutoff=layers)


def average(tool: Tool) -> None:
    """The mean of every parameter over all files; images seen as in the first."""
    total = tool.load()
    for path in tool.more_weights:
        net = load(tool.cfg, path, tool.allow_partial)
        for (_, _, sum_), (_, _, array) in zip(stored(total), stored(net), strict=True):
            sum_ += array
    for _, _, array in stored(total):
        array /= np.float32(1 + len(tool.more_weights))
    tool.save(total)


def denormalize(tool: Tool) -> Network:
    """Fold batch normalisation into weights and biases; the file belongs to the cfg without batch_normalize=1."""
    net = tool.load()
    fold(net)
    return tool.save_other(net, edited(net, tool.cfg, None))


def normalize(tool: Tool) -> Network:
    """Give every layer that can have it batch normalisation that does nothing yet.

    The file belongs to the cfg with batch_normalize=1 in all of them.
    """
    net = tool.load()
    return tool.save_other(net, edited(net, tool.cfg, "1"))


def reset(tool: Tool) -> None:
    """Fold batch normalisation in, but keep it in the net, where it does nothing any more."""
    net = tool.load()
    fold(net)
    for layer in net.layers:
        for prefix in folded(layer):
            for name, value in IDENTITY.items():
                layer.params[prefix + name][...] = value
    tool.save(net)


def rescale(tool: Tool) -> None:
    """Let a net that was trained on pixels from -1 to 1 take them from 0 to 1.

    As w * (2x - 1) + b = 2w * x + (b - sum w): exact except where zero padding reaches into the window.
    """
    net = tool.load()
    index, layer = first_convolution(net, tool.cfg)
    if layer.config.binary or layer.config.xnor:
        raise ModelError(f"{tool.cfg}: layer {index} [convolutional] has binary weights: they cannot be rescaled")
    p = layer.params
    sums = p["weights"].reshape(len(p["weights"]), -1).sum(axis=1, dtype=np.float64)
    p["weights"] *= np.float32(2)
    if "rolling_mean" in p:  # the bias comes behind normalisation: the mean is what the sums belong to
        p["rolling_mean"] += sums.astype(np.float32)
    else:
        p["biases"] -= sums.astype(np.float32)
    tool.save(net)


def rgbgr(tool: Tool) -> None:
    """Let a net that was trained on BGR images take RGB ones, or the other way round."""
    net = tool.load()
    index, layer = first_convolution(net, tool.cfg)
    if layer.in_shapes[0][0] != 3 or layer.config.groups != 1:
        raise ModelError(f"{tool.cfg}: layer {index} [convolutional] reads {layer.in_shapes[0][0]} channels in "
                         f"{layer.config.groups} groups: red and blue can be swapped in 3 channels of one group only")
    w = layer.params["weights"]
    w[...] = w[:, ::-1].copy()
    tool.save(net)


def oneoff(tool: Tool) -> None:
    """A detector from a classifier of the same classes: its last convolution becomes the class part of every anchor.

    The cfg is the detector's; the file ends with a convolution of as many filters as the head has classes.  Rows for
    box and objectness start at a tenth of a fresh layer's weights.
    """
    net = Network(build(cfg_file.read(tool.cfg), batch=1))
    pair: list[Any] = net.layers[-2:]
    conv, head = pair[0], pair[-1]
    if head.kind not in ("region", "yolo") or conv.kind != "convolutional" or \
            conv.config.batch_normalize:
        raise ModelError(f"{tool.cfg}: does not end with a [convolutional] without batch_normalize and a [region] or "
                         "[yolo]: give the cfg of a detector with one head")
    classes, filters = head.config.classes, conv.config.filters
    anchors = head_anchors(head)
    fresh = {name: array.copy() for name, array in conv.params.items()}
    conv.config.numload = classes
    net.load_weights(tool.weights, partial=tool.allow_partial)
    for name, array in conv.params.items():
        rows = array[:classes].copy()
        array[...] = fresh[name] * np.float32(0.1 if name == "weights" else 0)
        by_anchor = array.reshape(anchors, filters // anchors, -1)
        by_anchor[:, -classes:] = rows.reshape(classes, -1)
    tool.save(net, seen=0)


def oneoff2(tool: Tool, start: int) -> None:
    """A net that holds another one twice: from its first layer, and again from layer `start`, both from one file."""
    net = Network(build(cfg_file.read(tool.cfg), batch=1))
    if not 0 <= start < len(net.layers):
        raise UsageError(f"layer {start} of {tool.cfg}: it has layers 0 to {len(net.layers) - 1}")
    loaded = net.load_weights(tool.weights, partial=True)
    extent = loaded.extent
    if not (extent.on_boundary or tool.allow_partial):
        raise ModelError(f"{tool.weights}: {loaded.note}: the file of another cfg? (--allow-partial: never mind)")
    count = extent.stop.index if extent.stop else len(net.layers)
    for i, (one, other) in enumerate(zip(net.layers[:count], net.layers[start:], strict=False)):
        if shapes(one) != shapes(other):
            raise ModelError(f"{tool.cfg}: layer {start + i} [{other.kind}] has other parameters than layer {i} "
                             f"[{one.kind}], which it would repeat: give the layer the second part starts at")
    weights_file.read(tool.weights, net.layers, partial=True, start=start)
    tool.save(net, seen=0)


@dataclass(frozen=True)
class Statistics:
    """Of one parameter of one layer."""

    layer: int
    kind: str
    name: str
    count: int
    mean: float
    std: float
    min: float
    max: float


def statistics(cfg: str, weights: str, allow_partial: bool = False) -> Iterator[Statistics]:
    """Of every parameter a weights file holds, in its order."""
    net = load(cfg, weights, allow_partial)
    for index, name, array in stored(net):
        yield Statistics(index, net.layers[index].kind, name, array.size, float(array.mean(dtype=np.float64)),
                         float(array.std(dtype=np.float64)), float(array.min()), float(array.max()))


def filters(cfg: str, weights: str, layer: int, allow_partial: bool = False) -> Iterator[np.ndarray]:
    """The weights of one layer, one row of numbers for each filter or output."""
    net = load(cfg, weights, allow_partial)
    having = [i for i, one in enumerate(net.layers) if any(name.endswith("weights") for name in one.declared)]
    if layer not in having:
        raise UsageError(f"layer {layer} of {cfg} has no weights: those that have: {', '.join(map(str, having))}")
    for name, array in net.params(layer).items():
        if name.endswith("weights"):
            by_filter = array.swapaxes(0, 1) if net.layers[layer].kind == "deconvolutional" else array
            yield from by_filter.reshape(len(by_filter), -1)


# -- parts ---------------------------------------------------------------------------------------------------------


def stored(net: Network) -> Iterator[tuple[int, str, np.ndarray]]:
    """(layer, name, array) of every parameter a file holds."""
    for index, layer in enumerate(net.layers):
        for name, param in layer.declared.items():
            if param.stored:
                yield index, name, layer.params[name]


def shapes(layer: Layer) -> dict[str, tuple[int, ...]]:
    return {name: tuple(param.shape) for name, param in layer.declared.items()}


def folded(layer: Layer) -> list[str]:
    """Prefixes ("", "input_layer.") of what has weights with batch normalisation behind them."""
    prefixes = (name.removesuffix("weights") for name in layer.declared if name.endswith("weights"))
    return [prefix for prefix in prefixes if f"{prefix}scales" in layer.declared]


def fold(net: Network) -> None:
    """scales * (w x - mean) / root + biases = (w * scale) x + (biases - mean * scale), for every normalised layer."""
    for layer in net.layers:
        for prefix in folded(layer):
            w, b, scales, mean, variance = (layer.params[prefix + name] for name in
                                            ("weights", "biases", "scales", "rolling_mean", "rolling_variance"))
            scale = scales.astype(np.float64) / np.sqrt(variance.astype(np.float64) + EPSILON)
            across: Any = [1] * w.ndim
            across[int(layer.kind == "deconvolutional")] = -1
            w *= scale.reshape(across).astype(np.float32)
            b[...] = b - mean * scale


def edited(net: Network, cfg: str, value: str | None) -> str:
    """Text of the cfg with batch_normalize set to `value`, or left out, in every layer that can have it."""
    text = cfg_file.read_text(cfg)
    chosen = [section for section, layer in zip(net.graph.sections[1:], net.layers, strict=True)
              if hasattr(layer.config, "batch_normalize") and layer.config.batch_normalize == (value is None)]
    return set_option(text, chosen, "batch_normalize", value)


def first_convolution(net: Network, cfg: str) -> tuple[int, Any]:
    for index, layer in enumerate(net.layers):
        if layer.kind == "convolutional":
            return index, layer
    raise ModelError(f"{cfg}: has no [convolutional] layer: nothing to change")


def head_anchors(head: Any) -> int:
    """Boxes a head predicts at each place."""
    return len(head.config.mask) if head.kind == "yolo" and head.config.mask else int(head.config.num)

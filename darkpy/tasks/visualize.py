"""Filters of a convolutional layer as one picture: what the first layer of a trained network looks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from darkpy.errors import UsageError
from darkpy.layers import Layer
from darkpy.network import load
from darkpy.vision.decode import write_image
from darkpy.vision.sheet import sheet

PAGE = 1200  # pixels: about the longer side of the grid of filters
TILE = 160  # pixels: the longest side of a tile
MOST = 1024  # filters, or planes of filters, in one picture


def visualize(cfg: str | Path, weights: str | Path | None, out: str | Path, layer: int | None = None) -> int:
    """Draw the filters of layer `layer` (by default the first convolution) to `out` (.png, .jpg); its number.

    Without weights the starting values are shown.  Raises CfgError, WeightsError, UsageError, DataError.
    """
    net = load(cfg, weights)
    net.need_real_weights()
    found = [i for i, one in enumerate(net.layers) if "weights" in one.params and one.params["weights"].ndim == 4]
    if not found:
        raise UsageError(f"{cfg}: has no convolutional layer")
    index = found[0] if layer is None else layer
    if index not in found:
        last = len(net.layers) - 1
        what = f"is [{net.layers[index].kind}]" if 0 <= index <= last else f"does not exist: they are 0 to {last}"
        raise UsageError(f"layer {index} {what}: convolutional are {', '.join(map(str, found[:8]))}"
                         f"{' ...' if len(found) > 8 else ''}")
    write_image(out, picture(net.layers[index], index, str(cfg)))
    return index


def picture(layer: Layer, index: int, cfg: str) -> np.ndarray:
    """uint8 (H, W, 3).  Filters over three channels are shown in colour, others plane by plane in grey.

    Zero is middle grey; each filter is scaled by its own largest weight, so that all show their structure.
    """
    w = np.nan_to_num(np.asarray(layer.params["weights"], np.float32))
    n, c, k, _ = w.shape
    levels = w / (2 * np.abs(w).max((1, 2, 3), keepdims=True).clip(1e-12)) + 0.5
    levels = (levels.clip(0, 1) * 255).round().astype(np.uint8)
    if c == 3:
        tiles = [f.transpose(1, 2, 0) for f in levels[:MOST]]
        labels = [str(i) for i in range(len(tiles))]
        columns = grid(len(tiles))
        note = "colour: one tile for each filter"
    else:
        planes, filters = min(c, 32), min(n, max(1, MOST // min(c, 32)), 32)
        tiles = [np.repeat(levels[i, j][:, :, None], 3, 2) for i in range(filters) for j in range(planes)]
        labels = [""] * len(tiles)
        note = (f"rows: filters 0 to {filters - 1} of {n}; columns: input channels 0 to {planes - 1} of {c}"
                if c > 1 else f"filters 0 to {filters - 1} of {n}")
        columns = planes if c > 1 else grid(len(tiles))
    rows = -(-len(tiles) // columns)
    zoom = max(1, min(PAGE // (max(columns, rows) * k), TILE // k))
    tiles = [t.repeat(zoom, 0).repeat(zoom, 1) for t in tiles]
    title = f"{Path(cfg).name}, layer {index} [{layer.kind}]: {n} filters of {k}x{k}x{c}"
    return sheet(tiles, labels, columns, title, f"{note}; grey is 0, each filter scaled by its largest weight")


def grid(count: int) -> int:
    """Columns for a grid somewhat wider than high, without a rest in the last row where that can be had."""
    best = max(1, round((count * 1.6) ** 0.5))
    near = [c for c in range(best * 2 // 3, best * 3 // 2 + 1) if c and count % c == 0]
    return min(near, key=lambda c: abs(c - best), default=best)

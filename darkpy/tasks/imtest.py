"""What the image operations of training and detection make of a picture, on one contact sheet."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from darkpy.vision import colour, image, warp
from darkpy.vision.decode import read_image, to_float, to_uint8, write_image
from darkpy.vision.sheet import sheet

SIDE = 260  # pixels of a tile
COLUMNS = 5


def imtest(path: str | Path, out: str | Path) -> list[str]:
    """Draw the sheet for the image at `path` to `out` (.png, .jpg); the names of what it shows.  Raises DataError."""
    shown = variants(to_float(read_image(path)))
    tiles = [to_uint8(picture) for _, picture in shown]
    write_image(out, sheet(tiles, [name for name, _ in shown], COLUMNS, Path(path).name))
    return [name for name, _ in shown]


def variants(original: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """(name, image (3, h, w)) of each operation; everything is first made small enough for a tile."""
    x = image.resize_max(original, SIDE)
    h, w = x.shape[1:]
    quarter = math.pi / 12
    return [
        ("as it is", x),
        ("resize: stretched", image.resize(x, SIDE, SIDE)),
        ("letterbox: fitted", image.letterbox(x, SIDE, SIDE)),
        ("center_crop", image.center_crop(x, SIDE, SIDE)),
        ("crop .6, off centre", image.resize_max(
            image.crop(x, w // 8, h // 4, max(1, w * 3 // 5), max(1, h * 3 // 5)), SIDE)),
        ("flip", image.flip(x)),
        ("rotate 15 degrees", warp.rotate(x, quarter)),
        ("rotate_crop, aspect 1.3", warp.rotate_crop(x, quarter, 1.0, SIDE, SIDE, 20.0, 0.0, 1.3)),
        ("place, jitter .2", warp.place(x, SIDE * 4 // 5, SIDE * 3 // 5, 30, 60, np.full((3, SIDE, SIDE), 0.5))),
        ("crop beyond the edge", image.crop(x, -w // 6, -h // 6, w * 4 // 3, h * 4 // 3)[:, :SIDE, :SIDE]),
        ("saturation x 1.5", colour.saturate(x, 1.5)),
        ("saturation / 1.5", colour.saturate(x, 1 / 1.5)),
        ("exposure x 1.5", colour.exposure(x, 1.5)),
        ("exposure / 1.5", colour.exposure(x, 1 / 1.5)),
        ("hue + .1", colour.hue(x, 0.1)),
        ("hue - .1", colour.hue(x, -0.1)),
        ("all three", colour.distort(x, 0.05, 1.5, 1.5)),
        ("grayscale", colour.grayscale(x, 3)),
        ("normalize each channel", colour.normalize2(x)),
        ("rgbgr: red for blue", colour.rgbgr(x)),
    ]

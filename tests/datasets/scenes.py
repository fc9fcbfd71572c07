"""Small data sets on disk for the tests of this folder."""

from pathlib import Path

import numpy as np
from PIL import Image

LABELS = ("1 .4 .6 .3 .5\n", "0 .5 .5 .2 .2\n2 .25 .75 .1 .3\n", "", "2 .1 .1 .15 .15\n")


def picture(k: int = 0, width: int = 60, height: int = 40) -> np.ndarray:
    """A slope of red to the right and of green downwards."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 0] = np.arange(width) * 4 % 256
    rgb[..., 1] = np.arange(height)[:, None] * 6 % 256
    rgb[..., 2] = 128 - 9 * k
    return rgb


def save(path: Path, rgb: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)
    return path


def detection(folder: Path, count: int = 4) -> Path:
    """`count` images with labels, a list, names and a .data file; gives the .data file."""
    for k in range(count):
        save(folder / "images" / f"{k}.png", picture(k))
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / f"{k}.txt").write_text(LABELS[k % len(LABELS)])
    (folder / "train.txt").write_text("".join(f"images/{k}.png\n" for k in range(count)))
    (folder / "d.names").write_text("ant\nbee\ncow\n")
    (folder / "d.data").write_text("classes=3\ntrain=train.txt\nvalid=train.txt\nnames=d.names\n")
    return folder / "d.data"

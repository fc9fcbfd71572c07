"""Tiny networks with known answers, written to files: what the public interface is tested with."""

from pathlib import Path

import numpy as np

import darkpy

# A 1x1 convolution over a 4x4 map of cells of 8 pixels (four maxpools halve nothing more than needed), one anchor,
# two classes.  Weights are zero except the objectness, which follows the red channel: an image that is red in one cell
# has one object there, of the class whose colour channel (green: 0, blue: 1) is brighter.
DETECTOR = """[net]
width=32
height=32
channels=3
[maxpool]
size=8
stride=8
padding=0
[convolutional]
filters=7
size=1
stride=1
activation=linear
[yolo]
mask=0
anchors=16,8
num=1
classes=2
"""

CLASSIFIER = """[net]
width=8
height=8
channels=3
[avgpool]
[connected]
output=3
activation=linear
[softmax]
"""


def detector_files(folder: Path) -> tuple[str, str]:
    """Paths of a cfg and weights: objectness = logistic(40 red - 30), class k = logistic(40 channel - 20)."""
    cfg, weights = folder / "tiny.cfg", folder / "tiny.weights"
    cfg.write_text(DETECTOR)
    net = darkpy.load(str(cfg))
    p = net.params(1)
    p["weights"][...] = 0
    p["weights"][4:7, :, 0, 0] = np.diag([40, 40, 40])
    p["biases"][...] = [0, 0, 0, 0, -30, -20, -20]
    net.save(str(weights))
    return str(cfg), str(weights)


def classifier_files(folder: Path) -> tuple[str, str]:
    """Paths of a cfg and weights that say which of red, green and blue an image is."""
    cfg, weights = folder / "colour.cfg", folder / "colour.weights"
    cfg.write_text(CLASSIFIER)
    (folder / "colour.names").write_text("red\ngreen\nblue\n")
    net = darkpy.load(str(cfg))
    p = net.params(1)
    p["weights"][...] = 4 * np.eye(3)
    p["biases"][...] = 0
    net.save(str(weights))
    return str(cfg), str(weights)


def scene(cell: tuple[int, int] = (1, 2), class_id: int = 0, side: int = 32) -> np.ndarray:
    """A black image with one coloured cell (row, column) of a 4x4 grid: one object of the class."""
    image = np.zeros((side, side, 3), np.uint8)
    s = side // 4
    y, x = cell
    image[y * s : (y + 1) * s, x * s : (x + 1) * s] = (255, 255, 0) if class_id == 0 else (255, 0, 255)
    return image

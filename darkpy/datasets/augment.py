"""Random changes of training images, drawn from the distributions of the original.

    detection       the aspect ratio changes by `jitter`, the image is laid somewhere into the net's input, on grey
    detection (v1)  each edge moves by up to `jitter` of the image, in or out
    classification  a window of the image, turned, stretched and magnified by random amounts
    all             hue, saturation and exposure are changed, every second image is mirrored, unless `flip` is False

Each function draws from the generator it is given and from nothing else, so that the same generator gives the same
bytes.  They take uint8 (H, W, C), fill `out`, contiguous float32 (C, h, w) in [0, 1], and where there are labels
(n, 5) return them as they are seen in `out`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from darkpy.vision import colour, image, warp
from darkpy.vision.decode import to_float
from darkpy.vision.truth import correct_truth

GREY = 0.5  # around an image that does not fill the input


@dataclass(frozen=True)
class Colours:
    """How far colours may move: the hue by this part of the circle, the others by a factor between 1/x and x."""

    hue: float = 0.0
    saturation: float = 1.0
    exposure: float = 1.0

    def distort(self, random: np.random.Generator, out: np.ndarray) -> None:
        """Change the colours of `out` (C, h, w) itself.  Only RGB has any."""
        hue = random.uniform(-self.hue, self.hue) if self.hue else 0.0
        saturation, exposure = factor(random, self.saturation), factor(random, self.exposure)
        if len(out) == 3 and (hue, saturation, exposure) != (0, 1, 1):
            out[...] = colour.distort(out, hue, saturation, exposure)


@dataclass(frozen=True)
class Windows:
    """What [net] says of the training images of classifiers, and of nets that learn from masks."""

    low: float = 1.0  # the least size the image's shorter side is magnified to, in widths of the input
    high: float = 1.0  # and the largest
    angle: float = 0.0  # degrees, to both sides
    aspect: float = 1.0  # largest factor on the aspect ratio, or on its inverse
    center: bool = False  # the middle of the image instead of all this (classifiers only)
    flip: bool = True


@dataclass(frozen=True)
class View:
    """A window of an image as it was drawn: the arguments of `warp.rotate_crop`, and whether it is mirrored."""

    angle: float  # radians
    zoom: float
    dx: float
    dy: float
    aspect: float
    mirror: bool

    @classmethod
    def draw(cls, random: np.random.Generator, size: tuple[int, int], w: int, h: int, windows: Windows) -> View:
        """A window w x h of an image of `size` (width, height)."""
        width, height = size
        aspect = factor(random, windows.aspect)
        low, high = sorted((int(windows.low * w), int(windows.high * w)))
        magnified = int(random.integers(low, high, endpoint=True))
        zoom = max(magnified, 1) / max(1, int(min(height, width * aspect)))
        angle = math.radians(between(random, -windows.angle, windows.angle))
        # the original takes w in both lines, which for its square inputs is the same
        slack_x, slack_y = (width * zoom / aspect - w) / 2, (height * zoom - h) / 2
        dx, dy = between(random, -slack_x, slack_x), between(random, -slack_y, slack_y)
        return cls(angle, zoom, dx, dy, aspect, bool(random.random() < 0.5) and windows.flip)

    def of(self, planes: np.ndarray, w: int, h: int, shrink: int = 1) -> np.ndarray:
        """What is seen of an image (C, H, W) in the window; with `shrink` as a map that is so many times smaller."""
        seen = warp.rotate_crop(planes, self.angle, self.zoom / shrink, w // shrink, h // shrink, self.dx / shrink,
                                self.dy / shrink, self.aspect)
        return image.flip(seen) if self.mirror else seen


def factor(random: np.random.Generator, limit: float) -> float:
    """Uniform in [1, limit], or the inverse of such a number.  (0 stands for 1, as in the original.)"""
    scale = between(random, 1.0, limit or 1.0)
    return scale if random.random() < 0.5 else 1 / scale


def between(random: np.random.Generator, a: float, b: float) -> float:
    """Uniform between two numbers, whichever is the smaller."""
    return random.uniform(min(a, b), max(a, b))


def place(rgb: np.ndarray, labels: np.ndarray, random: np.random.Generator, out: np.ndarray, jitter: float,
          colours: Colours, flip: bool = True) -> np.ndarray:
    """For [yolo] and [region].  The image always touches two opposite edges of `out`."""
    height, width = rgb.shape[:2]
    _, h, w = out.shape
    # a jitter of 1 and more may leave nothing of a side: one pixel at least is kept
    new_w = max(1.0, width + between(random, -jitter * width, jitter * width))
    new_h = max(1.0, height + between(random, -jitter * height, jitter * height))
    aspect = new_w / new_h
    if aspect < 1:
        placed_w, placed_h = h * aspect, float(h)
    else:
        placed_w, placed_h = float(w), w / aspect
    dx, dy = between(random, 0, w - placed_w), between(random, 0, h - placed_h)
    mirror = bool(random.random() < 0.5) and flip
    out[...] = GREY
    warp.place_uint8(rgb, max(1, int(placed_w)), max(1, int(placed_h)), int(dx), int(dy), out, mirror)
    colours.distort(random, out)
    return correct_truth(labels, -dx / w, -dy / h, placed_w / w, placed_h / h, mirror)


def crop(rgb: np.ndarray, labels: np.ndarray, random: np.random.Generator, out: np.ndarray, jitter: float,
         colours: Colours, flip: bool = True) -> np.ndarray:
    """For [detection].  Outside the image its edge pixels are repeated."""
    height, width = rgb.shape[:2]
    dw, dh = int(width * jitter), int(height * jitter)
    left, right = int(between(random, -dw, dw)), int(between(random, -dw, dw))
    top, bottom = int(between(random, -dh, dh)), int(between(random, -dh, dh))
    w, h = max(1, width - left - right), max(1, height - top - bottom)
    columns = np.clip(np.arange(left, left + w), 0, width - 1)
    rows = np.clip(np.arange(top, top + h), 0, height - 1)
    window = rgb.take(rows, axis=0).take(columns, axis=1)
    out[...] = image.resize_uint8(window, out.shape[2], out.shape[1])
    mirror = bool(random.random() < 0.5) and flip
    if mirror:
        out[...] = image.flip(out)
    colours.distort(random, out)
    return correct_truth(labels, left / w, top / h, width / w, height / h, mirror)


def window(rgb: np.ndarray, random: np.random.Generator, out: np.ndarray, windows: Windows, colours: Colours) -> None:
    """For classifiers."""
    _, h, w = out.shape
    if windows.center:
        out[...] = image.center_crop(to_float(rgb), w, h)
        if random.random() < 0.5 and windows.flip:
            out[...] = image.flip(out)
    else:
        out[...] = View.draw(random, (rgb.shape[1], rgb.shape[0]), w, h, windows).of(to_float(rgb), w, h)
    colours.distort(random, out)


def fit(rgb: np.ndarray, labels: np.ndarray, out: np.ndarray) -> np.ndarray:
    """No chance at all: the image letterboxed, as detection sees it."""
    height, width = rgb.shape[:2]
    _, h, w = out.shape
    out[...] = image.letterbox_uint8(rgb, w, h)
    inner_w, inner_h = image.letterbox_size(width, height, w, h)
    dx, dy = (w - inner_w) // 2, (h - inner_h) // 2
    return correct_truth(labels, -dx / w, -dy / h, inner_w / w, inner_h / h, False)

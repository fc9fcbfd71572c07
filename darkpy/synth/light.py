"""Light: what gives drawn things volume, the shadows they cast, the time of day, and what a camera does to it all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from darkpy.synth.pen import Colour
from darkpy.vision import paint

Random = np.random.Generator


@dataclass(frozen=True)
class Light:
    """`colour`: a factor on all colours.  `angle`: where it comes from, in degrees; 90 is above, 180 the left."""

    colour: Colour = (1.0, 1.0, 1.0)
    angle: float = 120.0
    night: bool = False


def outdoors(random: Random) -> Light:
    """Day, evening or night."""
    hour, angle = random.random(), random.uniform(40, 140)
    if hour < 0.62:
        return Light((1.0, 0.99, 0.97), angle)
    if hour < 0.82:
        return Light((1.0, random.uniform(0.74, 0.86), random.uniform(0.6, 0.74)), angle)
    dark = random.uniform(0.3, 0.48)
    return Light((dark * 0.82, dark * 0.9, dark * 1.25), angle, night=True)


def indoors(random: Random) -> Light:
    hour, angle = random.random(), random.uniform(40, 140)
    if hour < 0.7:
        return Light((1.0, random.uniform(0.93, 1), random.uniform(0.86, 1)), angle)
    if hour < 0.85:
        return Light((0.95, 0.78, 0.55), angle)  # a lamp
    dark = random.uniform(0.5, 0.68)
    return Light((dark, dark * 0.95, dark * 1.1), angle, night=True)


def relief(rgba: np.ndarray, light: Light, strength: float) -> None:
    """Make the edge towards the light brighter and the other darker, in the sprite itself."""
    h, w = rgba.shape[:2]
    half = cv2.resize(rgba[:, :, 3], (max(1, w // 2), max(1, h // 2)), interpolation=cv2.INTER_AREA)
    sigma = max(0.6, 0.022 * max(half.shape))
    height = cv2.GaussianBlur(half, (0, 0), sigma)
    across, down = cv2.Sobel(height, -1, 1, 0, scale=sigma / 4), cv2.Sobel(height, -1, 0, 1, scale=sigma / 4)
    a = math.radians(light.angle)
    slope = across * -math.cos(a) + down * math.sin(a)
    paint.emboss(rgba, cv2.resize(slope, (w, h), interpolation=cv2.INTER_LINEAR), np.float32(strength))


def shadow(picture: np.ndarray, alpha: np.ndarray, left: int, top: int, dark: float, soft: float) -> None:
    """Darken `picture` under a shape `alpha` (h, w), its corner at (left, top), blurred by `soft` pixels."""
    margin = math.ceil(2.5 * soft)
    shape = cv2.copyMakeBorder(alpha, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    shape = cv2.GaussianBlur(shape, (0, 0), max(soft, 0.3))
    left, top = left - margin, top - margin
    height, width = picture.shape[:2]
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(height, top + shape.shape[0]), min(width, left + shape.shape[1])
    if y0 < y1 and x0 < x1:
        picture[y0:y1, x0:x1] *= 1 - dark * shape[y0 - top : y1 - top, x0 - left : x1 - left, None]


def beams(random: Random, height: int, width: int) -> np.ndarray:
    """Factors (h, w) of light that falls through a window, or between leaves, or strikes from one side."""
    x, y = np.linspace(-1, 1, width, dtype=np.float32)[None, :], np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    a = random.uniform(0, 2 * math.pi)
    along = np.float32(math.cos(a)) * x + np.float32(math.sin(a)) * y
    kind = random.random()
    if kind < 0.5:
        return 1 + np.float32(random.uniform(0.08, 0.28)) * along
    if kind < 0.75:
        stripes = np.sin(along * np.float32(random.uniform(4, 14)) + np.float32(random.uniform(0, 6)))
        return 1 - np.float32(random.uniform(0.12, 0.3)) / (1 + np.exp(-6 * stripes))
    cells = random.random((int(random.integers(3, 9)), int(random.integers(3, 9))), np.float32)
    spots = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    return 1 - np.float32(random.uniform(0.15, 0.35)) / (1 + np.exp(-10 * (spots - 0.5)))


def camera(random: Random, picture: np.ndarray) -> np.ndarray:
    """Exposure, a vignette, sometimes a little blur, and noise; the result is uint8."""
    height, width = picture.shape[:2]
    if random.random() < 0.3:
        x, y = (
            np.linspace(-1, 1, width, dtype=np.float32)[None, :],
            np.linspace(-1, 1, height, dtype=np.float32)[:, None],
        )
        picture *= (1 - np.float32(random.uniform(0.08, 0.2)) * (x * x + y * y))[:, :, None]
    if random.random() < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.4, 0.9) * min(height, width) / 416)
    gain = random.uniform(0.88, 1.1) * random.uniform(0.95, 1.05, 3)
    strength = random.uniform(0.002, 0.018) if random.random() < 0.6 else 0.0
    noise = np.zeros((height, width), np.float32)
    if strength:
        noise = random.standard_normal((height, width), np.float32) * np.float32(strength)
    out = np.empty(picture.shape, np.uint8)
    paint.expose(picture, gain.astype(np.float32), noise, out)
    return out

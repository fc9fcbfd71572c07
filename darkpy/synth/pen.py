"""A canvas to draw one thing on, paints to draw with, and curves to draw along.

Points are in units of the canvas's side, (0, 0) at the top left and (1, 1) at the bottom right; colours are sRGB in
[0, 1].  The canvas is transparent at first.
"""

from __future__ import annotations

import colorsys
import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from darkpy.vision import paint

Colour = tuple[float, float, float]
Point = tuple[float, float]
Points = np.ndarray  # (n, 2)
SHIFT = 4  # cv2 takes coordinates as integers with so many binary places


@dataclass(frozen=True)
class Paint:
    """A gradient from `near` at `start` to `far` at `end`; `is_round`: in circles around `start`."""

    near: Colour
    far: Colour
    start: Point = (0.0, 0.0)
    end: Point = (0.0, 1.0)
    is_round: bool = False


def flat(colour: Colour) -> Paint:
    return Paint(colour, colour)


def linear(near: Colour, far: Colour, start: Point = (0, 0), end: Point = (0, 1)) -> Paint:
    return Paint(near, far, start, end)


def radial(near: Colour, far: Colour, centre: Point, radius: float) -> Paint:
    return Paint(near, far, centre, (centre[0] + radius, centre[1]), True)


def sheen(colour: Colour, left: float, right: float, amount: float = 0.25) -> Paint:
    """Brighter at the left, darker at the right, as on a round body lit from the left."""
    return linear(lighter(colour, amount), darker(colour, amount), (left, 0), (right, 0))


# -- colours --------------------------------------------------------------------------------------------------------


def hsv(hue: float, saturation: float, value: float) -> Colour:
    return colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))


def mix(a: Colour, b: Colour, t: float) -> Colour:
    return (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2]))


def lighter(colour: Colour, amount: float) -> Colour:
    return mix(colour, (1.0, 1.0, 1.0), amount)


def darker(colour: Colour, amount: float) -> Colour:
    return mix(colour, (0.0, 0.0, 0.02), amount)


def grey(value: float) -> Colour:
    return (value, value, value)


def varied(random: np.random.Generator, colour: Colour, by: float = 0.06) -> Colour:
    """A colour near another."""
    h, s, v = colorsys.rgb_to_hsv(*colour)
    dh, ds, dv = random.uniform(-1, 1, 3).tolist()
    return hsv(h + 0.25 * by * dh, s + 1.5 * by * ds * (s > 0), v + 1.5 * by * dv)


def any_colour(random: np.random.Generator, low: float = 0.45, high: float = 0.9) -> Colour:
    """A colour of any hue, rarely grey."""
    saturation = random.uniform(0.45, 0.9) if random.random() < 0.85 else random.uniform(0.0, 0.15)
    return hsv(random.random(), saturation, random.uniform(low, high))


# -- curves -----------------------------------------------------------------------------------------------------------


def ellipse(x: float, y: float, rx: float, ry: float, begin: float = 0, end: float = 360, n: int = 48) -> Points:
    """Points along an ellipse around (x, y), from one angle to another in degrees; 0 is right, 90 is down."""
    t = np.radians(np.linspace(begin, end, n))
    return np.stack([x + rx * np.cos(t), y + ry * np.sin(t)], 1)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> Points:
    """A rectangle with round corners."""
    r = min(radius, (right - left) / 2, (bottom - top) / 2)
    corners = [
        (right - r, bottom - r, 0),
        (left + r, bottom - r, 90),
        (left + r, top + r, 180),
        (right - r, top + r, 270),
    ]
    return np.concatenate([ellipse(x, y, r, r, a, a + 90, 8) for x, y, a in corners])


def smooth(points: Sequence[Point] | Points, closed: bool = True, n: int = 8) -> Points:
    """A Catmull-Rom curve through points, n steps between neighbours."""
    p = np.asarray(points, float)
    t = np.linspace(0, 1, n, endpoint=False)[:, None]
    if closed:
        a, b, c, d = np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)
    else:
        ends = np.concatenate([p[:1], p, p[-1:]])
        a, b, c, d = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    a, b, c, d = (part[:, None] for part in (a, b, c, d))  # (pieces, 1, 2)
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


def polygon(x: float, y: float, radius: float, corners: int, turn: float = 0) -> Points:
    """A regular polygon; `turn` in degrees, at 0 a corner points to the right."""
    return ellipse(x, y, radius, radius, turn, turn + 360, corners + 1)[:-1]


def blob(
    random: np.random.Generator, x: float, y: float, rx: float, ry: float, rough: float = 0.25, corners: int = 9
) -> Points:
    """A closed curve that is roughly an ellipse."""
    radius = 1 + random.uniform(-rough, rough, corners)
    t = np.linspace(0, 2 * math.pi, corners, endpoint=False) + random.uniform(0, 6)
    return smooth(np.stack([x + rx * radius * np.cos(t), y + ry * radius * np.sin(t)], 1))


def turned(points: Points, angle: float, around: Point) -> Points:
    """Points turned clockwise by an angle in degrees."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    centre = np.asarray(around)
    return (points - centre) @ np.array([[c, s], [-s, c]]) + centre


# -- drawing ----------------------------------------------------------------------------------------------------------


class Canvas:
    """A square sprite of `side` pixels.  `night`: lamps are lit.  `ink`: width of the outlines, 0 for none."""

    def __init__(self, side: int, night: bool = False, ink: float = 0.0):
        self.side, self.night, self.ink = side, night, ink
        self.rgba = np.zeros((side, side, 4), np.float32)
        self.lamps: list[tuple[Points, Colour]] = []  # what shines

    def fill(
        self, points: Points | Iterable[Points], paint: Paint | Colour, opacity: float = 1.0, outline: bool = False
    ) -> None:
        """Fill a closed curve, or several of which one may be a hole in another."""
        curves = [points] if isinstance(points, np.ndarray) else list(points)
        corners = np.concatenate(curves) * self.side
        mask, left, top = self.window(corners, 2 + self.ink * self.side)
        if mask.size:
            fixed = [fix(c * self.side, left, top) for c in curves]
            cv2.fillPoly(mask, fixed, 255, cv2.LINE_AA, SHIFT)
            self.lay(mask, left, top, paint, opacity)
        if outline and self.ink:
            colour = paint if isinstance(paint, tuple) else mix(paint.near, paint.far, 0.5)
            for c in curves:
                self.line(c, darker(colour, 0.62), self.ink, closed=True)

    def line(
        self,
        points: Points | Sequence[Point],
        paint: Paint | Colour,
        width: float,
        closed: bool = False,
        opacity: float = 1.0,
    ) -> None:
        """Draw along a curve with a round pen."""
        corners = np.asarray(points, float) * self.side
        thick = max(1, round(width * self.side))
        mask, left, top = self.window(corners, thick + 2)
        if mask.size:
            cv2.polylines(mask, [fix(corners, left, top)], closed, 255, thick, cv2.LINE_AA, SHIFT)
            self.lay(mask, left, top, paint, opacity)

    def text(
        self,
        text: str,
        x: float,
        y: float,
        height: float,
        paint: Paint | Colour,
        width: float = 1.0,
        style: str = "Sans-Bold",
    ) -> None:
        """Write centred at (x, y), capitals `height` high, made narrower where it would be wider than `width`."""
        size = max(6, round(height * self.side / 0.73))
        font = font_of(size, style)
        left, top, right, bottom = font.getbbox(text, anchor="ls")
        image = Image.new("L", (max(1, round(right - left) + 2), max(1, round(bottom - top) + 2)))
        ImageDraw.Draw(image).text((1 - left, 1 - top), text, fill=255, font=font, anchor="ls")
        mask = np.asarray(image)
        wide = min(mask.shape[1], max(1, int(width * self.side)))
        if wide < mask.shape[1]:
            mask = cv2.resize(mask, (wide, mask.shape[0]), interpolation=cv2.INTER_AREA)
        capital = -font.getbbox("H", anchor="ls")[1]
        x0, y0 = round(x * self.side - wide / 2), round(y * self.side + capital / 2 + top - 1)
        a, b = max(0, -y0), max(0, -x0)
        mask = mask[a : max(a, self.side - y0), b : max(b, self.side - x0)]
        if mask.size:
            self.lay(np.ascontiguousarray(mask), x0 + b, y0 + a, paint, 1.0)

    def lamp(self, points: Points, colour: Colour) -> None:
        """Say that this part shines at night; it must be drawn too."""
        self.lamps.append((points, colour))

    def window(self, corners: Points, margin: float) -> tuple[np.ndarray, int, int]:
        """An empty mask that holds the points (in pixels) with a margin, and its left and top on the canvas."""
        low = np.floor(corners.min(0) - margin)
        high = np.ceil(corners.max(0) + margin)
        left, top = np.clip(low, 0, self.side).astype(int).tolist()
        right, bottom = np.clip(high, 0, self.side).astype(int).tolist()
        return np.zeros((max(0, bottom - top), max(0, right - left)), np.uint8), left, top

    def lay(self, mask: np.ndarray, left: int, top: int, what: Paint | Colour, opacity: float) -> None:
        p = flat(what) if isinstance(what, tuple) else what
        line = np.array((*p.start, *p.end)) * self.side
        paint.blend(
            self.rgba,
            mask,
            left,
            top,
            np.array(p.near, float),
            np.array(p.far, float),
            line,
            p.is_round,
            float(opacity),
        )


def fix(points: Points, left: int, top: int) -> np.ndarray:
    """Points in pixels as cv2's integers, from the corner of a window; the centre of its first pixel is (0, 0)."""
    return np.rint((points - (left + 0.5, top + 0.5)) * (1 << SHIFT)).astype(np.int32).reshape(-1, 1, 2)


@functools.lru_cache(maxsize=512)
def font_of(size: int, style: str = "Sans") -> ImageFont.FreeTypeFont:
    """DejaVu in the styles matplotlib brings: Sans, Sans-Bold, Serif, Serif-Bold, SansMono and so on."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVu{style}.ttf"), size)

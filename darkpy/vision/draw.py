"""Detections drawn on a picture: antialiased boxes and labels whose size follows the picture's.

Shapes are painted by their distance function: the share of a pixel that a shape covers is, to within the eye's reach, a
clamped linear function of the distance from the pixel's centre to the shape's outline.  That gives smooth edges and
rounded corners at any fraction of a pixel, and only the pixels near the outline are touched.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MAX_NAME = 40  # characters of a class name that are shown


class Rect(NamedTuple):
    """A rectangle in pixels; whole numbers lie between pixels, so (0, 0, 1, 1) is the first pixel."""

    left: float
    top: float
    right: float
    bottom: float


class Style(NamedTuple):
    """Sizes in pixels, all derived from the picture's size."""

    line: int
    font: int
    radius: float
    padding: float
    label_height: int


def style_for(width: int, height: int) -> Style:
    """Sizes that look alike on any picture, with lower ends below which nothing could be read."""
    side = math.sqrt(width * height)
    font = max(9, round(side * 0.022))
    return Style(
        line=max(1, round(side / 260)),
        font=font,
        radius=max(1.5, side / 160),
        padding=max(2.0, font * 0.38),
        label_height=round(font * 1.5),
    )


def draw_detections(
    rgb: np.ndarray,
    xyxy: np.ndarray,
    class_id: Sequence[int] | np.ndarray,
    confidence: Sequence[float] | np.ndarray | None,
    names: Sequence[str] | None = None,
) -> np.ndarray:
    """A copy of the picture with a box and a label "name 87%" for every detection.

    rgb         uint8 (H, W, 3)
    xyxy        (n, 4) left, top, right, bottom in pixels; what lies outside the picture is cut off, NaN is left out
    class_id    (n,) choose the colours, always the same for the same number
    confidence  (n,) in [0, 1]; the more confident lie on top and get the better place for their label; None: the boxes
                are known to be true, and labels are names alone
    names       of the classes; a class without a name is shown by its number, a character the font lacks as a frame
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"expected uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
    boxes = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4)
    classes = [int(k) for k in class_id]
    scores = [1.0] * len(boxes) if confidence is None else [float(p) for p in confidence]
    if not len(boxes) == len(classes) == len(scores):
        raise ValueError(f"{len(boxes)} boxes, {len(classes)} classes, {len(scores)} confidences")
    out = rgb.copy()
    height, width = out.shape[:2]
    if height == 0 or width == 0:
        return out
    style = style_for(width, height)
    rects = {i: rect for i in range(len(boxes)) if (rect := _inside(boxes[i], width, height, style.line))}
    by_confidence = sorted(rects, key=lambda i: (-scores[i] if scores[i] == scores[i] else 1.0, i))

    for i in reversed(by_confidence):
        halo = max(1.0, style.line * 0.5)
        _stroke(out, rects[i], style.radius, style.line + halo, (0, 0, 0), 0.35)
        _stroke(out, rects[i], style.radius, style.line, colour_of(classes[i]), 1.0)
    taken: list[Rect] = []
    labels = []
    for i in by_confidence:
        name = names[classes[i]] if names is not None and 0 <= classes[i] < len(names) else f"class {classes[i]}"
        text = _fit(_one_line(name), "" if confidence is None else f"{100 * scores[i]:.0f}%", style, width)
        place = _place_label(text, rects[i], taken, style, width, height)
        taken.append(place)
        labels.append((text, place, colour_of(classes[i])))
    for text, place, colour in reversed(labels):
        _label(out, text, place, colour, style)
    return out


# ---- colour ---------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def colour_of(class_id: int) -> tuple[int, int, int]:
    """The sRGB colour of a class.

    Hues follow each other at the golden angle, so that any few consecutive classes are far apart; lightness cycles
    through three steps.  They are laid out in OKLCH (Ottosson 2020), where equal steps look equal.
    """
    hue = math.radians(25 + 137.50776 * class_id)
    lightness = (0.70, 0.62, 0.80)[class_id % 3]
    chroma = 0.19
    while True:
        rgb = _oklch(lightness, chroma, hue)
        if all(-1e-4 <= value <= 1.0001 for value in rgb):
            break
        chroma -= 0.01  # not a colour a screen has: paler
    red, green, blue = (round(255 * _gamma(min(max(value, 0.0), 1.0))) for value in rgb)
    return red, green, blue


def _oklch(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """OKLCH to linear sRGB."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    )


def _gamma(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def text_colour(background: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever contrasts more by WCAG 2's relative luminance."""
    linear = [(v / 255 / 12.92) if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in background]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # The contrast with white is 1.05 / (L + .05), with black (L + .05) / .05; they are equal at this luminance.
    return (255, 255, 255) if luminance < math.sqrt(1.05 * 0.05) - 0.05 else (0, 0, 0)


# ---- shapes ---------------------------------------------------------------------------------------------------------


def _inside(box: np.ndarray, width: int, height: int, line: int) -> Rect | None:
    """The box cut to the picture so that its line is wholly visible; None if nothing of it is inside.

    The edges are moved by up to half a pixel, so that the line covers whole pixels and looks sharp.
    """
    left, top, right, bottom = box.tolist()
    if not (left < width and top < height and right > 0 and bottom > 0 and left <= right and top <= bottom):
        return None

    def snap(edge: float, end: int) -> float:
        return round(max(0.0, min(edge - line / 2, end - line))) + line / 2

    return Rect(snap(left, width), snap(top, height), snap(right, width), snap(bottom, height))


def _blend(canvas: np.ndarray, x: int, y: int, coverage: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Mix the colour into the pixels from (x, y) on by coverage (h, w) in [0, 1], which must lie inside the canvas."""
    part = canvas[y : y + coverage.shape[0], x : x + coverage.shape[1]]
    mixed = part + (np.array(colour, np.float32) - part) * coverage[:, :, None]
    part[...] = np.rint(mixed)


def _distance(rect: Rect, radius: float, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """Signed distance (h, w) of the pixel centres of a window to a rounded rectangle's outline, negative inside."""
    radius = max(0.0, min(radius, (rect.right - rect.left) / 2, (rect.bottom - rect.top) / 2))
    x = np.abs(np.arange(x0, x1, dtype=np.float32) + 0.5 - (rect.left + rect.right) / 2)
    y = np.abs(np.arange(y0, y1, dtype=np.float32) + 0.5 - (rect.top + rect.bottom) / 2)
    x, y = x - (rect.right - rect.left) / 2 + radius, (y - (rect.bottom - rect.top) / 2 + radius)[:, None]
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0))
    return outside + np.minimum(np.maximum(x, y), 0) - radius


def _stroke(
    canvas: np.ndarray, rect: Rect, radius: float, line: float, colour: tuple[int, int, int], opacity: float
) -> None:
    """Paint the outline of a rounded rectangle, `line` pixels wide."""
    height, width = canvas.shape[:2]
    reach = line / 2 + 1
    x0, x1 = max(0, math.floor(rect.left - reach)), min(width, math.ceil(rect.right + reach))
    y0, y1 = max(0, math.floor(rect.top - reach)), min(height, math.ceil(rect.bottom + reach))
    # Four bands along the edges, as thick as the corners need; in between nothing changes.
    thick = math.ceil(reach + radius) + 1
    inner_top, inner_bottom = min(y1, math.floor(rect.top) + thick), max(y0, math.ceil(rect.bottom) - thick)
    inner_left, inner_right = min(x1, math.floor(rect.left) + thick), max(x0, math.ceil(rect.right) - thick)
    if inner_top >= inner_bottom or inner_left >= inner_right:
        bands = [(x0, y0, x1, y1)]
    else:
        bands = [
            (x0, y0, x1, inner_top),
            (x0, inner_bottom, x1, y1),
            (x0, inner_top, inner_left, inner_bottom),
            (inner_right, inner_top, x1, inner_bottom),
        ]
    for left, top, right, bottom in bands:
        distance = np.abs(_distance(rect, radius, left, top, right, bottom))
        _blend(canvas, left, top, np.clip(line / 2 + 0.5 - distance, 0, 1) * opacity, colour)


def _fill(canvas: np.ndarray, rect: Rect, radius: float, colour: tuple[int, int, int]) -> None:
    """Paint a filled rounded rectangle."""
    height, width = canvas.shape[:2]
    x0, y0 = max(0, math.floor(rect.left)), max(0, math.floor(rect.top))
    x1, y1 = min(width, math.ceil(rect.right)), min(height, math.ceil(rect.bottom))
    _blend(canvas, x0, y0, np.clip(0.5 - _distance(rect, radius, x0, y0, x1, y1), 0, 1), colour)


# ---- labels ---------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans as matplotlib brings it, or Pillow's own font; imported only when something is drawn."""
    try:
        import matplotlib

        path = os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
        return ImageFont.truetype(path, size)
    except (ImportError, OSError):
        return ImageFont.load_default(size)


def _one_line(name: str) -> str:
    """The name without anything that could break the line, and not endlessly long."""
    text = "".join(c if c.isprintable() else " " for c in name).strip() or "?"
    return text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…"


def _text_width(text: str, style: Style) -> float:
    return _font(style.font).getlength(text) + 2 * style.padding


def _fit(name: str, percent: str, style: Style, width: int) -> str:
    """Name and percentage (perhaps ""), the name shortened until the label is no wider than the picture."""
    text = f"{name} {percent}".strip()
    while _text_width(text, style) > width:
        name = name.removesuffix("…")[:-1]
        if not name:
            return percent
        text = f"{name}… {percent}".strip()
    return text


def _place_label(text: str, box: Rect, taken: list[Rect], style: Style, width: int, height: int) -> Rect:
    """Where the label goes: the first place of a list, inside the picture, that no other label occupies.

    The list: above the box, inside its top, below it, inside its bottom, each at the left, then at the right; then step
    by step further away along both sides.  If all are occupied, the place that covers least.
    """
    w, h = math.ceil(_text_width(text, style)), style.label_height
    half = style.line / 2
    # A label beside the box reaches into it as far as its corners are round: label and line then look like one piece.
    joint = half + style.radius
    rows = [box.top + joint - h, box.top - half, box.bottom - joint, box.bottom + half - h]
    columns = [box.left - half, box.right + half - w]
    places = [(x, y) for y in rows for x in columns]
    places += [(x, box.top + half + k * h / 2) for k in (1, 2, -3, 3, -4, 4, -6, 6, 8, 10) for x in columns]
    best, least = None, math.inf
    for x, y in places:
        x, y = max(0.0, min(x, width - w)), max(0.0, min(y, height - h))
        rect = Rect(round(x), round(y), round(x) + w, round(y) + h)
        covered = sum(_common_area(rect, other) for other in taken)
        if covered < least:
            best, least = rect, covered
        if least == 0:
            break
    assert best is not None
    return best


def _common_area(a: Rect, b: Rect) -> float:
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    return max(width, 0) * max(height, 0)


def _label(canvas: np.ndarray, text: str, place: Rect, colour: tuple[int, int, int], style: Style) -> None:
    """Paint the label's ground and its text."""
    _fill(canvas, place, style.radius, colour)
    w, h = int(place.right - place.left), int(place.bottom - place.top)
    font = _font(style.font)
    capital = -font.getbbox("H", anchor="ls")[1]
    mask = Image.new("L", (w, h), 0)
    ImageDraw.Draw(mask).text((style.padding, (h + capital) / 2), text, fill=255, font=font, anchor="ls")
    x, y = int(place.left), int(place.top)
    visible = np.asarray(mask, dtype=np.float32)[: canvas.shape[0] - y, : canvas.shape[1] - x] / 255
    _blend(canvas, x, y, visible, text_colour(colour))

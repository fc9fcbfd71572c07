"""The stage of a scene: what stands on it, and how sprites are made and laid onto it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from darkpy.synth import light
from darkpy.synth.grounds import Ground
from darkpy.synth.pen import Canvas, Points
from darkpy.synth.things import Draw
from darkpy.vision import paint

Random = np.random.Generator
WHITE = np.ones(3)


@dataclass
class Sprite:
    """A thing as it will be seen: rgba float32 (h, w, 4), premultiplied, and where its lamps are in it, in pixels."""

    rgba: np.ndarray
    lamps: list[tuple[Points, tuple[float, float, float]]]


@dataclass
class Placed:
    """A thing in the picture.  `box`: left, top, right, bottom in pixels, perhaps outside; `pixels`: its area."""

    kind: int
    box: tuple[int, int, int, int]
    pixels: int


@dataclass
class Stage:
    """A scene in the making."""

    random: Random
    ground: Ground
    ink: float
    relief: float
    owner: np.ndarray  # int32 (h, w): number of the thing seen at each pixel, 0 for none
    glow: np.ndarray  # float32 (h, w, 3)
    placed: list[Placed] = field(default_factory=list)

    @property
    def picture(self) -> np.ndarray:
        return self.ground.picture

    @property
    def size(self) -> tuple[int, int]:
        return self.picture.shape[0], self.picture.shape[1]


def sprite_of(
    stage: Stage,
    draw: Draw,
    size: float,
    turn: float = 0.0,
    mirror: bool = False,
    flat: float = 1.0,
    askew: float = 0.0,
) -> Sprite:
    """Draw something so that its longer side has `size` pixels, then turn it (degrees), foreshorten it to `flat` of its
    height, and look at it from aside: `askew` moves the corners by up to that part of it."""
    random = stage.random
    canvas = Canvas(int(np.clip(2.1 * size, 48, 1200)), stage.ground.light.night, stage.ink)
    draw(canvas, random)
    rows, columns = (
        np.flatnonzero(canvas.rgba[:, :, 3].max(1) > 0.02),
        np.flatnonzero(canvas.rgba[:, :, 3].max(0) > 0.02),
    )
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    rgba = np.ascontiguousarray(canvas.rgba[top:bottom, left:right])
    light.relief(rgba, stage.ground.light, stage.relief)
    h, w = rgba.shape[:2]
    scale = 2 * size / max(h, w)  # twice as large as needed: halved below
    corners = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float32)
    goal = (corners - (w / 2, h / 2)) * scale * (-1 if mirror else 1, 1)
    goal += random.uniform(-askew, askew, (4, 2)) * scale * min(h, w)
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    goal = goal @ np.array([[c, s], [-s, c]]) * (1, flat)
    low = goal.min(0) - 2
    extent = 2 * np.ceil((goal.max(0) - low + 2) / 2).astype(int)
    matrix = cv2.getPerspectiveTransform(corners, (goal - low).astype(np.float32))
    large = cv2.warpPerspective(rgba, matrix, extent.tolist(), flags=cv2.INTER_LINEAR)
    small = cv2.resize(large, (extent // 2).tolist(), interpolation=cv2.INTER_AREA)
    lamps = [
        (cv2.perspectiveTransform((points * canvas.side - (left, top))[None], matrix)[0] / 2, colour)
        for points, colour in canvas.lamps
    ]
    return Sprite(small, lamps)


def lay(stage: Stage, sprite: Sprite, left: int, top: int, kind: int | None, drop: bool) -> None:
    """Put a sprite into the scene; `kind` is its class, None for clutter.  `drop`: it casts a shadow on what is behind,
    else on the ground it stands on."""
    alpha = np.ascontiguousarray(sprite.rgba[:, :, 3])
    h, w = alpha.shape
    lit = stage.ground.light
    a = math.radians(lit.angle)
    if drop:
        reach = 0.05 * min(h, w) * stage.random.uniform(0.3, 1.4)
        light.shadow(
            stage.picture,
            alpha,
            left - round(math.cos(a) * reach),
            top + round(math.sin(a) * reach),
            0.35,
            0.5 + reach / 2,
        )
    elif h > 8:
        deep = max(2, round(0.13 * min(w, h)))
        below = np.zeros((deep, w), np.float32)
        base = alpha[-max(1, h // 8) :].max(0)
        inside = np.flatnonzero(base > 0.5)
        if len(inside):
            centre, half = (inside[0] + inside[-1]) / 2, (inside[-1] - inside[0]) / 2 + 1
            y, x = (
                np.linspace(-1, 1, deep, dtype=np.float32)[:, None],
                (np.arange(w, dtype=np.float32) - centre)[None, :] / half,
            )
            below[...] = x * x + y * y < 1
            shift = -round(math.cos(a) * deep * 0.6)
            light.shadow(stage.picture, below, left + shift, top + h - deep // 2 - 2, 0.5, 0.3 * deep)
    number = 0
    if kind is not None:
        rows, columns = np.flatnonzero(alpha.max(1) > 0.4), np.flatnonzero(alpha.max(0) > 0.4)
        if not len(rows):
            return
        number = len(stage.placed) + 1
        box = (left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1)
        stage.placed.append(Placed(kind, box, int((alpha > 0.5).sum())))
    paint.stamp(stage.picture, sprite.rgba, left, top, np.asarray(lit.colour, float), stage.owner, number)
    if lit.night:
        paint.stamp(stage.glow, sprite.rgba * np.array([0, 0, 0, 1], np.float32), left, top, WHITE, stage.owner, number)
        mask = np.zeros(stage.size, np.uint8)
        for points, colour in sprite.lamps:
            mask[:] = 0
            cv2.fillPoly(mask, [np.rint((points + (left, top)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
            stage.glow += (mask.astype(np.float32) / 255)[:, :, None] * np.array(colour, np.float32)


def room_for(stage: Stage, h: int, w: int, left: int, top: int, crowd: float) -> bool:
    """Whether a thing there would hide, or be hidden by, no more than the part `crowd` of any other."""
    for other in stage.placed:
        x = min(left + w, other.box[2]) - max(left, other.box[0])
        y = min(top + h, other.box[3]) - max(top, other.box[1])
        area = (other.box[2] - other.box[0]) * (other.box[3] - other.box[1])
        if x > 0 and y > 0 and x * y > crowd * min(h * w, area):
            return False
    return True

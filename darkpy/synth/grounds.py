"""What is behind the things of a scene: a street, a room, or just a surface.

Pictures are float32 (h, w, 3) in [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from darkpy.synth import light as lights
from darkpy.synth.light import Light
from darkpy.synth.pen import Colour, any_colour, darker, grey, hsv, lighter, mix, varied

Random = np.random.Generator


@dataclass
class Ground:
    """An empty scene.  `level` is how far down, as a fraction, the wall or the sky reaches; `kind` "street", "room" or
    "free"; `road` the fractions between which cars drive."""

    picture: np.ndarray
    kind: str
    light: Light
    level: float = 0.0
    road: tuple[float, float] = (0.0, 0.0)


# -- surfaces ---------------------------------------------------------------------------------------------------------


def noise(
    random: Random, height: int, width: int, cells: int = 4, octaves: int = 4, stretch: float = 1.0
) -> np.ndarray:
    """Clouds (h, w) in about [-1, 1]: random grids, each finer and fainter.  `stretch`: longer across than down."""
    out = np.zeros((height, width), np.float32)
    for k in range(octaves):
        rows = min(height, max(2, int(cells * 2**k)))
        columns = min(width, max(2, int(cells * 2**k / stretch)))
        grid = random.uniform(-1, 1, (rows, columns)).astype(np.float32)
        out += cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR) * np.float32(0.55**k)
    return out * np.float32(0.6)


def shaded(colour: Colour, amount: np.ndarray) -> np.ndarray:
    """A surface of one colour, made brighter or darker by `amount` (h, w)."""
    return np.asarray(colour, np.float32) * (1 + amount)[:, :, None]


def fade(top: Colour, bottom: Colour, height: int, width: int) -> np.ndarray:
    t = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    rows = np.asarray(top, np.float32) * (1 - t) + np.asarray(bottom, np.float32) * t
    return np.repeat(rows, width, axis=1)


def paint_over(picture: np.ndarray, mask: np.ndarray, colour: Colour | np.ndarray, opacity: float = 1.0) -> None:
    """Lay a colour, or another picture, over `picture` where mask uint8 (h, w) is."""
    t = mask.astype(np.float32)[:, :, None] * np.float32(opacity / 255)
    picture += (np.asarray(colour, np.float32) - picture) * t


def wood(random: Random, height: int, width: int) -> np.ndarray:
    colour = hsv(random.uniform(0.05, 0.1), random.uniform(0.35, 0.65), random.uniform(0.45, 0.85))
    grain = noise(random, height, width, 10, 4, stretch=12)
    out = shaded(colour, 0.16 * grain + 0.05 * np.sin(grain * 24))
    step = max(8, int(height * random.uniform(0.14, 0.4)))
    for y in range(int(random.integers(step)), height, step):
        out[y : y + max(1, height // 160)] *= 0.65
    return out


def bricks(random: Random, height: int, width: int) -> np.ndarray:
    colour = varied(random, [(0.66, 0.36, 0.28), (0.75, 0.68, 0.58), (0.5, 0.5, 0.52)][int(random.integers(3))])
    tall = max(6, int(height * random.uniform(0.045, 0.08)))
    wide = int(tall * 2.4)
    rows, columns = height // tall + 2, width // wide + 3
    tones = 1 + random.uniform(-0.14, 0.14, (rows, columns)).astype(np.float32)
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    row = y // tall
    shifted = x + (row % 2) * (wide // 2)
    out = np.asarray(colour, np.float32) * tones[row, shifted // wide][:, :, None]
    gap = max(1, tall // 9)
    joint = (y % tall < gap) | (shifted % wide < gap)
    out[joint] = lighter(colour, 0.45)
    return out * (1 + 0.06 * noise(random, height, width, 30, 2))[:, :, None]


def calm(random: Random) -> Colour:
    """A colour for large surfaces: mostly pale, sometimes not."""
    return lighter(
        any_colour(random, 0.6, 0.95),
        random.choice([random.uniform(0.35, 0.75), random.uniform(0, 0.3)], p=[0.75, 0.25]),
    )


def checks(random: Random, height: int, width: int) -> np.ndarray:
    """Tiles, a checked cloth, stripes."""
    a = calm(random)
    b = lighter(a, random.uniform(0.3, 0.9)) if random.random() < 0.6 else darker(a, random.uniform(0.08, 0.3))
    step, turn = min(height, width) * random.uniform(0.05, 0.16), random.choice([0, 0, math.pi / 4, math.pi / 2])
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    u = (x * math.cos(turn) + y * math.sin(turn)) / step
    v = (y * math.cos(turn) - x * math.sin(turn)) / step
    kind = random.random()
    if kind < 0.35:
        t = (np.floor(u) + np.floor(v)) % 2
    elif kind < 0.65:
        t = np.floor(u) % 2 + 0 * v
    else:
        t = (np.floor(u) % 2 + np.floor(v) % 2) / 2
    t = t.astype(np.float32)[:, :, None]
    return np.asarray(a, np.float32) * (1 - t) + np.asarray(b, np.float32) * t


def dots(random: Random, height: int, width: int) -> np.ndarray:
    a = calm(random)
    b = any_colour(random, 0.5, 0.95)
    out = np.full((height, width, 3), a, np.float32)
    mask = np.zeros((height, width), np.uint8)
    step = min(height, width) * random.uniform(0.06, 0.16)
    radius = step * random.uniform(0.12, 0.32)
    for i in range(int(height / step) + 2):
        for j in range(int(width / step) + 2):
            x, y = (j + (i % 2) / 2) * step, i * step
            cv2.circle(mask, (int(x * 16), int(y * 16)), int(radius * 16), 255, -1, cv2.LINE_AA, 4)
    paint_over(out, mask, b, random.uniform(0.4, 1))
    return out


def plaster(random: Random, height: int, width: int) -> np.ndarray:
    colour = calm(random)
    out = fade(lighter(colour, random.uniform(0, 0.2)), darker(colour, random.uniform(0, 0.2)), height, width)
    return out * (1 + random.uniform(0.02, 0.1) * noise(random, height, width, 6, 4))[:, :, None]


def grass(random: Random, height: int, width: int) -> np.ndarray:
    green = hsv(random.uniform(0.2, 0.34), random.uniform(0.4, 0.7), random.uniform(0.45, 0.75))
    return shaded(green, 0.14 * noise(random, height, width, 8, 3) + 0.1 * noise(random, height, width, 60, 2, 0.5))


def mottled(random: Random, height: int, width: int) -> np.ndarray:
    """Two colours running into each other, as stone or cloth."""
    t = np.clip(0.5 + noise(random, height, width, int(random.integers(2, 12)), 5), 0, 1)[:, :, None]
    a, b = calm(random), calm(random)
    b = mix(a, b, random.uniform(0.2, 0.9))
    return np.asarray(a, np.float32) * (1 - t) + np.asarray(b, np.float32) * t


WALLS = (plaster, plaster, bricks, checks, dots, mottled)
SURFACES = (*WALLS, wood, grass)


def pick(random: Random, makers: tuple, height: int, width: int) -> np.ndarray:
    return makers[int(random.integers(len(makers)))](random, height, width)


# -- scenes -----------------------------------------------------------------------------------------------------------


def free(random: Random, height: int, width: int) -> Ground:
    light = lights.indoors(random)
    return Ground(pick(random, SURFACES, height, width) * np.asarray(light.colour, np.float32), "free", light)


def room(random: Random, height: int, width: int) -> Ground:
    """A wall, and a table before it."""
    light, level = lights.indoors(random), random.uniform(0.42, 0.62)
    edge = int(height * level)
    picture = pick(random, WALLS, height, width)
    if random.random() < 0.35:  # a panel of another kind below
        half = int(edge * random.uniform(0.5, 0.8))
        picture[half:edge] = pick(random, (plaster, wood), edge - half, width)
        picture[half - max(2, height // 90) : half] = grey(0.95)
    if random.random() < 0.3:
        pane(random, picture, light, edge)
    top = (
        wood(random, height - edge, width)
        if random.random() < 0.6
        else pick(random, (plaster, checks, mottled), height - edge, width)
    )
    top *= np.linspace(0.82, 1.08, len(top), dtype=np.float32)[:, None, None]
    picture[edge:] = top
    picture[max(0, edge - height // 50) : edge] *= np.linspace(
        1, 0.7, edge - max(0, edge - height // 50), dtype=np.float32
    )[:, None, None]
    picture[edge : edge + max(1, height // 130)] *= 1.25
    return Ground(picture * np.asarray(light.colour, np.float32), "room", light, level)


def pane(random: Random, picture: np.ndarray, light: Light, edge: int) -> None:
    """A window in the wall."""
    height, width = picture.shape[:2]
    w, h = int(width * random.uniform(0.22, 0.4)), int(edge * random.uniform(0.45, 0.7))
    x, y = int(random.uniform(0, width - w)), int(random.uniform(0, edge - h) * 0.6)
    frame = max(2, min(width, height) // 60)
    picture[y : y + h, x : x + w] = grey(0.93)
    view = sky(random, h, w, light)
    picture[y + frame : y + h - frame, x + frame : x + w - frame] = view[frame : h - frame, frame : w - frame]
    picture[y + h // 2 - frame // 2 : y + h // 2 + frame // 2 + 1, x : x + w] = grey(0.9)
    picture[y : y + h, x + w // 2 - frame // 2 : x + w // 2 + frame // 2 + 1] = grey(0.9)


def sky(random: Random, height: int, width: int, light: Light) -> np.ndarray:
    if light.night:
        out = fade((0.03, 0.05, 0.14), (0.16, 0.2, 0.34), height, width)
        for _ in range(40):
            x, y = int(random.integers(width)), int(random.integers(height))
            out[y, x] = random.uniform(0.4, 1)
        disc(out, random.uniform(0.1, 0.9), random.uniform(0.12, 0.5), random.uniform(0.03, 0.06), (0.96, 0.95, 0.85))
        return out
    if light.colour[2] < 0.8:  # evening
        top, low = varied(random, (0.36, 0.36, 0.62)), varied(random, (1.0, 0.68, 0.42))
    else:
        top, low = varied(random, (0.32, 0.58, 0.88)), varied(random, (0.78, 0.89, 0.97), 0.03)
    out = fade(top, low, height, width)
    if random.random() < 0.6:
        disc(out, random.uniform(0.1, 0.9), random.uniform(0.1, 0.6), random.uniform(0.04, 0.08), (1.0, 0.96, 0.75))
    if random.random() < 0.8:
        cover = np.clip(noise(random, height, width, 3, 5, stretch=0.6) * 1.6 - random.uniform(-0.2, 0.5), 0, 1)
        white = mix((1, 1, 1), low, 0.25)
        out += (np.asarray(white, np.float32) - out) * (cover * 0.85)[:, :, None]
    return out


def disc(picture: np.ndarray, x: float, y: float, radius: float, colour: Colour) -> None:
    """Sun or moon, with a halo."""
    height, width = picture.shape[:2]
    side = max(height, width)
    for factor, opacity in ((2.6, 0.12), (1.8, 0.15), (1.35, 0.2), (1.0, 1.0)):
        mask = np.zeros((height, width), np.uint8)
        cv2.circle(
            mask, (int(x * width * 16), int(y * height * 16)), int(radius * factor * side * 16), 255, -1, cv2.LINE_AA, 4
        )
        paint_over(picture, mask, colour, opacity)


def street(random: Random, height: int, width: int) -> Ground:
    """Sky, hills, grass and a road that runs across."""
    light, level = lights.outdoors(random), random.uniform(0.34, 0.52)
    edge = int(height * level)
    picture = np.empty((height, width, 3), np.float32)
    picture[: edge + 1] = sky(random, edge + 1, width, light)
    lit = np.asarray(light.colour, np.float32)
    green = hsv(random.uniform(0.22, 0.36), random.uniform(0.3, 0.6), random.uniform(0.5, 0.75))
    x = np.linspace(0, 1, width)
    layers = int(random.integers(1, 4))
    for k in range(layers):  # far hills are paler
        crest = (
            level
            - 0.03
            - (layers - 1 - k) * 0.05
            - 0.04
            * sum(
                math.sin(b) * np.sin(2 * math.pi * x * a + b) / a
                for a, b in zip((1, 2, 3.3), random.uniform(0, 6, 3).tolist(), strict=True)
            )
        )
        colour = np.asarray(mix(green, (0.62, 0.74, 0.84), 0.65 - 0.3 * k), np.float32) * lit
        below = np.arange(height)[:, None] >= (crest * height)[None, :]
        below[edge:] = False
        picture[below] = colour
    near = (
        grass(random, height - edge, width)
        if random.random() < 0.75
        else shaded(grey(0.66), 0.08 * noise(random, height - edge, width, 30, 3))
    )
    picture[edge:] = near * np.linspace(0.86, 1.06, height - edge, dtype=np.float32)[:, None, None] * lit
    top = level + random.uniform(0.14, 0.24)
    bottom = min(1.0, top + random.uniform(0.16, 0.28))
    a, b = int(top * height), int(bottom * height)
    kerb = max(2, height // 70)
    tar = shaded(grey(random.uniform(0.28, 0.45)), 0.07 * noise(random, b - a, width, 40, 2))
    picture[a:b] = tar * lit
    picture[a - kerb : a] = np.asarray(grey(0.72), np.float32) * lit
    picture[b : b + kerb] = np.asarray(grey(0.6), np.float32) * lit
    middle, dash = (a + b) // 2, int(width * random.uniform(0.08, 0.14))
    mark = (0.95, 0.93, 0.85) if random.random() < 0.7 else (0.95, 0.78, 0.25)
    for start in range(int(random.integers(-dash, dash)), width, 2 * dash):
        picture[middle : middle + max(2, height // 110), max(0, start) : max(0, start + dash)] = (
            np.asarray(mark, np.float32) * lit
        )
    return Ground(picture, "street", light, level, (top, bottom))


KINDS = {"street": street, "room": room, "free": free}

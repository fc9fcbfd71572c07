"""The classes: how each is drawn, and where, how large and how askew it may be in a scene.

Sizes are those of the longer side, as fractions of the picture's shorter side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from darkpy.synth import home, street
from darkpy.synth.pen import Canvas

Draw = Callable[[Canvas, np.random.Generator], None]


@dataclass(frozen=True)
class Place:
    """`on`: "ground" (anywhere on the grass or table), "back" (far on it), "road", "pole", or "wall".  `low`, `high`:
    its size.  `often`: how often, compared with others of the same scene.  `flat`: it lies, and is seen so much
    foreshortened."""

    on: str
    low: float
    high: float
    often: float = 1.0
    flat: float = 1.0


@dataclass(frozen=True)
class Thing:
    """`tilt`: degrees it may lean to either side; `free_tilt` where nothing supports it; `mirror`: its mirror image is
    one too; `places`: by the kind of scene."""

    name: str
    draw: Draw
    places: dict[str, Place] = field(default_factory=dict)
    tilt: float = 3.0
    free_tilt: float = 25.0
    mirror: bool = True


THINGS = (
    Thing(
        "car", street.car, {"street": Place("road", 0.22, 0.5, 1.6), "room": Place("ground", 0.14, 0.3, 0.35)}, 1.5, 20
    ),
    Thing("house", street.house, {"street": Place("back", 0.26, 0.55, 1.2)}, 0.5, 20),
    Thing("tree", street.tree, {"street": Place("back", 0.22, 0.6, 0.8)}, 3, 20),
    Thing("traffic light", street.traffic_light, {"street": Place("pole", 0.16, 0.34)}, 3, 30, mirror=False),
    Thing("stop sign", street.stop_sign, {"street": Place("pole", 0.13, 0.27)}, 4, 20, mirror=False),
    Thing(
        "umbrella",
        street.umbrella,
        {"street": Place("ground", 0.18, 0.36, 0.8), "room": Place("ground", 0.25, 0.45, 0.3)},
        20,
        60,
    ),
    Thing("cup", home.cup, {"room": Place("ground", 0.13, 0.34)}, 1, 25),
    Thing("clock", home.clock, {"room": Place("wall", 0.13, 0.36)}, 3, 20, mirror=False),
    Thing("book", home.book, {"room": Place("ground", 0.18, 0.42)}, 3, 60, mirror=False),
    Thing(
        "ball",
        home.ball,
        {"street": Place("ground", 0.1, 0.2, 0.6), "room": Place("ground", 0.1, 0.26, 0.8)},
        180,
        180,
    ),
    Thing("banana", home.banana, {"room": Place("ground", 0.14, 0.34)}, 12, 180),
    Thing("key", home.key, {"room": Place("ground", 0.17, 0.36, 1.1, 0.7)}, 180, 180),
)
NAMES = [thing.name for thing in THINGS]

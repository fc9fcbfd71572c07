"""A scene put together: a ground, clutter and things on it from back to front, light over all, boxes around the things.

    scene = draw_scene(seed=7, number=0, width=416, height=416)
    scene.picture    uint8 (h, w, 3), RGB
    scene.labels     [(class, x, y, w, h)], the box's centre and size as fractions of the picture

A box encloses all of a thing that is inside the picture, also what is hidden behind others.  A thing of which less than
30 % can be seen has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from darkpy.synth import clutter, light
from darkpy.synth.grounds import KINDS
from darkpy.synth.stage import Stage, lay, room_for, sprite_of
from darkpy.synth.things import THINGS, Draw, Place, Thing
from darkpy.vision import paint

Random = np.random.Generator
SEEN = 0.3  # the share of a thing that must be seen
LEAST = 0.018  # the least side of a box, as a fraction of the picture's shorter side
KIND_ODDS = {"street": 0.36, "room": 0.36, "free": 0.28}
TRIES = 12  # to find a place for something


@dataclass
class Scene:
    picture: np.ndarray
    labels: list[tuple[int, float, float, float, float]]


def draw_scene(seed: int, number: int, width: int, height: int) -> Scene:
    """Scene `number` of a series."""
    random = np.random.default_rng((seed, number))
    kind = str(random.choice(list(KIND_ODDS), p=list(KIND_ODDS.values())))
    ground = KINDS[kind](random, height, width)
    stage = Stage(
        random,
        ground,
        random.choice([0.0, 0.006, 0.011], p=[0.5, 0.3, 0.2]),
        random.uniform(0.2, 0.8),
        np.zeros((height, width), np.int32),
        np.zeros((height, width, 3), np.float32),
    )
    {"street": fill_street, "room": fill_room, "free": fill_free}[kind](stage)
    if random.random() < 0.3:
        cover(stage)
    return finish(stage)


def finish(stage: Stage) -> Scene:
    random, (height, width) = stage.random, stage.size
    picture = stage.picture
    if random.random() < 0.45:
        picture *= light.beams(random, height, width)[:, :, None]
    if stage.glow.any():
        side = min(height, width)
        picture += stage.glow * 0.35 + cv2.GaussianBlur(stage.glow, (0, 0), side / 40) * 0.9
    counts = np.empty(len(stage.placed) + 1, np.int64)
    paint.count(stage.owner, counts)
    labels = []
    for k, thing in enumerate(stage.placed, 1):
        left, top = max(0, thing.box[0]), max(0, thing.box[1])
        right, bottom = min(width, thing.box[2]), min(height, thing.box[3])
        if counts[k] >= SEEN * thing.pixels and min(right - left, bottom - top) >= LEAST * min(height, width):
            labels.append(
                (
                    thing.kind,
                    (left + right) / 2 / width,
                    (top + bottom) / 2 / height,
                    (right - left) / width,
                    (bottom - top) / height,
                )
            )
    return Scene(light.camera(random, picture), labels)


def crowding(random: Random) -> float:
    """Most things are nearly free; one in three may be half hidden."""
    return 0.12 if random.random() < 0.65 else 0.55


def either(random: Random, a: tuple[float, float], b: tuple[float, float]) -> float:
    """Uniform in one of two ranges."""
    return random.uniform(*a) if random.random() < 0.5 else random.uniform(*b)


def leaning(random: Random, tilt: float) -> float:
    """Degrees by which something is turned: about `tilt` at most, or any angle where that is 180."""
    return random.normal() * tilt / 2 if tilt < 180 else random.uniform(-180, 180)


def uniform_log(random: Random, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


# -- kinds of scenes --------------------------------------------------------------------------------------------------


class Job(NamedTuple):
    """Something that will stand with its lower edge at `base`, a fraction of the height; `kind` None for clutter."""

    base: float
    kind: int | None
    what: Thing | Draw
    place: Place


def choose(random: Random, kind: str) -> tuple[int, Thing, Place]:
    """A thing that belongs in a scene of this kind."""
    fitting = [(k, t, t.places[kind]) for k, t in enumerate(THINGS) if kind in t.places]
    odds = np.array([place.often for _, _, place in fitting])
    return fitting[int(random.choice(len(fitting), p=odds / odds.sum()))]


def fill_street(stage: Stage) -> None:
    """From the horizon to the front."""
    random, ground = stage.random, stage.ground
    (top, bottom), level = ground.road, ground.level
    jobs: list[Job] = []
    for _ in range(int(random.integers(2, 9))):
        number, thing, place = choose(random, "street")
        bases = {
            "back": random.uniform(level + 0.01, top - 0.03),
            "road": random.uniform(top + 0.06, bottom + 0.0),
            "pole": random.uniform(top - 0.04, min(1.0, bottom + 0.08)),
            "ground": either(random, (level + 0.04, top - 0.01), (min(0.94, bottom + 0.05), 1.02)),
        }
        jobs.append(Job(bases[place.on], number, thing, place))
    for _ in range(int(random.integers(0, 5))):
        draw = clutter.OUTSIDE[int(random.integers(len(clutter.OUTSIDE)))]
        size = (0.3, 0.5) if draw is clutter.street_lamp else (0.1, 0.26)
        base = either(random, (level + 0.02, top - 0.01), (min(0.96, bottom + 0.02), 1.03))
        jobs.append(Job(base, None, draw, Place("ground", *size)))
    for job in sorted(jobs, key=lambda job: job.base):
        stand(stage, job, 0.75 + 0.5 * (job.base - level) / (1 - level))


def fill_room(stage: Stage) -> None:
    random, level = stage.random, stage.ground.level
    for _ in range(int(random.integers(0, 3))):
        draw = clutter.ON_WALL[int(random.integers(len(clutter.ON_WALL)))]
        hang(stage, None, draw, Place("wall", 0.18, 0.38), 0.0)
    jobs: list[Job] = []
    for _ in range(int(random.integers(2, 8))):
        kind, thing, place = choose(random, "room")
        if place.on == "wall":
            hang(stage, kind, thing, place, 3.0)
        else:
            jobs.append(Job(random.uniform(level + 0.1, 1.0), kind, thing, place))
    for _ in range(int(random.integers(0, 4))):
        draw = clutter.INSIDE[int(random.integers(len(clutter.INSIDE)))]
        jobs.append(Job(random.uniform(level + 0.08, 1.0), None, draw, Place("ground", 0.12, 0.3)))
    for job in sorted(jobs, key=lambda job: job.base):
        stand(stage, job, 0.8 + 0.45 * (job.base - level) / (1 - level))


def fill_free(stage: Stage) -> None:
    """Anything anywhere, a little of it perhaps outside."""
    random = stage.random
    height, width = stage.size
    side = min(height, width)
    many = int(random.integers(1, 10))
    for k in random.permutation(many + int(random.integers(0, 6))):
        kind: int | None = int(random.integers(len(THINGS))) if k < many else None
        thing = THINGS[kind] if kind is not None else None
        draw = thing.draw if thing else clutter.ANYWHERE[int(random.integers(len(clutter.ANYWHERE)))]
        size = uniform_log(random, 0.12, 0.6) * side * (0.75 if many > 5 else 1)
        sprite = sprite_of(
            stage,
            draw,
            size,
            leaning(random, thing.free_tilt if thing else 30.0),
            mirror=thing is not None and thing.mirror and random.random() < 0.5,
            askew=random.uniform(0, 0.12),
        )
        h, w = sprite.rgba.shape[:2]
        crowd, shadow = crowding(random), random.random() < 0.7
        for _ in range(TRIES):
            left, top = int(random.uniform(-0.2 * w, width - 0.8 * w)), int(random.uniform(-0.2 * h, height - 0.8 * h))
            if room_for(stage, h, w, left, top, crowd):
                lay(stage, sprite, left, top, kind, shadow)
                break


def stand(stage: Stage, job: Job, nearness: float) -> None:
    """Put something on the ground, its lower edge at `base`; on a pole: the foot of the pole is there."""
    base, kind, what, place = job
    random, (height, width) = stage.random, stage.size
    side = min(height, width)
    draw, tilt, mirror = (what.draw, what.tilt, what.mirror) if isinstance(what, Thing) else (what, 1.5, False)
    size = uniform_log(random, place.low, place.high) * side * nearness
    turn = leaning(random, tilt)
    sprite = sprite_of(stage, draw, size, turn, mirror and random.random() < 0.5, place.flat, random.uniform(0, 0.04))
    h, w = sprite.rgba.shape[:2]
    crowd = crowding(random)
    foot = int(base * height)
    for _ in range(TRIES):
        left = int(random.uniform(-0.15 * w, width - 0.85 * w))
        top = foot - h + 1
        if place.on == "pole":
            top = int(random.uniform(0.02, 0.4) * height) if random.random() < 0.9 else foot - h - int(0.1 * height)
            top = min(top, foot - h)
        if not room_for(stage, h, w, left, top, crowd):
            continue
        if place.on == "pole" and foot - top > h // 2:
            post = sprite_of(stage, clutter.pole, float(foot - top - h // 2))
            x = left + w // 2 - post.rgba.shape[1] // 2
            lay(stage, post, x, foot - post.rgba.shape[0], None, False)
        lay(stage, sprite, left, top, kind, place.on == "pole" or place.flat < 1)
        return


def hang(stage: Stage, kind: int | None, what: Thing | Draw, place: Place, tilt: float) -> None:
    """Put something on the wall."""
    random, (height, width) = stage.random, stage.size
    draw = what.draw if isinstance(what, Thing) else what
    size = uniform_log(random, place.low, place.high) * min(height, width)
    sprite = sprite_of(stage, draw, size, random.normal() * tilt / 2, askew=random.uniform(0, 0.04))
    h, w = sprite.rgba.shape[:2]
    crowd = crowding(random)
    for _ in range(TRIES):
        left = int(random.uniform(-0.1 * w, width - 0.9 * w))
        top = int(random.uniform(0.0, max(0.02, stage.ground.level - h / height)) * height)
        if room_for(stage, h, w, left, top, crowd):
            lay(stage, sprite, left, top, kind, True)
            return


def cover(stage: Stage) -> None:
    """Something close to the camera, in front of all."""
    random, side = stage.random, min(stage.size)
    for _ in range(int(random.integers(1, 3))):
        draw = (clutter.pole, clutter.word, clutter.bush, clutter.shapes, clutter.fence)[int(random.integers(5))]
        sprite = sprite_of(
            stage, draw, random.uniform(0.2, 0.7) * side * (1.6 if draw is clutter.pole else 1), random.normal() * 8
        )
        h, w = sprite.rgba.shape[:2]
        height, width = stage.size
        lay(
            stage,
            sprite,
            int(random.uniform(-0.4 * w, width - 0.6 * w)),
            int(random.uniform(0.2 * height, height - 0.5 * h)),
            None,
            True,
        )

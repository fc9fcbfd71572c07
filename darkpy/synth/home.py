"""Drawings of things seen at home: cup, clock, book, ball, banana, key.

Each function draws one thing on a canvas, upright, in colours and a form drawn by chance.
"""

from __future__ import annotations

import math

import numpy as np

from darkpy.synth.pen import (
    Canvas,
    Colour,
    any_colour,
    blob,
    box,
    darker,
    ellipse,
    grey,
    hsv,
    lighter,
    linear,
    mix,
    polygon,
    radial,
    rounded,
    sheen,
    smooth,
    turned,
    varied,
)

Random = np.random.Generator
TITLES = ("POEMS", "ATLAS", "NOVEL", "COOKING", "PHYSICS", "TALES", "GARDEN", "LETTERS", "MUSIC", "STARS", "ALGEBRA")


def cup(canvas: Canvas, random: Random) -> None:
    """A mug, its handle on the right."""
    colour = any_colour(random, 0.55, 0.95) if random.random() < 0.7 else grey(random.uniform(0.85, 0.98))
    top, bottom, half = random.uniform(0.14, 0.24), 0.92, random.uniform(0.25, 0.3)
    centre, foot = 0.42, half * random.uniform(0.72, 1)
    lip = half * random.uniform(0.22, 0.32)
    handle = ellipse(
        centre + half * 0.93,
        (top + bottom) / 2 - 0.02,
        random.uniform(0.17, 0.22),
        (bottom - top) * 0.27,
        -100,
        100,
        30,
    )
    canvas.line(handle, darker(colour, 0.3), 0.085)
    canvas.line(
        handle - (0.006, 0.01), linear(lighter(colour, 0.15), darker(colour, 0.25), (0, top), (0, bottom)), 0.055
    )
    body = np.concatenate(
        [
            [(centre - half, top)],
            ellipse(centre, bottom - lip * 0.55, foot, lip * 0.55, 180, 0, 20),
            [(centre + half, top)],
        ]
    )
    canvas.fill(body, sheen(colour, centre - half * 0.8, centre + half, 0.35), outline=True)
    decorate(canvas, random, colour, centre, half, top + lip, bottom - 0.07)
    canvas.fill(ellipse(centre, top, half, lip), lighter(colour, 0.35), outline=True)
    inside = ellipse(centre, top + 0.006, half * 0.9, lip * 0.86)
    canvas.fill(inside, linear(darker(colour, 0.5), darker(colour, 0.15), (0, top - lip), (0, top + lip)))
    if random.random() < 0.7:
        drink = varied(
            random, [(0.27, 0.15, 0.08), (0.72, 0.45, 0.18), (0.55, 0.38, 0.25), (0.5, 0.6, 0.3)][random.integers(4)]
        )
        canvas.fill(
            ellipse(centre, top + lip * 0.3, half * 0.82, lip * 0.6),
            radial(lighter(drink, 0.3), drink, (centre - 0.08, top), half),
        )


def decorate(
    canvas: Canvas, random: Random, colour: Colour, centre: float, half: float, top: float, bottom: float
) -> None:
    """A pattern around a mug."""
    ink = lighter(colour, 0.8) if sum(colour) < 2 else any_colour(random, 0.4, 0.8)
    kind, middle = random.random(), (top + bottom) / 2 + 0.05
    if kind < 0.3:
        for y in np.linspace(top + 0.1, bottom - 0.12, int(random.integers(1, 4))).tolist():
            curve = ellipse(centre, y, half * 0.93, half * 0.22, 168, 12, 20)
            canvas.line(curve, ink, 0.04, opacity=0.9)
    elif kind < 0.5:
        t = np.linspace(0, 2 * math.pi, 40)
        across, down = 16 * np.sin(t) ** 3, 5 * np.cos(2 * t) + 2 * np.cos(3 * t) + np.cos(4 * t) - 13 * np.cos(t)
        heart = np.stack([centre + across * 0.008, middle + down * 0.008], 1)
        canvas.fill(heart, ink if sum(colour) > 2.4 else (0.95, 0.3, 0.3))
    elif kind < 0.7:
        for _ in range(9):
            x, y = centre + random.uniform(-0.75, 0.75) * half, random.uniform(top + 0.08, bottom - 0.08)
            canvas.fill(ellipse(x, y, 0.028, 0.03), ink, 0.9)


def clock(canvas: Canvas, random: Random) -> None:
    rim = any_colour(random, 0.3, 0.85) if random.random() < 0.6 else grey(random.choice([0.1, 0.3, 0.75]))
    face = lighter(any_colour(random, 0.8, 1), 0.88) if random.random() < 0.8 else darker(rim, 0.6)
    ink = grey(0.12) if sum(face) > 1.5 else grey(0.95)
    alarm, square = random.random() < 0.25, random.random() < 0.2
    cy, r = (0.55, 0.36) if alarm else (0.5, 0.46)
    if alarm:
        for side in (-1, 1):
            canvas.line([(0.5 + side * 0.2, 0.8), (0.5 + side * 0.27, 0.95)], darker(rim, 0.4), 0.05)
            bell = ellipse(0.5 + side * 0.21, 0.19, 0.14, 0.11, 180, 360, 20)
            canvas.fill(
                turned(bell, side * 32, (0.5 + side * 0.21, 0.2)),
                sheen(rim, 0.5 + side * 0.21 - 0.14, 0.5 + side * 0.21 + 0.14, 0.4),
                outline=True,
            )
        canvas.line([(0.5, 0.2), (0.5, 0.1)], darker(rim, 0.3), 0.03)
    outer = rounded(0.5 - r, cy - r, 0.5 + r, cy + r, 0.08) if square and not alarm else ellipse(0.5, cy, r, r)
    canvas.fill(outer, linear(lighter(rim, 0.35), darker(rim, 0.4), (0.2, 0.1), (0.8, 0.9)), outline=True)
    r *= random.uniform(0.8, 0.9)
    inner = rounded(0.5 - r, cy - r, 0.5 + r, cy + r, 0.06) if square and not alarm else ellipse(0.5, cy, r, r)
    canvas.fill(inner, radial(lighter(face, 0.3), darker(face, 0.08), (0.45, cy - 0.1), r * 1.4))
    numbers = random.random()
    for k in range(60 if numbers < 0.4 else 12):
        a = math.radians(k * (6 if numbers < 0.4 else 30) - 90)
        hour = k % 5 == 0 or numbers >= 0.4
        if hour and numbers > 0.6:
            text = str((k % 12) or 12)
            canvas.text(text, 0.5 + 0.8 * r * math.cos(a), cy + 0.8 * r * math.sin(a), 0.058 if r > 0.32 else 0.05, ink)
        else:
            u, v = (0.82 if hour else 0.9), 0.95
            canvas.line(
                [(0.5 + t * r * math.cos(a), cy + t * r * math.sin(a)) for t in (u, v)], ink, 0.02 if hour else 0.007
            )
    minutes = random.uniform(0, 720)
    for turn, length, width in ((minutes / 720, 0.5, 0.032), (minutes / 60, 0.76, 0.022)):
        a = 2 * math.pi * turn - math.pi / 2
        canvas.line(
            [
                (0.5 - 0.1 * r * math.cos(a), cy - 0.1 * r * math.sin(a)),
                (0.5 + length * r * math.cos(a), cy + length * r * math.sin(a)),
            ],
            ink,
            width,
        )
    a = random.uniform(0, 6.3)
    if random.random() < 0.6:
        canvas.line([(0.5, cy), (0.5 + 0.8 * r * math.cos(a), cy + 0.8 * r * math.sin(a))], (0.85, 0.15, 0.12), 0.01)
    canvas.fill(ellipse(0.5, cy, 0.026, 0.026), (0.85, 0.15, 0.12) if random.random() < 0.5 else ink)


def book(canvas: Canvas, random: Random) -> None:
    """Closed, seen from the front with its pages, or open."""
    cover = any_colour(random, 0.35, 0.8)
    page = varied(random, (0.96, 0.93, 0.85), 0.02)
    if random.random() < 0.25:
        open_book(canvas, random, cover, page)
        return
    left, right, top, bottom = 0.14, 0.14 + random.uniform(0.56, 0.68), 0.06, 0.94
    thick = random.uniform(0.04, 0.1)
    canvas.fill(
        np.array(
            [
                (right - 0.01, top + 0.015),
                (right + thick, top + 0.045),
                (right + thick, bottom - 0.02),
                (right - 0.01, bottom - 0.01),
            ]
        ),
        linear(darker(page, 0.02), darker(page, 0.22), (right, 0), (right + thick, 0)),
        outline=True,
    )
    for u in np.linspace(0.2, 0.9, 4):
        canvas.line([(right + u * thick, top + 0.03), (right + u * thick, bottom - 0.02)], darker(page, 0.3), 0.004)
    canvas.fill(
        rounded(left, top, right, bottom, 0.02),
        linear(lighter(cover, 0.15), darker(cover, 0.22), (left, top), (right, bottom)),
        outline=True,
    )
    canvas.fill(
        box(left, top, left + 0.075, bottom),
        linear(darker(cover, 0.45), darker(cover, 0.12), (left, 0), (left + 0.075, 0)),
    )
    middle, wide = (left + 0.075 + right) / 2, right - left - 0.17
    ink = lighter(cover, 0.8) if sum(cover) < 1.9 else darker(cover, 0.75)
    style = random.random()
    title = str(random.choice(TITLES))
    if style < 0.4:
        canvas.line(
            rounded(left + 0.12, top + 0.06, right - 0.05, bottom - 0.06, 0.03), ink, 0.009, closed=True, opacity=0.8
        )
        canvas.text(title, middle, 0.26, 0.075, ink, wide * 0.85, "Serif-Bold")
        canvas.fill(polygon(middle, 0.58, 0.11, int(random.choice([4, 6, 30])), 45), ink, 0.85)
    elif style < 0.75:
        canvas.fill(box(left + 0.075, 0.22, right, 0.42), ink, 0.92)
        canvas.text(title, middle, 0.32, 0.08, cover, wide)
        canvas.line([(middle - 0.12, 0.8), (middle + 0.12, 0.8)], ink, 0.014)
    else:
        canvas.text(title, middle, 0.18, 0.07, ink, wide, "Sans-Bold")
        for _ in range(5):
            x, y = random.uniform(left + 0.2, right - 0.12), random.uniform(0.36, 0.82)
            canvas.fill(ellipse(x, y, 0.06, 0.06), varied(random, mix(cover, ink, random.random())), 0.8)


def open_book(canvas: Canvas, random: Random, cover: Colour, page: Colour) -> None:
    for side in (-1, 1):
        x = lambda u, s=side: 0.5 + s * u  # noqa: E731
        canvas.fill(np.array([(x(0), 0.3), (x(0.47), 0.25), (x(0.47), 0.8), (x(0), 0.86)]), cover, outline=True)
        top = smooth([(x(0), 0.3), (x(0.1), 0.235), (x(0.28), 0.22), (x(0.445), 0.235)], closed=False)
        low = smooth([(x(0.445), 0.765), (x(0.28), 0.75), (x(0.1), 0.765), (x(0), 0.83)], closed=False)
        canvas.fill(np.concatenate([top, low]), linear(darker(page, 0.25), page, (0.5, 0), (x(0.15), 0)), outline=True)
        for y in np.arange(0.33, 0.7, 0.045):
            end = random.uniform(0.3, 0.39)
            canvas.line(
                smooth([(x(0.06), y + 0.02), (x(0.2), y - 0.01), (x(end), y - 0.005)], closed=False),
                grey(0.35),
                0.012,
                opacity=0.75,
            )
    canvas.line([(0.5, 0.3), (0.5, 0.84)], darker(page, 0.5), 0.008)


def ball(canvas: Canvas, random: Random) -> None:
    r, kind = 0.46, random.random()
    c = (0.5, 0.5)
    if kind < 0.4:  # beach ball: sectors around a pole that looks somewhat to the viewer
        colours = [any_colour(random, 0.75, 1), (0.97, 0.97, 0.95), any_colour(random, 0.75, 1)]
        n = int(random.choice([6, 8]))
        pole = np.array([0.5 + random.uniform(-0.2, 0.2), 0.5 + random.uniform(-0.2, 0.2)])
        begin = random.uniform(0, 360)
        canvas.fill(ellipse(*c, r, r), colours[1], outline=True)
        for k in range(n):
            rim = ellipse(*c, r, r, begin + k * 360 / n, begin + (k + 1) * 360 / n, 12)
            bend = (rim[[0, -1]] + pole) / 2 + 0.12 * (pole - 0.5)
            there = smooth(np.stack([pole, bend[0], rim[0]]), closed=False)
            back = smooth(np.stack([rim[-1], bend[1], pole]), closed=False)
            curve = np.concatenate([there, rim, back])
            canvas.fill(curve, colours[(0, 1, 2, 1)[k % 4]])
        canvas.fill(ellipse(float(pole[0]), float(pole[1]), 0.055, 0.055), (0.97, 0.97, 0.95))
    elif kind < 0.75:  # football
        canvas.fill(ellipse(*c, r, r), (0.96, 0.96, 0.95), outline=True)
        turn, ink = random.uniform(0, 360), grey(0.1) if random.random() < 0.8 else any_colour(random, 0.3, 0.6)
        canvas.fill(polygon(0.5, 0.5, 0.15, 5, turn), ink)
        for k in range(5):
            a = math.radians(turn + 72 * k)
            x, y = math.cos(a), math.sin(a)
            canvas.line([(0.5 + 0.15 * x, 0.5 + 0.15 * y), (0.5 + 0.29 * x, 0.5 + 0.29 * y)], ink, 0.012)
            spread = [math.radians(turn + 72 * k + d) for d in (-26, 26)]
            for s in spread:
                canvas.line(
                    [(0.5 + 0.29 * x, 0.5 + 0.29 * y), (0.5 + 0.37 * math.cos(s), 0.5 + 0.37 * math.sin(s))], ink, 0.012
                )
            middle = math.radians(turn + 72 * k + 36)
            patch = [
                (0.5 + d * math.cos(middle + o), 0.5 + d * math.sin(middle + o))
                for d, o in ((0.36, 0), (0.405, -0.2), (0.458, -0.14), (0.46, 0), (0.458, 0.14), (0.405, 0.2))
            ]
            canvas.fill(np.array(patch), ink)
    else:  # basketball
        skin = varied(random, (0.86, 0.45, 0.16)) if random.random() < 0.7 else varied(random, (0.75, 0.88, 0.2))
        canvas.fill(ellipse(*c, r, r), skin, outline=True)
        seam, turn = darker(skin, 0.75), random.uniform(0, 180)
        for curve in (
            np.array([(0.04, 0.5), (0.96, 0.5)]),
            np.array([(0.5, 0.04), (0.5, 0.96)]),
            ellipse(0.02, 0.5, 0.3, 0.4, -62, 62, 24),
            ellipse(0.98, 0.5, 0.3, 0.4, 118, 242, 24),
        ):
            points = turned(smooth(curve, closed=False), turn, c) - c
            reach = np.hypot(points[:, 0], points[:, 1])[:, None]
            canvas.line(points * np.minimum(1, 0.452 / np.maximum(reach, 1e-9)) + c, seam, 0.016)
    for t in np.linspace(0.62, 0.98, 9):  # a sphere lit from the upper left
        canvas.fill(
            [ellipse(*c, r, r), ellipse(0.5 - 0.22 * (1 - t), 0.5 - 0.3 * (1 - t), r * t, r * t)],
            (0.05, 0.04, 0.12),
            0.075,
        )
    for size in (0.15, 0.11, 0.06):
        canvas.fill(ellipse(0.35, 0.31, size, size * 0.8), (1, 1, 1), 0.16)


def banana(canvas: Canvas, random: Random) -> None:
    """One or more, bent upwards."""
    ripe = random.random()
    skin = (
        hsv(random.uniform(0.13, 0.155), random.uniform(0.7, 0.9), random.uniform(0.9, 1))
        if ripe < 0.85
        else hsv(0.2, 0.65, 0.8)
    )
    many = int(random.choice([1, 1, 2, 3]))
    fat = random.uniform(0.07, 0.09)
    for k in range(many):
        drop = 0.08 * (many - 1 - k)
        spine = smooth(
            [
                (0.07, 0.26 - drop * 0.4),
                (0.16, 0.48 - drop),
                (0.36, 0.66 - drop),
                (0.6, 0.67 - drop),
                (0.82, 0.52 - drop),
                (0.93, 0.33 - drop * 0.5),
            ],
            closed=False,
        )
        t = np.linspace(0, 1, len(spine))
        wide = fat * np.clip(np.sin(np.pi * np.clip(t, 0.02, 0.98)) ** 0.45, 0.18, 1)
        along = np.gradient(spine, axis=0)
        normal = np.stack([-along[:, 1], along[:, 0]], 1) / np.linalg.norm(along, axis=1)[:, None]
        upper, lower = spine - normal * wide[:, None], spine + normal * wide[:, None]
        colour = darker(skin, 0.1 * (many - 1 - k))
        canvas.fill(
            np.concatenate([upper, lower[::-1]]),
            linear(lighter(colour, 0.2), darker(colour, 0.22), (0.4, 0.5 - drop), (0.5, 0.78 - drop)),
            outline=True,
        )
        canvas.line((spine + normal * (wide * 0.28)[:, None])[4:-3], darker(colour, 0.25), 0.009, opacity=0.7)
        canvas.line((spine - normal * (wide * 0.3)[:, None])[5:-5], lighter(colour, 0.5), 0.018, opacity=0.6)
        canvas.line(spine[:3], darker((0.45, 0.38, 0.12), 0.1), 0.05)
        canvas.line(spine[-2:], (0.25, 0.18, 0.1), 0.035)
        if ripe < 0.4:
            for _ in range(7):
                i = int(random.integers(6, len(spine) - 6))
                x, y = spine[i] + normal[i] * random.uniform(-0.7, 0.7) * wide[i]
                canvas.fill(blob(random, float(x), float(y), 0.02, 0.008, 0.4, 6), (0.4, 0.25, 0.08), 0.7)


def key(canvas: Canvas, random: Random) -> None:
    metal = varied(
        random, [(0.85, 0.68, 0.25), (0.72, 0.74, 0.77), (0.6, 0.42, 0.25)][random.choice(3, p=[0.5, 0.35, 0.15])]
    )
    paint = linear(lighter(metal, 0.45), darker(metal, 0.35), (0.5, 0.35), (0.5, 0.68))
    canvas.ink = max(canvas.ink, 0.009)  # always outlined: it is thin, and on wood hardly to be seen
    x, r = 0.25, random.uniform(0.2, 0.23)
    kind = random.random()
    shaft = random.uniform(0.048, 0.06)
    canvas.fill(
        box(x + r * 0.8, 0.5 - shaft, 0.95, 0.5 + shaft),
        linear(lighter(metal, 0.4), darker(metal, 0.3), (0, 0.46), (0, 0.54)),
        outline=True,
    )
    if kind < 0.5:  # an old key: a bit with notches at the end
        bit = random.uniform(0.17, 0.21)
        for a, b in ((0.7, 0.78), (0.85, 0.93)):
            canvas.fill(box(a, 0.5, b, 0.5 + bit * random.uniform(0.8, 1.2)), paint, outline=True)
        canvas.fill(box(0.69, 0.5, 0.94, 0.5 + bit * 0.55), paint)
        canvas.fill(ellipse(0.52, 0.5, 0.028, 0.09), paint, outline=True)
        if random.random() < 0.5:
            for dx, dy in ((-0.1, 0), (0.04, -0.12), (0.04, 0.12)):
                leaf = [ellipse(x + dx, 0.5 + dy, r * k, r * k) for k in (0.6, 0.27)]
                canvas.fill(leaf, paint, outline=True)
        else:
            canvas.fill([ellipse(x, 0.5, r, r), ellipse(x, 0.5, r * 0.58, r * 0.58)], paint, outline=True)
    else:  # a flat key with teeth
        teeth = [(0.5, 0.5)]
        for t in np.linspace(0.52, 0.92, 7):
            teeth.append((float(t), 0.5 + shaft + random.uniform(0.015, 0.09)))
        canvas.fill(np.array([*teeth, (0.95, 0.5)]), paint, outline=True)
        bow = rounded(x - r, 0.5 - r, x + r, 0.5 + r, 0.1) if random.random() < 0.5 else polygon(x, 0.5, r * 1.1, 6, 0)
        canvas.fill([bow, ellipse(x - r * 0.5, 0.5, r * 0.24, r * 0.24)], paint, outline=True)
        if random.random() < 0.5:
            canvas.fill(
                [ellipse(x + 0.02, 0.5, r * 0.62, r * 0.62), ellipse(x + 0.02, 0.5, r * 0.5, r * 0.5)],
                darker(metal, 0.4),
                0.6,
            )

"""Drawings of things seen outside: car, house, tree, traffic light, stop sign, umbrella.

Each function draws one thing on a canvas, upright, in colours and a form drawn by chance.
"""

from __future__ import annotations

import math

import numpy as np

from darkpy.synth.pen import (
    Canvas,
    Colour,
    Points,
    any_colour,
    blob,
    box,
    darker,
    ellipse,
    grey,
    hsv,
    lighter,
    linear,
    polygon,
    radial,
    rounded,
    sheen,
    smooth,
    varied,
)

Random = np.random.Generator
LAMP: Colour = (1.0, 0.86, 0.5)  # a lit window
BODIES = {  # outlines of cars: (x, height over the ground); the wheels stand at x = .24 and .76
    "saloon": [
        (0.03, 0.12),
        (0.03, 0.24),
        (0.09, 0.29),
        (0.24, 0.32),
        (0.36, 0.45),
        (0.64, 0.45),
        (0.78, 0.32),
        (0.94, 0.29),
        (0.97, 0.22),
        (0.97, 0.12),
    ],
    "hatchback": [
        (0.03, 0.12),
        (0.03, 0.26),
        (0.12, 0.31),
        (0.26, 0.34),
        (0.38, 0.48),
        (0.78, 0.48),
        (0.93, 0.34),
        (0.96, 0.25),
        (0.96, 0.12),
    ],
    "van": [
        (0.03, 0.12),
        (0.03, 0.28),
        (0.08, 0.33),
        (0.19, 0.37),
        (0.30, 0.55),
        (0.93, 0.55),
        (0.965, 0.48),
        (0.965, 0.12),
    ],
    "coupe": [
        (0.02, 0.11),
        (0.03, 0.2),
        (0.1, 0.25),
        (0.3, 0.28),
        (0.45, 0.39),
        (0.62, 0.39),
        (0.82, 0.28),
        (0.95, 0.26),
        (0.975, 0.2),
        (0.975, 0.11),
    ],
}
WINDOWS = {  # and of their windows
    "saloon": [(0.31, 0.32), (0.39, 0.42), (0.62, 0.42), (0.72, 0.32)],
    "hatchback": [(0.33, 0.34), (0.41, 0.45), (0.76, 0.45), (0.86, 0.34)],
    "van": [(0.26, 0.37), (0.335, 0.51), (0.9, 0.51), (0.9, 0.37)],
    "coupe": [(0.37, 0.285), (0.47, 0.365), (0.61, 0.365), (0.75, 0.285)],
}


def car(canvas: Canvas, random: Random) -> None:
    """From the side, nose to the left."""
    form = str(random.choice(list(BODIES)))
    colour = any_colour(random, 0.5, 0.92) if random.random() < 0.75 else grey(random.choice([0.2, 0.55, 0.75, 0.93]))
    base = 0.78

    def up(points: list[tuple[float, float]]) -> Points:
        return np.array([(x, base - y) for x, y in points])

    radius = random.uniform(0.085, 0.1)
    body, top = np.clip(smooth(up(BODIES[form]), n=6), 0.015, 0.985), max(y for _, y in BODIES[form])
    canvas.fill(box(0.14, base - 0.16, 0.86, base - 0.07), darker(colour, 0.75))  # below, between the wheels
    canvas.fill(body, linear(lighter(colour, 0.3), darker(colour, 0.3), (0, base - top), (0, base - 0.1)), outline=True)
    if random.random() < 0.3:
        stripe = lighter(colour, 0.75) if random.random() < 0.5 else darker(colour, 0.6)
        canvas.fill(box(0.045, base - 0.215, 0.955, base - 0.19), stripe, 0.85)
    glass = (0.55, 0.72, 0.8) if random.random() < 0.7 else (0.2, 0.25, 0.3)
    panes = up(WINDOWS[form])
    canvas.fill(panes, linear(lighter(glass, 0.35), darker(glass, 0.3), (0.35, base - top), (0.7, base - 0.3)))
    low, high = base - WINDOWS[form][0][1], base - WINDOWS[form][1][1]
    middle = random.uniform(0.52, 0.58)
    canvas.line([(middle, high - 0.01), (middle, low)], darker(colour, 0.15), 0.022)  # the pillar between the doors
    canvas.line([(middle, low), (middle, base - 0.14)], darker(colour, 0.45), 0.005)
    canvas.line([(middle + 0.04, low + 0.035), (middle + 0.08, low + 0.035)], darker(colour, 0.5), 0.011)
    canvas.line([(0.1, base - 0.125), (0.9, base - 0.125)], darker(colour, 0.5), 0.012)
    for x in (0.24, 0.76):
        canvas.fill(ellipse(x, base - 0.1, radius + 0.022, radius + 0.022), darker(colour, 0.8))
        wheel(canvas, random, x, base - radius, radius)
    lamp_y = base - BODIES[form][1][1] + 0.012
    canvas.fill(ellipse(0.062, lamp_y, 0.024, 0.018), radial((1, 1, 0.9), (0.95, 0.85, 0.55), (0.062, lamp_y), 0.03))
    canvas.fill(rounded(0.94, lamp_y - 0.016, 0.968, lamp_y + 0.016, 0.008), (0.85, 0.1, 0.08))
    if canvas.night:
        canvas.lamp(ellipse(0.062, lamp_y, 0.03, 0.024), (1, 0.95, 0.7))
        canvas.lamp(ellipse(0.955, lamp_y, 0.016, 0.018), (1, 0.1, 0.05))


def wheel(canvas: Canvas, random: Random, x: float, y: float, r: float) -> None:
    rim = grey(random.uniform(0.6, 0.9))
    canvas.fill(ellipse(x, y, r, r), radial(grey(0.22), grey(0.07), (x, y - r * 0.3), r * 1.3))
    canvas.fill(
        ellipse(x, y, r * 0.62, r * 0.62),
        linear(lighter(rim, 0.4), darker(rim, 0.35), (0, y - r * 0.6), (0, y + r * 0.6)),
    )
    for k in range(5):
        a = math.radians(72 * k + 17)
        canvas.line([(x, y), (x + 0.55 * r * math.cos(a), y + 0.55 * r * math.sin(a))], darker(rim, 0.55), r * 0.14)
    canvas.fill(ellipse(x, y, r * 0.18, r * 0.18), darker(rim, 0.25))


def house(canvas: Canvas, random: Random) -> None:
    wall = hsv(
        random.choice([0.02, 0.08, 0.11, 0.13, 0.3, 0.55, 0.6, 0.95]),
        random.uniform(0.05, 0.55),
        random.uniform(0.75, 0.98),
    )
    roof = varied(
        random,
        [(0.65, 0.2, 0.14), (0.5, 0.28, 0.18), (0.3, 0.33, 0.4), (0.36, 0.2, 0.25), (0.2, 0.36, 0.36)][
            random.integers(5)
        ],
    )
    width, storeys = random.uniform(0.62, 0.84), int(random.integers(1, 3))
    height = 0.3 if storeys == 1 else random.uniform(0.44, 0.5)
    left, right, bottom = 0.5 - width / 2, 0.5 + width / 2, 0.96
    eaves, over = bottom - height, random.uniform(0.03, 0.07)
    peak = eaves - random.uniform(0.2, 0.36)
    if random.random() < 0.7:
        x = 0.5 + random.choice([-1, 1]) * width * random.uniform(0.2, 0.32)
        bricks = varied(random, (0.6, 0.32, 0.25))
        canvas.fill(
            box(x - 0.045, peak - 0.01, x + 0.045, eaves), sheen(bricks, x - 0.045, x + 0.045, 0.2), outline=True
        )
        canvas.fill(box(x - 0.055, peak - 0.035, x + 0.055, peak), darker(bricks, 0.25))
    canvas.fill(
        box(left, eaves - 0.02, right, bottom),
        linear(lighter(wall, 0.15), darker(wall, 0.18), (left, 0), (right, 0.3)),
        outline=True,
    )
    if random.random() < 0.4:  # boards or courses of bricks
        for y in np.arange(eaves, bottom - 0.03, 0.035):
            canvas.line([(left + 0.005, y), (right - 0.005, y)], darker(wall, 0.16), 0.004)
    hipped = random.random() < 0.4
    ridge = width * (0.3 if hipped else 0)
    if random.random() < 0.35 and not hipped:  # the gable is wall
        canvas.fill(np.array([(left, eaves), (0.5, peak + 0.02), (right, eaves)]), darker(wall, 0.06))
        for side in (-1, 1):
            end = 0.5 + side * (width / 2 + over)
            canvas.line([(0.5, peak), (end, eaves + 0.02)], roof, 0.055)
        canvas.fill(ellipse(0.5, (eaves + peak) / 2 + 0.05, 0.045, 0.045), (0.35, 0.45, 0.55))
    else:
        slope = np.array([(left - over, eaves), (0.5 - ridge, peak), (0.5 + ridge, peak), (right + over, eaves)])
        canvas.fill(slope, linear(lighter(roof, 0.18), darker(roof, 0.2), (0, peak), (0, eaves)), outline=True)
        for t in np.linspace(0.18, 0.9, 6):  # rows of tiles
            half = ridge + t * (width / 2 + over - ridge)
            y = peak + t * (eaves - peak)
            canvas.line([(0.5 - half, y), (0.5 + half, y)], darker(roof, 0.4), 0.006)
        canvas.line([(left - over, eaves), (right + over, eaves)], darker(roof, 0.45), 0.02)
    door = 0.5 + random.choice([0.0, -0.3, 0.3]) * width
    for y in np.linspace(eaves + 0.13, bottom - 0.17, storeys) if storeys > 1 else [bottom - 0.17]:
        ground = y > bottom - 0.2
        for x in np.linspace(left + 0.12, right - 0.12, 3 if width > 0.7 else 2):
            if not (ground and abs(x - door) < 0.12):
                window(canvas, random, float(x), float(y))
    paint = any_colour(random, 0.3, 0.7)
    canvas.fill(box(door - 0.07, bottom - 0.235, door + 0.07, bottom), lighter(wall, 0.6))
    canvas.fill(box(door - 0.055, bottom - 0.22, door + 0.055, bottom), linear(lighter(paint, 0.1), darker(paint, 0.3)))
    canvas.fill(ellipse(door + 0.035, bottom - 0.1, 0.009, 0.009), (0.95, 0.8, 0.3))
    canvas.fill(box(left - 0.01, bottom - 0.018, right + 0.01, bottom), darker(wall, 0.45))


def window(canvas: Canvas, random: Random, x: float, y: float) -> None:
    half, tall = 0.055, 0.065
    lit = canvas.night and random.random() < 0.65
    canvas.fill(box(x - half - 0.014, y - tall - 0.014, x + half + 0.014, y + tall + 0.02), (0.97, 0.97, 0.95))
    pane = box(x - half, y - tall, x + half, y + tall)
    near, far = (LAMP, (0.95, 0.65, 0.25)) if lit else ((0.7, 0.85, 0.93), (0.28, 0.42, 0.55))
    canvas.fill(pane, linear(near, far, (x - half, y - tall), (x + half, y + tall)))
    if lit:
        canvas.lamp(pane, LAMP)
    canvas.line([(x, y - tall), (x, y + tall)], (0.97, 0.97, 0.95), 0.012)
    canvas.line([(x - half, y), (x + half, y)], (0.97, 0.97, 0.95), 0.012)


def tree(canvas: Canvas, random: Random) -> None:
    season = random.random()
    leaf = (
        hsv(random.uniform(0.22, 0.38), random.uniform(0.45, 0.8), random.uniform(0.4, 0.7))
        if season < 0.75
        else hsv(random.uniform(0.03, 0.13), random.uniform(0.65, 0.9), random.uniform(0.65, 0.9))
    )
    bark = varied(random, (0.42, 0.29, 0.19))
    if random.random() < 0.35:
        conifer(
            canvas, random, hsv(random.uniform(0.3, 0.42), random.uniform(0.4, 0.7), random.uniform(0.3, 0.5)), bark
        )
        return
    wide = random.uniform(0.026, 0.045)
    lean = random.uniform(-0.05, 0.05)
    trunk = smooth(
        [
            (0.5 - wide * 1.7, 0.97),
            (0.5 - wide, 0.8),
            (0.5 + lean - wide * 0.8, 0.5),
            (0.5 + lean + wide * 0.8, 0.5),
            (0.5 + wide, 0.8),
            (0.5 + wide * 1.7, 0.97),
        ]
    )
    canvas.fill(trunk, sheen(bark, 0.5 - wide, 0.5 + wide, 0.3), outline=True)
    for side in (-1, 1):
        canvas.line([(0.5, 0.68), (0.5 + side * 0.15, 0.48)], darker(bark, 0.15), wide * 0.7)
    cx, cy, rx, ry = 0.5 + lean, random.uniform(0.33, 0.38), random.uniform(0.27, 0.4), random.uniform(0.25, 0.3)
    angles = np.linspace(0, 2 * math.pi, 9, endpoint=False) + random.uniform(0, 1)
    rough = [
        blob(
            random,
            cx + 0.62 * rx * math.cos(a),
            cy + 0.58 * ry * math.sin(a),
            rx * random.uniform(0.42, 0.55),
            ry * random.uniform(0.42, 0.55),
            0.12,
        )
        for a in angles
    ]
    for curve in rough:
        canvas.fill(curve, darker(leaf, 0.38), outline=True)
    canvas.fill(ellipse(cx, cy, rx * 0.8, ry * 0.8), darker(leaf, 0.2))
    for depth in range(3):  # tufts, brighter towards the upper left, where the light is from
        for _ in range(10):
            a, r = random.uniform(0, 2 * math.pi), random.random() ** 0.5 * (0.85 - 0.2 * depth)
            x, y = cx + r * rx * math.cos(a) - 0.03 * depth, cy + r * ry * math.sin(a) - 0.035 * depth
            size = random.uniform(0.035, 0.08)
            canvas.fill(
                blob(random, x, y, size, size * 0.8, 0.3, 7),
                lighter(leaf, 0.1 * depth) if depth else darker(leaf, 0.08),
                0.8,
            )
    if season < 0.12:
        fruit = (0.85, 0.12, 0.1) if random.random() < 0.6 else (0.98, 0.75, 0.15)
        for _ in range(10):
            a, r = random.uniform(0, 2 * math.pi), random.random() ** 0.5 * 0.85
            x, y = cx + r * rx * math.cos(a), cy + r * ry * math.sin(a)
            canvas.fill(ellipse(x, y, 0.02, 0.02), radial(lighter(fruit, 0.4), fruit, (x - 0.006, y - 0.006), 0.02))


def conifer(canvas: Canvas, random: Random, leaf: Colour, bark: Colour) -> None:
    canvas.fill(box(0.465, 0.8, 0.535, 0.97), sheen(bark, 0.46, 0.54, 0.3), outline=True)
    tiers, base = int(random.integers(3, 6)), random.uniform(0.24, 0.36)
    for k in range(tiers):
        t = k / tiers
        bottom = 0.88 - t * 0.62
        top, half = bottom - 0.32 + 0.04 * t, base * (1 - 0.72 * t)
        teeth = [(0.5 + half * u, bottom + (0.025 if i % 2 else 0)) for i, u in enumerate(np.linspace(1, -1, 11))]
        canvas.fill(
            np.array([(0.5, max(0.03, top)), *teeth]),
            linear(
                lighter(leaf, 0.05 + 0.12 * t), darker(leaf, 0.4 - 0.2 * t), (0.5 - half, top), (0.5 + half, bottom)
            ),
            outline=True,
        )


def traffic_light(canvas: Canvas, random: Random) -> None:
    case = varied(
        random,
        [(0.13, 0.14, 0.13), (0.1, 0.1, 0.11), (0.16, 0.25, 0.17), (0.75, 0.6, 0.12)][
            random.choice(4, p=[0.4, 0.3, 0.15, 0.15])
        ],
    )
    half, r = random.uniform(0.15, 0.18), 0.1
    if random.random() < 0.35:  # a board behind it
        canvas.fill(rounded(0.5 - half - 0.06, 0.03, 0.5 + half + 0.06, 0.97, 0.06), (0.95, 0.95, 0.95))
        canvas.fill(rounded(0.5 - half - 0.045, 0.045, 0.5 + half + 0.045, 0.955, 0.05), grey(0.08))
    canvas.fill(
        rounded(0.5 - half, 0.06, 0.5 + half, 0.94, 0.06), sheen(case, 0.5 - half, 0.5 + half, 0.22), outline=True
    )
    lamps = [(1.0, 0.16, 0.1), (1.0, 0.74, 0.1), (0.2, 0.95, 0.4)]
    lit = [(0,), (1,), (2,), (0, 1)][random.choice(4, p=[0.38, 0.14, 0.4, 0.08])]
    for k, colour in enumerate(lamps):
        y = 0.21 + 0.29 * k
        canvas.fill(ellipse(0.5, y, r * 1.22, r * 1.22), darker(case, 0.55))
        if k in lit:
            canvas.fill(ellipse(0.5, y, r, r), radial(lighter(colour, 0.65), colour, (0.5, y), r))
            canvas.lamp(ellipse(0.5, y, r, r), colour)
        else:
            dim = darker(colour, 0.68)
            canvas.fill(ellipse(0.5, y, r, r), radial(lighter(dim, 0.15), dim, (0.47, y - 0.03), r))
        hood = np.concatenate(
            [
                ellipse(0.5, y, r * 1.32, r * 1.3, 190, 350, 20),
                ellipse(0.5, y + 0.015, r * 1.12, r * 0.98, 350, 190, 20),
            ]
        )
        canvas.fill(hood, linear(lighter(case, 0.2), darker(case, 0.5), (0, y - r * 1.3), (0, y)))


def stop_sign(canvas: Canvas, random: Random) -> None:
    red = varied(random, (0.78, 0.09, 0.11), 0.05)
    canvas.fill(polygon(0.5, 0.5, 0.47, 8, 22.5), linear(grey(0.97), grey(0.82)), outline=True)
    canvas.fill(polygon(0.5, 0.5, 0.435, 8, 22.5), linear(lighter(red, 0.1), darker(red, 0.12), (0.2, 0), (0.8, 1)))
    word = str(random.choice(["STOP"] * 8 + ["ALTO", "PARE"]))
    canvas.text(word, 0.5, 0.5, random.uniform(0.24, 0.29), (0.98, 0.98, 0.96), random.uniform(0.7, 0.76))
    if random.random() < 0.3:  # worn
        for _ in range(6):
            x, y = random.uniform(0.2, 0.8, 2).tolist()
            canvas.fill(blob(random, x, y, 0.03, 0.02, 0.5, 6), darker(red, 0.5), random.uniform(0.15, 0.4))


def umbrella(canvas: Canvas, random: Random) -> None:
    """Open, its handle down."""
    a = any_colour(random, 0.6, 0.95)
    b = a if random.random() < 0.25 else (0.97, 0.96, 0.92) if random.random() < 0.5 else any_colour(random, 0.6, 0.95)
    panels = int(random.choice([4, 5, 6, 7]))
    top, edge, rx = 0.1, random.uniform(0.44, 0.5), 0.46
    wood = varied(random, [(0.5, 0.32, 0.18), (0.15, 0.15, 0.17), (0.75, 0.75, 0.78)][random.integers(3)])
    stick = (
        np.concatenate([[(0.5, top)], [(0.5, 0.8)], ellipse(0.555, 0.87, 0.055, 0.065, 180, 10, 16)])
        if random.random() < 0.75
        else np.array([(0.5, top), (0.5, 0.96)])
    )
    canvas.line(stick, darker(wood, 0.3), 0.026)
    canvas.line(stick - (0.004, 0), wood, 0.012)
    bounds = -np.cos(np.linspace(0, math.pi, panels + 1))  # evenly spaced around a half circle, seen from the side
    for k in range(panels):
        colour = (a, b)[k % 2]
        left, right = bounds[k] * rx, bounds[k + 1] * rx
        rib = [
            (math.sin(t) * x + 0.5, edge - math.cos(t) * (edge - top))
            for x in (left, right)
            for t in np.linspace(0, math.pi / 2, 12)
        ]
        sag = (right - left) * 0.22
        bottom = [(0.5 + left + (right - left) * u, edge - sag * math.sin(math.pi * u)) for u in np.linspace(0, 1, 9)]
        curve = np.array(rib[:12] + bottom[1:-1] + rib[12:][::-1])
        t = (left + right) / (2 * rx)
        shade = lighter(colour, 0.16 * max(0, -t)) if t < 0 else darker(colour, 0.3 * t)
        canvas.fill(curve, linear(lighter(shade, 0.2), darker(shade, 0.2), (0, top), (0, edge)), outline=True)
        canvas.line(rib[12:], darker(shade, 0.3), 0.005)
    canvas.line([(0.5, top - 0.055), (0.5, top + 0.01)], darker(wood, 0.2), 0.02)

"""Drawings of what lies and stands between the things and is none of them: so that a net learns not to fall for it.

Some resemble a thing in form or colour on purpose: a round blue sign, a plate, a bush, a red board with words.
"""

from __future__ import annotations

import math

import numpy as np

from darkpy.synth.pen import (
    Canvas,
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
WORDS = (
    "OPEN",
    "SALE",
    "CAFE",
    "HELLO",
    "TAXI",
    "EXIT",
    "BUS",
    "MILK",
    "2 FOR 1",
    "GO",
    "NEW",
    "PARK",
    "ZOO",
    "RADIO",
    "42",
    "HOTEL",
    "SHOP",
    "STOP",
    "NO",
    "YES",
    "TEA",
    "7:30",
)


def board(canvas: Canvas, random: Random) -> None:
    """Words on a board, a poster or a label."""
    ground = any_colour(random, 0.3, 0.95)
    ink = grey(0.97) if sum(ground) < 1.7 else grey(0.1)
    tall = random.uniform(0.1, 0.42)
    shape = rounded(0.04, 0.5 - tall, 0.96, 0.5 + tall, random.choice([0.0, 0.03, 0.12]))
    canvas.fill(shape, linear(lighter(ground, 0.15), darker(ground, 0.15)), outline=True)
    lines = int(np.clip(round(tall * 8), 1, 3))
    for k in range(lines):
        y = 0.5 + (k - (lines - 1) / 2) * 2 * tall / lines * 0.9
        canvas.text(
            str(random.choice(WORDS)),
            0.5,
            y,
            min(0.2, tall * 1.1 / lines),
            ink,
            0.8,
            str(random.choice(["Sans-Bold", "Serif-Bold", "Sans", "SansMono-Bold"])),
        )


def word(canvas: Canvas, random: Random) -> None:
    """Words alone, painted on whatever is behind."""
    canvas.text(
        str(random.choice(WORDS)),
        0.5,
        0.5,
        random.uniform(0.15, 0.35),
        any_colour(random, 0.1, 0.95),
        0.92,
        str(random.choice(["Sans-Bold", "Serif-Bold", "Serif-Italic"])),
    )


def sign(canvas: Canvas, random: Random) -> None:
    """Road signs other than the stop sign."""
    kind = int(random.integers(5))
    red, blue = varied(random, (0.8, 0.1, 0.12)), varied(random, (0.1, 0.3, 0.7))
    if kind == 0:
        canvas.fill(polygon(0.5, 0.44, 0.48, 3, 90), red, outline=True)
        canvas.fill(polygon(0.5, 0.44, 0.31, 3, 90), grey(0.96))
    elif kind == 1:
        canvas.fill(ellipse(0.5, 0.5, 0.46, 0.46), red, outline=True)
        canvas.fill(ellipse(0.5, 0.5, 0.35, 0.35), grey(0.97))
        canvas.text(str(random.choice(["30", "50", "80", "100"])), 0.5, 0.5, 0.28, grey(0.08), 0.58)
    elif kind == 2:
        canvas.fill(ellipse(0.5, 0.5, 0.46, 0.46), red, outline=True)
        canvas.fill(box(0.2, 0.42, 0.8, 0.58), grey(0.97))
    elif kind == 3:
        canvas.fill(ellipse(0.5, 0.5, 0.46, 0.46), blue, outline=True)
        canvas.line([(0.5, 0.8), (0.5, 0.25)], grey(0.97), 0.09)
        canvas.line([(0.33, 0.42), (0.5, 0.24), (0.67, 0.42)], grey(0.97), 0.09)
    else:
        yellow = varied(random, (0.98, 0.8, 0.1))
        canvas.fill(polygon(0.5, 0.5, 0.48, 4), grey(0.08))
        canvas.fill(polygon(0.5, 0.5, 0.44, 4), yellow)
        canvas.line([(0.5, 0.28), (0.5, 0.58)], grey(0.08), 0.08)
        canvas.fill(ellipse(0.5, 0.7, 0.045, 0.045), grey(0.08))


def bush(canvas: Canvas, random: Random) -> None:
    leaf = hsv(random.uniform(0.22, 0.38), random.uniform(0.4, 0.75), random.uniform(0.35, 0.6))
    for depth in range(4):
        for _ in range(7):
            x = 0.5 + random.uniform(-0.33, 0.33) * (1 - 0.15 * depth)
            y = 0.74 - random.uniform(0, 0.22) - 0.045 * depth
            canvas.fill(
                blob(random, x, y, 0.15 - 0.025 * depth, 0.12 - 0.02 * depth, 0.2, 8),
                lighter(darker(leaf, 0.35), 0.09 * depth),
            )
    if random.random() < 0.5:
        petal = any_colour(random, 0.8, 1)
        for _ in range(14):
            x, y = random.uniform(0.2, 0.8), random.uniform(0.45, 0.8)
            canvas.fill(ellipse(x, y, 0.018, 0.018), petal)


def rock(canvas: Canvas, random: Random) -> None:
    stone = grey(random.uniform(0.4, 0.65))
    canvas.fill(
        blob(random, 0.5, 0.6, 0.42, 0.28, 0.18, 8),
        linear(lighter(stone, 0.3), darker(stone, 0.35), (0.3, 0.3), (0.6, 0.9)),
        outline=True,
    )
    canvas.line(smooth([(0.35, 0.45), (0.42, 0.58), (0.4, 0.7)], closed=False), darker(stone, 0.4), 0.012)


def fence(canvas: Canvas, random: Random) -> None:
    paint = grey(0.93) if random.random() < 0.5 else varied(random, (0.55, 0.38, 0.24))
    for y in (0.5, 0.72):
        canvas.fill(box(0.0, y, 1, y + 0.07), darker(paint, 0.12))
    for x in np.linspace(0.03, 0.88, 7):
        canvas.fill(
            np.array([(x, 0.4), (x + 0.045, 0.32), (x + 0.09, 0.4), (x + 0.09, 0.95), (x, 0.95)]),
            sheen(paint, x, x + 0.09, 0.15),
            outline=True,
        )


def street_lamp(canvas: Canvas, random: Random) -> None:
    iron = grey(random.uniform(0.12, 0.35))
    canvas.line([(0.5, 0.98), (0.5, 0.12)], iron, 0.03)
    canvas.line(smooth([(0.5, 0.2), (0.52, 0.08), (0.62, 0.05)], closed=False), iron, 0.024)
    canvas.fill(np.array([(0.56, 0.05), (0.7, 0.05), (0.74, 0.1), (0.53, 0.1)]), darker(iron, 0.2))
    glass = ellipse(0.635, 0.105, 0.085, 0.035)
    canvas.fill(glass, (1, 0.93, 0.7))
    if canvas.night:
        canvas.lamp(glass, (1, 0.88, 0.55))
    canvas.fill(box(0.46, 0.94, 0.54, 0.99), darker(iron, 0.3))


def crate(canvas: Canvas, random: Random) -> None:
    card = varied(random, (0.76, 0.58, 0.38)) if random.random() < 0.7 else any_colour(random, 0.4, 0.9)
    canvas.fill(box(0.1, 0.3, 0.72, 0.92), linear(lighter(card, 0.1), darker(card, 0.15)), outline=True)
    canvas.fill(np.array([(0.72, 0.3), (0.92, 0.2), (0.92, 0.78), (0.72, 0.92)]), darker(card, 0.35), outline=True)
    canvas.fill(np.array([(0.1, 0.3), (0.3, 0.2), (0.92, 0.2), (0.72, 0.3)]), lighter(card, 0.25), outline=True)
    canvas.fill(box(0.36, 0.3, 0.46, 0.92), lighter(card, 0.2), 0.8)


def bottle(canvas: Canvas, random: Random) -> None:
    glass = hsv(random.choice([0.3, 0.1, 0.55, 0.35]), random.uniform(0.3, 0.8), random.uniform(0.3, 0.75))
    outline = smooth(
        [
            (0.44, 0.06),
            (0.44, 0.28),
            (0.34, 0.42),
            (0.33, 0.9),
            (0.4, 0.96),
            (0.6, 0.96),
            (0.67, 0.9),
            (0.66, 0.42),
            (0.56, 0.28),
            (0.56, 0.06),
        ]
    )
    canvas.fill(outline, sheen(glass, 0.32, 0.68, 0.4), outline=True)
    canvas.fill(box(0.335, 0.52, 0.665, 0.78), lighter(any_colour(random, 0.6, 1), 0.3))
    canvas.text(str(random.choice(WORDS)), 0.5, 0.65, 0.09, grey(0.15), 0.28)
    canvas.fill(box(0.43, 0.03, 0.57, 0.1), any_colour(random, 0.3, 0.8))


def plate(canvas: Canvas, random: Random) -> None:
    china = lighter(any_colour(random, 0.8, 1), 0.75)
    canvas.fill(
        ellipse(0.5, 0.5, 0.47, 0.47), radial(lighter(china, 0.3), darker(china, 0.12), (0.5, 0.5), 0.5), outline=True
    )
    canvas.line(ellipse(0.5, 0.5, 0.41, 0.41), any_colour(random, 0.3, 0.8), 0.02, closed=True)
    canvas.fill(ellipse(0.5, 0.5, 0.31, 0.31), radial(lighter(china, 0.5), darker(china, 0.07), (0.55, 0.6), 0.35))


def apple(canvas: Canvas, random: Random) -> None:
    skin = varied(random, [(0.82, 0.12, 0.12), (0.55, 0.72, 0.2), (0.9, 0.65, 0.2)][int(random.integers(3))])
    canvas.fill(
        smooth(
            [
                (0.5, 0.27),
                (0.7, 0.2),
                (0.88, 0.38),
                (0.84, 0.68),
                (0.64, 0.9),
                (0.5, 0.86),
                (0.36, 0.9),
                (0.16, 0.68),
                (0.12, 0.38),
                (0.3, 0.2),
            ]
        ),
        radial(lighter(skin, 0.4), darker(skin, 0.2), (0.36, 0.4), 0.55),
        outline=True,
    )
    canvas.line(smooth([(0.5, 0.3), (0.51, 0.18), (0.57, 0.1)], closed=False), (0.35, 0.24, 0.14), 0.035)
    canvas.fill(smooth([(0.53, 0.2), (0.66, 0.08), (0.8, 0.12), (0.68, 0.22)]), (0.35, 0.6, 0.22))


def flower(canvas: Canvas, random: Random) -> None:
    """In a pot."""
    petal, pot = any_colour(random, 0.75, 1), varied(random, (0.72, 0.38, 0.24))
    for x, y in ((0.5, 0.25), (0.3, 0.36), (0.7, 0.4)):
        canvas.line(smooth([(0.5, 0.7), ((x + 0.5) / 2 + 0.02, 0.55), (x, y)], closed=False), (0.25, 0.5, 0.2), 0.022)
        for k in range(6):
            a = math.radians(60 * k)
            canvas.fill(ellipse(x + 0.07 * math.cos(a), y + 0.07 * math.sin(a), 0.05, 0.05), petal, outline=True)
        canvas.fill(ellipse(x, y, 0.045, 0.045), (0.98, 0.8, 0.25))
    canvas.fill(
        np.array([(0.3, 0.66), (0.7, 0.66), (0.64, 0.96), (0.36, 0.96)]), sheen(pot, 0.3, 0.7, 0.25), outline=True
    )
    canvas.fill(box(0.27, 0.62, 0.73, 0.7), sheen(pot, 0.27, 0.73, 0.25), outline=True)


def picture_frame(canvas: Canvas, random: Random) -> None:
    wood = varied(random, [(0.5, 0.34, 0.2), (0.15, 0.15, 0.16), (0.85, 0.7, 0.35)][int(random.integers(3))])
    tall = random.uniform(0.3, 0.48)
    canvas.fill(box(0.08, 0.5 - tall, 0.92, 0.5 + tall), linear(lighter(wood, 0.25), darker(wood, 0.2)), outline=True)
    top, low = 0.5 - tall + 0.07, 0.5 + tall - 0.07
    canvas.fill(
        box(0.15, top, 0.85, low), linear(any_colour(random, 0.6, 1), any_colour(random, 0.6, 1), (0, top), (0, low))
    )
    for _ in range(5):
        x, y = random.uniform(0.25, 0.75), random.uniform(top + 0.1, low - 0.1)
        canvas.fill(blob(random, x, y, 0.09, 0.07, 0.4), any_colour(random, 0.3, 1), 0.8)


def pencil(canvas: Canvas, random: Random) -> None:
    paint = any_colour(random, 0.5, 0.95)
    canvas.fill(
        box(0.1, 0.47, 0.8, 0.53), linear(lighter(paint, 0.3), darker(paint, 0.3), (0, 0.47), (0, 0.53)), outline=True
    )
    canvas.fill(np.array([(0.8, 0.47), (0.93, 0.5), (0.8, 0.53)]), (0.93, 0.8, 0.6))
    canvas.fill(np.array([(0.895, 0.49), (0.93, 0.5), (0.895, 0.51)]), grey(0.15))
    canvas.fill(rounded(0.05, 0.468, 0.11, 0.532, 0.02), (0.93, 0.55, 0.58))


def shapes(canvas: Canvas, random: Random) -> None:
    """A figure or two without a meaning."""
    for _ in range(int(random.integers(1, 4))):
        x, y = random.uniform(0.35, 0.65, 2).tolist()
        colour = any_colour(random, 0.2, 1)
        figures: list[Points] = [
            polygon(x, y, 0.3, int(random.integers(3, 9)), random.uniform(0, 90)),
            ellipse(x, y, 0.3, random.uniform(0.12, 0.3)),
            blob(random, x, y, 0.3, 0.26, 0.35),
            box(x - 0.3, y - 0.06, x + 0.3, y + 0.06),
        ]
        canvas.fill(
            figures[int(random.integers(len(figures)))],
            linear(lighter(colour, 0.2), darker(colour, 0.25), (x - 0.3, y - 0.3), (x + 0.3, y + 0.3)),
            outline=True,
        )


def pole(canvas: Canvas, random: Random) -> None:
    """What signs and traffic lights stand on."""
    metal = grey(random.uniform(0.3, 0.7))
    canvas.fill(box(0.485, 0.0, 0.515, 1), linear(lighter(metal, 0.3), darker(metal, 0.3), (0.485, 0), (0.515, 0)))


OUTSIDE = (bush, bush, rock, fence, street_lamp, sign, board, crate)
INSIDE = (bottle, plate, apple, flower, crate, pencil, board)
ON_WALL = (picture_frame, board, word)
ANYWHERE = (board, word, sign, bush, rock, crate, bottle, plate, apple, flower, picture_frame, pencil, shapes, shapes)

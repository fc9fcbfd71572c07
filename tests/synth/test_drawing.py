"""Canvas, curves and every drawing: what is painted, and that it stays inside its canvas."""

import inspect

import numpy as np
import pytest

from darkpy.synth import clutter
from darkpy.synth.pen import Canvas, blob, box, ellipse, flat, linear, radial, rounded, smooth, turned
from darkpy.synth.things import THINGS
from darkpy.vision import paint

DRAWINGS = [t.draw for t in THINGS] + [f for _, f in inspect.getmembers(clutter, inspect.isfunction)
                                       if f.__module__ == clutter.__name__]


def random(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("draw", DRAWINGS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("night", [False, True])
def test_every_drawing(draw, night):
    pictures = []
    for seed in range(6):
        canvas = Canvas(96, night, ink=0.01 * (seed % 2))
        draw(canvas, random(seed))
        rgba = canvas.rgba
        assert np.isfinite(rgba).all() and rgba.min() >= 0 and rgba.max() <= 1 + 1e-5
        assert (rgba[:, :, :3] <= rgba[:, :, 3:] + 1e-5).all(), "colours are multiplied by alpha"
        assert (rgba[:, :, 3] > 0.9).mean() > 0.004
        assert all(points.min() > -0.1 and points.max() < 1.1 for points, _ in canvas.lamps)
        pictures.append(rgba)
        again = Canvas(96, night, ink=0.01 * (seed % 2))
        draw(again, random(seed))
        np.testing.assert_array_equal(rgba, again.rgba)
    assert any((pictures[0] != other).any() for other in pictures[1:])


@pytest.mark.parametrize("thing", THINGS, ids=lambda t: t.name)
def test_things_are_whole(thing):
    """The edge of the canvas cuts off nothing of a thing, or the tip of a corner."""
    for seed in range(8):
        canvas = Canvas(160)
        thing.draw(canvas, random(seed))
        edge = np.ones((160, 160), bool)
        edge[1:-1, 1:-1] = False
        assert (canvas.rgba[:, :, 3][edge] > 0.5).sum() <= 8, seed


def test_gradients():
    sprite = np.zeros((20, 20, 4), np.float32)
    mask = np.full((10, 20), 255, np.uint8)
    near, far = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    paint.blend(sprite, mask, 0, 5, near, far, np.array([0.0, 0, 20, 0]), False, 1.0)
    t = (np.arange(20) + 0.5) / 20
    np.testing.assert_allclose(sprite[7, :, :], np.stack([1 - t, 0 * t, t, 1 + 0 * t], 1), atol=1e-6)
    assert not sprite[:5].any() and not sprite[15:].any()
    paint.blend(sprite, mask, 0, 5, far, near, np.array([10.0, 10, 14, 10]), True, 0.5)
    y, x = np.mgrid[5:15, :20] + 0.5
    r = np.minimum(np.hypot(x - 10, y - 10) / 4, 1)
    np.testing.assert_allclose(sprite[5:15, :, 0], (1 - t) / 2 + r / 2, atol=1e-6)
    np.testing.assert_allclose(sprite[5:15, :, 3], 1, atol=1e-6)


def test_fill_covers_what_it_should():
    canvas = Canvas(100)
    canvas.fill([box(0.2, 0.2, 0.8, 0.8), box(0.4, 0.4, 0.6, 0.6)], (1, 1, 1))
    alpha = canvas.rgba[:, :, 3]
    assert alpha.sum() == pytest.approx(60 * 60 - 20 * 20, rel=0.08)
    assert alpha[50, 50] == 0 and alpha[30, 30] == 1 and alpha[10, 10] == 0
    canvas.fill(box(2, 2, 3, 3), (1, 0, 0))  # outside: nothing happens
    canvas.fill(ellipse(0.5, 0.5, 0.1, 0.1), flat((0, 1, 0)), opacity=0.25)
    assert canvas.rgba[50, 50].tolist() == pytest.approx([0, 0.25, 0, 0.25])


def test_text_keeps_its_width():
    canvas = Canvas(200)
    canvas.text("WIDE WORDS", 0.5, 0.5, 0.2, (1, 1, 1), width=0.4)
    columns = np.flatnonzero(canvas.rgba[:, :, 3].max(0) > 0.1)
    assert 55 < columns[0] < 75 and 125 < columns[-1] < 145
    canvas.text("OUT", 1.0, 0.0, 0.3, (1, 1, 1))  # half of it beyond the corner


def test_curves():
    circle = ellipse(0.5, 0.5, 0.3, 0.3)
    np.testing.assert_allclose(np.hypot(*(circle - 0.5).T), 0.3)
    np.testing.assert_allclose(turned(np.array([(1.0, 0.0)]), 90, (0, 0)), [(0, 1)], atol=1e-12)
    corners = [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9)]
    for closed in (True, False):
        curve = smooth(corners, closed=closed)
        assert all(np.abs(curve - c).sum(1).min() < 1e-9 for c in corners), "it goes through its points"
    assert rounded(0.1, 0.2, 0.9, 0.8, 5).min() >= 0.1 - 1e-9
    assert len(blob(random(), 0.5, 0.5, 0.1, 0.1)) > 20
    assert linear((0, 0, 0), (1, 1, 1)).is_round is False and radial((0, 0, 0), (1, 1, 1), (0, 0), 1).is_round


def test_stamp():
    generator = random(1)
    picture = generator.random((12, 15, 3)).astype(np.float32)
    sprite = generator.random((6, 6, 4)).astype(np.float32)
    sprite[:, :, :3] *= sprite[:, :, 3:]
    owner, light = np.zeros((12, 15), np.int32), np.array([1, 0.5, 0.25])
    want = picture.astype(float)
    want[8:12, 0:4] = want[8:12, 0:4] * (1 - sprite[:4, 2:, 3:]) + sprite[:4, 2:, :3] * light
    paint.stamp(picture, sprite, -2, 8, light, owner, 3)
    np.testing.assert_allclose(picture, want, atol=1e-6)
    np.testing.assert_array_equal(owner[8:12, 0:4] == 3, sprite[:4, 2:, 3] > 0.5)
    counts = np.empty(3, np.int64)
    paint.count(owner, counts)
    assert counts.tolist() == [(owner == 0).sum(), 0, 0]

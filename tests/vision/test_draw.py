"""Drawing: where colours appear, what is left alone, labels inside and apart, odd input."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from darkpy.vision import draw
from darkpy.vision.draw import colour_of, draw_detections, text_colour

GREY = np.full((300, 400, 3), 128, np.uint8)


def test_line_and_label_have_the_colour_of_the_class():
    out = draw_detections(GREY, [[100, 80, 300, 250]], [3], [0.87], ["a", "b", "c", "dog"])
    colour = np.array(colour_of(3))
    for x, y in ((200, 250), (100, 200), (300, 200)):
        part = out[y - 2 : y + 2, x - 2 : x + 2].reshape(-1, 3)
        assert np.abs(part.astype(int) - colour).sum(axis=1).min() == 0, (x, y)
    label = out[60:80, 100:140].reshape(-1, 3)
    assert (label == colour).all(axis=1).sum() > 50
    assert (np.abs(label.astype(int) - text_colour(colour_of(3))).sum(axis=1) < 60).sum() > 10
    assert (out[100:240, 110:290] == 128).all() and (out[260:] == 128).all() and (GREY == 128).all()


def test_nothing_to_draw():
    np.testing.assert_array_equal(draw_detections(GREY, [], [], []), GREY)
    assert draw_detections(np.zeros((0, 5, 3), np.uint8), [[0, 0, 1, 1]], [0], [1]).shape == (0, 5, 3)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2), (20, 200), (200, 7), (100, 80), (640, 480)])
def test_any_size_and_any_box(width, height):
    rgb = np.zeros((height, width, 3), np.uint8)
    odd = [-1e30, -5, 0, 0.4, width / 2, width, 1e9, np.inf, np.nan]
    boxes = np.array(list(itertools.product(odd, repeat=2)))
    boxes = np.concatenate([boxes, boxes[::-1]], axis=1)
    n = len(boxes)
    confidence = np.resize([0.5, 1.0, np.nan, 7.0, np.inf], n)
    names = ["", "x" * 500, "a\nb\t\x1b[31m", "Žluťoučký 猫 كلب", "\ud800"]
    out = draw_detections(rgb, boxes, np.arange(n) - 3, confidence, names)
    assert out.shape == rgb.shape and out.any()


def test_labels_stay_inside_and_apart(monkeypatch):
    places = []
    monkeypatch.setattr(draw, "_label", lambda canvas, text, place, colour, style: places.append(place))
    rng = np.random.default_rng(0)
    corner = rng.random((12, 2)) * (350, 250)
    boxes = np.concatenate([corner, corner + rng.random((12, 2)) * 100 + 5], axis=1)
    boxes[1] = boxes[0]
    draw_detections(GREY, boxes, range(12), np.linspace(0.3, 0.9, 12), ["name"] * 12)
    assert len(places) == 12
    for place in places:
        assert place.left >= 0 and place.top >= 0 and place.right <= 400 and place.bottom <= 300
    for a, b in itertools.combinations(places, 2):
        assert draw._common_area(a, b) == 0


def test_colours_are_stable_distinct_and_readable():
    assert colour_of(0) == colour_of(0) and len({colour_of(k) for k in range(80)}) > 75
    for k in range(60):
        near = [np.abs(np.subtract(colour_of(k), colour_of(k + d))).max() for d in range(1, 5)]
        assert min(near) > 40
        background, text = luminance(colour_of(k)), luminance(text_colour(colour_of(k)))
        assert (max(background, text) + 0.05) / (min(background, text) + 0.05) > 4.5
    assert text_colour((0, 0, 0)) == (255, 255, 255) and text_colour((255, 255, 255)) == (0, 0, 0)


def luminance(colour):
    v = np.array(colour) / 255
    return float(np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722))


def test_wrong_arguments():
    with pytest.raises(ValueError, match="uint8"):
        draw_detections(GREY.astype(np.float32), [], [], [])
    with pytest.raises(ValueError, match="1 boxes, 2 classes"):
        draw_detections(GREY, [[0, 0, 1, 1]], [1, 2], [0.5])


def test_without_matplotlib_pillows_own_font_serves(monkeypatch):
    draw._font.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = draw_detections(GREY, [[100, 80, 300, 250]], [0], [0.5])
    draw._font.cache_clear()
    assert (out != GREY).any()


def test_importing_vision_compiles_nothing_and_leaves_matplotlib_alone():
    program = (
        "import sys, numba.core.compiler as c\n"
        "def no(*a, **k): raise SystemExit('compiled at import')\n"
        "c.compile_extra = no\n"
        "from darkpy.vision import boxes, colour, decode, draw, image, names, nms, tree, truth, warp\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_truth_has_names_alone():
    boxes, names = [[100, 80, 300, 250]], ["a very long name of a class", "dog"]
    known = draw_detections(GREY, boxes, [1], None, names)
    found = draw_detections(GREY, boxes, [1], [0.5], names)
    label = slice(40, 78), slice(95, 250)
    colour = np.array(colour_of(1))
    assert 0 < (known[label] == colour).all(-1).sum() < (found[label] == colour).all(-1).sum()
    narrow = draw_detections(GREY[:, :60], [[1, 100, 59, 200]], [0], None, names)
    assert (narrow != GREY[:, :60]).any()

"""Augmentation: the distributions of the original, labels that stay on their objects, repeatability."""

import numpy as np
import pytest

from darkpy.datasets import augment
from darkpy.datasets.augment import Colours, Windows
from tests.datasets.scenes import picture

RGB = picture()
LABEL = np.array([[1, 0.4, 0.6, 0.3, 0.5]], np.float32)
COLOURS = Colours(0.1, 1.5, 1.5)
SAMPLES = 1500

# Means, then deviations, of a box's x, y, w, h; mean and deviation of images' means, and of their deviations: from
# 20000 samples that the original made of this picture at 32x32 with jitter .3, hue .1, saturation and exposure 1.5
# (classification: min 32, max 48, angle 7, aspect .75).
PLACED = [0.5003, 0.5685, 0.2988, 0.3423, 0.0998, 0.1046, 0.0056, 0.0813, 0.4889, 0.1183, 0.1867, 0.0524]
CROPPED = [0.4983, 0.5943, 0.3175, 0.5098, 0.1634, 0.11, 0.0829, 0.1154, 0.4809, 0.1267, 0.2238, 0.06]
WINDOW = [0.48, 0.1303, 0.1797, 0.054]


def generator(k):
    return np.random.default_rng((3, k))


def moments(make):
    """As recorded, for make(generator, out)."""
    boxes, means, deviations = [], [], []
    for k in range(SAMPLES):
        out = np.full((3, 32, 32), np.nan, np.float32)
        labels = make(generator(k), out)
        assert out.min() >= 0 and out.max() <= 1
        boxes.append(LABEL[0, 1:] if labels is None else labels[0, 1:])
        means.append(out.mean())
        deviations.append(out.std())
    boxes = np.array(boxes)
    return np.array([*boxes.mean(0), *boxes.std(0), np.mean(means), np.std(means), np.mean(deviations),
                     np.std(deviations)])


def agree(found, recorded):
    """Within five standard errors of a mean, and a tenth of a deviation."""
    found, recorded = np.array(found), np.array(recorded)
    half = (len(found) - 4) // 2
    pairs = [(i, half + i) for i in range(half)] + [(-4, -3), (-2, -1)]
    for mean, deviation in pairs:
        assert abs(found[mean] - recorded[mean]) < 5 * recorded[deviation] / np.sqrt(SAMPLES) + 1e-4
        assert found[deviation] == pytest.approx(recorded[deviation], rel=0.1)


def test_place_has_the_originals_distribution():
    agree(moments(lambda g, out: augment.place(RGB, LABEL, g, out, 0.3, COLOURS)), PLACED)


def test_crop_has_the_originals_distribution():
    agree(moments(lambda g, out: augment.crop(RGB, LABEL, g, out, 0.3, COLOURS)), CROPPED)


def test_window_has_the_originals_distribution():
    windows = Windows(1.0, 1.5, 7, 0.75)
    agree(moments(lambda g, out: augment.window(RGB, g, out, windows, COLOURS))[8:], WINDOW)


def marked():
    """A black picture with a white rectangle, and its label."""
    rgb = np.zeros((80, 120, 3), np.uint8)
    rgb[20:60, 30:90] = 255
    return rgb, np.array([[0, 0.5, 0.5, 0.5, 0.5]], np.float32)


@pytest.mark.parametrize("make", [augment.place, augment.crop])
def test_labels_follow_the_picture(make):
    rgb, labels = marked()
    for k in range(40):
        out = np.empty((3, 128, 160), np.float32)
        _, x, y, w, h = make(rgb, labels, generator(k), out, 0.3, Colours())[0].tolist()
        rows, columns = np.nonzero(out[0] > 0.75)
        assert abs(columns.min() - (x - w / 2) * 160) < 3 and abs(columns.max() + 1 - (x + w / 2) * 160) < 3
        assert abs(rows.min() - (y - h / 2) * 128) < 3 and abs(rows.max() + 1 - (y + h / 2) * 128) < 3


def test_fit_moves_labels_into_the_letterbox():
    rgb, labels = marked()
    out = np.empty((3, 64, 64), np.float32)
    assert augment.fit(rgb, labels, out)[0, 1:] == pytest.approx([0.5, 0.5, 0.5, 1 / 3], abs=0.02)
    rows, columns = np.nonzero(out[0] > 0.75)
    assert (rows.min(), columns.min()) == pytest.approx((21, 16), abs=1)
    assert out[0, 0, 0] == 0.5


def test_half_of_the_pictures_are_mirrored():
    rgb, labels = picture(), LABEL
    out = np.empty((3, 40, 60), np.float32)
    mirrored = 0
    for k in range(400):
        augment.place(rgb, labels, generator(k), out, 0.0, Colours())
        mirrored += bool(out[0, 20, 5] > out[0, 20, 50])
    assert 160 < mirrored < 240


@pytest.mark.parametrize("make", [
    lambda g, out, flip: augment.place(RGB, LABEL, g, out, 0.2, COLOURS, flip),
    lambda g, out, flip: augment.crop(RGB, LABEL, g, out, 0.2, COLOURS, flip),
    lambda g, out, flip: augment.window(RGB, g, out, Windows(1.0, 1.5, 7, flip=flip), COLOURS),
])
def test_no_flip(make):
    """Nothing else changes: a picture is the same with and without, or its mirror image."""
    mirrored = 0
    for k in range(20):
        one, two = np.empty((2, 3, 32, 48), np.float32)
        make(generator(k), one, True)
        make(generator(k), two, False)
        same = bool((one == two).all())
        assert same or np.allclose(one[:, :, ::-1], two, atol=1e-5)
        mirrored += not same
    assert 4 < mirrored < 16


def test_same_generator_same_bytes():
    for make in (augment.place, augment.crop):
        one, two = np.empty((2, 3, 32, 48), np.float32)
        first, second = (make(RGB, LABEL, generator(7), out, 0.2, COLOURS) for out in (one, two))
        assert one.tobytes() == two.tobytes() and first.tobytes() == second.tobytes()


def test_any_jitter_and_any_size_work():
    rng = np.random.default_rng(0)
    for k in range(60):
        h, w, oh, ow = rng.integers(1, 30, 4)
        rgb = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
        out = np.full((3, oh, ow), np.nan, np.float32)
        for make in (augment.place, augment.crop):
            labels = make(rgb, LABEL, generator(k), out, 2.5, COLOURS)
            assert np.isfinite(labels).all() and np.isfinite(out).all()
        augment.window(rgb, generator(k), out, Windows(0.1, 3, 180, 4), COLOURS)
        assert np.isfinite(out).all()


def test_centre_is_only_mirrored_and_coloured():
    rgb, _ = marked()
    out = np.empty((3, 40, 40), np.float32)
    augment.window(rgb, generator(0), out, Windows(center=True), Colours())
    assert out[0, 20, 20] == 1 and out[0, 0, 0] == 0
    assert (out > 0.5).mean() == pytest.approx(60 * 40 / 80 / 80, abs=0.05)


def test_other_channels_keep_their_values():
    grey = RGB[..., :1]
    out = np.empty((1, 40, 60), np.float32)
    augment.place(grey, LABEL, generator(0), out, 0.0, Colours(0.5, 3, 3))
    assert out.max() == pytest.approx(grey.max() / 255)

"""Scenes: the same from the same seed, boxes that are tight, things that are hidden."""

import numpy as np
import pytest

from darkpy.synth.grounds import Ground
from darkpy.synth.light import Light
from darkpy.synth.scene import draw_scene, finish
from darkpy.synth.stage import Sprite, Stage, lay, room_for, sprite_of
from darkpy.synth.street import stop_sign
from darkpy.synth.things import NAMES, THINGS


def stage(height=80, width=100):
    ground = Ground(np.full((height, width, 3), 0.5, np.float32), "free", Light())
    return Stage(np.random.default_rng(5), ground, 0.0, 0.5, np.zeros((height, width), np.int32),
                 np.zeros((height, width, 3), np.float32))


def block(height, width, colour=(1.0, 0.0, 0.0)):
    """An opaque sprite."""
    rgba = np.ones((height, width, 4), np.float32)
    rgba[:, :, :3] = colour
    return Sprite(rgba, [])


def test_the_same_seed_gives_the_same_scene():
    for number in range(6):
        a, b = draw_scene(3, number, 128, 96), draw_scene(3, number, 128, 96)
        assert a.picture.shape == (96, 128, 3) and a.picture.dtype == np.uint8
        np.testing.assert_array_equal(a.picture, b.picture)
        assert a.labels == b.labels
    assert (draw_scene(4, 0, 128, 96).picture != draw_scene(3, 0, 128, 96).picture).any()


def test_labels_are_in_the_picture():
    seen = set()
    for number in range(40):
        scene = draw_scene(9, number, 128, 128)
        for kind, x, y, w, h in scene.labels:
            seen.add(kind)
            assert w > 0 and h > 0 and 2 * abs(x - 0.5) + w <= 1 + 1e-9 and 2 * abs(y - 0.5) + h <= 1 + 1e-9
    assert seen == set(range(len(THINGS))) and len(NAMES) == len(set(NAMES)) >= 8


@pytest.mark.parametrize("width, height", [(64, 64), (64, 300), (333, 97)])
def test_any_size(width, height):
    assert all(draw_scene(1, n, width, height).picture.shape == (height, width, 3) for n in range(8))


def test_box_is_tight():
    s = stage()
    sprite = sprite_of(s, stop_sign, 40, turn=20, askew=0.1)
    lay(s, sprite, 31, 17, 4, False)
    rows, columns = np.nonzero(s.owner)
    (kind, x, y, w, h), = finish(s).labels
    left, right, top, bottom = (x - w / 2) * 100, (x + w / 2) * 100, (y - h / 2) * 80, (y + h / 2) * 80
    assert kind == 4 and 36 < max(right - left, bottom - top) < 46
    assert abs(left - columns.min()) <= 1 and abs(right - columns.max() - 1) <= 1
    assert abs(top - rows.min()) <= 1 and abs(bottom - rows.max() - 1) <= 1


def test_size_turn_and_foreshortening():
    s = stage()
    for flat, size in ((1.0, (40, 40)), (0.5, (40, 20))):
        alpha = sprite_of(s, stop_sign, 40, flat=flat).rgba[:, :, 3] > 0.4
        rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
        assert (columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1) == pytest.approx(size, abs=1)


def test_what_is_cut_or_hidden():
    s = stage()
    lay(s, block(40, 40), 10, 10, 0, False)
    lay(s, block(40, 24, (0, 0, 1)), 10, 10, None, False)  # hides 60 %
    (_, x, y, w, h), = finish(s).labels
    assert (x, y, w, h) == pytest.approx((0.3, 0.375, 0.4, 0.5)), "the whole of it, hidden or not"
    lay(s, block(40, 30, (0, 0, 1)), 10, 10, None, False)  # 75 %
    assert finish(s).labels == []
    s = stage()
    lay(s, block(40, 40), 80, 10, 0, False)  # half outside
    (_, x, _, w, _), = finish(s).labels
    assert (x, w) == pytest.approx((0.9, 0.2))
    lay(s, block(40, 40), 90, 10, 1, False)  # three quarters outside, and hiding half of the first
    assert [row[0] for row in finish(s).labels] == []


def test_things_leave_each_other_room():
    s = stage()
    lay(s, block(40, 40), 10, 10, 0, False)
    assert room_for(s, 20, 20, 60, 10, 0.1) and not room_for(s, 20, 20, 20, 20, 0.1)
    assert room_for(s, 20, 20, 45, 10, 0.3), "a quarter of the new one"


def test_lamps_shine_at_night():
    dark = [finish_of(night) for night in (False, True)]
    assert dark[1].max() > 200 and dark[1].mean() < dark[0].mean() / 2


def finish_of(night):
    s = stage()
    s.ground.light = Light((0.2, 0.2, 0.25) if night else (1, 1, 1), night=night)
    s.picture[:] *= np.float32(0.2 if night else 1)
    sprite = block(30, 30, (0.3, 0.3, 0.3))
    sprite.lamps.append((np.array([(5, 5), (15, 5), (15, 15), (5, 15)], float), (1.0, 0.9, 0.5)))
    lay(s, sprite, 30, 30, 0, False)
    return finish(s).picture

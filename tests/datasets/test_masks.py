"""Mask files, and the truth that nets which label pixels learn from."""

import numpy as np
import pytest

from darkpy.datasets.augment import Colours, View, Windows
from darkpy.datasets.masks import Mask, mask_path, read_masks, runs_of
from darkpy.datasets.paths import ImageList
from darkpy.datasets.segmentation import ClassMaps, Frame, Instances, SegmentationSet
from darkpy.errors import DataError
from tests.datasets.scenes import save

# what the original's load_data_seg and load_data_iseg make of a 12x9 image with these masks, its random numbers fixed
FILE = "1 14,5,6,7,5,6,30\n0 0,9,3,4\n1 70,20\n2 100\n"
VIEW = View(angle=0.1, zoom=1.8, dx=0.5, dy=-1, aspect=1.1, mirror=True)
CLASS_MAPS = """0 .55548 .31145 .06741 0 0 0 .72147 0 0 0 0 0 0 0 0
0 0 0 0 0 .86432 1 .79574 0 .01427 .26631 .51035 1 1 .94481 .70077
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"""
INSTANCES = """1 0 0 0 0 0 .14412 1 .94288 .51035 .2053 0 0 .72575 1 1 1
0 0 .66442 .37246 .06741 0 0 0 .16869 0 0 0 0 0 0 0 0
1 0 0 0 0 0 0 0 0 1 .2053 0 0 0 0 .33584 .64089
2 0 0 0 0 0 0 0 0 0 0 0 0 .72575 .9692 .66416 0"""


def table(text):
    return np.array([line.split() for line in text.splitlines()], np.float32)


def filled(truth, masks, frame):
    out = np.full(truth.numbers(frame.w, frame.h), np.nan, np.float32)
    truth.fill(masks, frame, out)
    return out


def test_truth_is_the_originals(tmp_path):
    (tmp_path / "a.txt").write_text(FILE)
    masks = read_masks(tmp_path / "a.txt", 3, (12, 9))
    frame = Frame((12, 9), 16, 16, VIEW)
    np.testing.assert_allclose(filled(ClassMaps(3, 4), masks, frame).reshape(3, 16), table(CLASS_MAPS), atol=1e-5)
    rows = filled(Instances(3, 4, rows=6), masks, frame).reshape(6, 17)
    np.testing.assert_allclose(rows[:4], table(INSTANCES), atol=1e-5)
    assert rows[4:, 0].tolist() == [-1, 0] and not rows[4:, 1:].any()
    first = filled(Instances(3, 4, rows=2), masks, frame).reshape(2, 17)  # of too many the first, with no end
    np.testing.assert_array_equal(first, rows[:2])


def test_runs():
    plane = Mask(0, np.array([2, 3, 1])).plane(4, 2)
    assert plane.tolist() == [[[0, 0, 1, 1], [1, 0, 1, 1]]]  # behind the last run comes what would come next
    random = np.random.default_rng(0)
    for share in (0, 0.2, 0.5, 1):
        plane = random.random((5, 7)) < share
        np.testing.assert_array_equal(Mask(0, runs_of(plane)).plane(7, 5)[0], plane)


@pytest.mark.parametrize(("line", "message"), [
    ("3 5,2", r"a\.txt:2: class 3 is not among 0 to 2"),
    ("-1 5,2", r"a\.txt:2: class -1 is not"),
    ("1 5, 2", r"a\.txt:2: '1 5, 2' is no mask: it is a class and lengths of runs"),
    ("1 .5 .5 .2 .2", "is no mask"),
    ("1 5,,2", "is no mask"),
    ("1 5,-2", "is no mask"),
    ("1 100,9", r"its runs cover 109 pixels, but the image has 12x9"),
])
def test_what_is_no_mask(tmp_path, line, message):
    (tmp_path / "a.txt").write_text(f"0 5,2,\n{line}\n")
    with pytest.raises(DataError, match=message):
        read_masks(tmp_path / "a.txt", 3, (12, 9))


def test_where_masks_lie(tmp_path):
    assert mask_path("x/images/a.jpg") == "x/mask/a.txt" and mask_path("x/JPEGImages/a.png") == "x/mask/a.txt"


def test_without_chance_the_letterbox_shows_the_whole_image():
    """Six of twelve rows of a 16x12 map show a 24x9 image, each cell the pixel in its middle."""
    plane = np.zeros((1, 9, 24), np.float32)
    plane[0, :3, :12] = 1
    seen = Frame((24, 9), 64, 48).sampled(plane, 4)[0]
    assert seen.shape == (12, 16) and seen.sum() == 16
    assert seen[3:5, :8].all() and not seen[5:].any() and not seen[:3].any()
    np.testing.assert_array_equal(Frame((24, 9), 64, 48).resized(plane, 4)[0], seen)


def samples(folder, windows, truth):
    rgb = np.zeros((30, 40, 3), np.uint8)
    rgb[5:20, 8:24] = 255
    save(folder / "images" / "a.png", rgb)
    (folder / "mask").mkdir(exist_ok=True)
    (folder / "mask" / "a.txt").write_text(f"0 {','.join(map(str, runs_of(rgb[..., 0] > 0)))}\n")
    return SegmentationSet(ImageList("l", [str(folder / "images" / "a.png")], [1]), truth, (32, 32), windows, Colours())


def test_image_and_mask_stay_together(tmp_path):
    """A white thing: where the map says it is, the image is white, whatever window was drawn."""
    for windows in (None, Windows(0.8, 1.6, 20, 1.3)):
        found = samples(tmp_path, windows, ClassMaps(1, 1))
        for k in range(6):
            x, truth = np.empty((3, 32, 32), np.float32), np.empty(found.numbers, np.float32)
            found.load(0, np.random.default_rng(k), x, truth)
            if windows:
                np.testing.assert_allclose(truth.reshape(32, 32), x[0], atol=1e-5)
            else:
                assert (truth.reshape(32, 32) == (x[0] > 0.75)).mean() > 0.95
    again = np.empty_like(truth)
    found.load(0, np.random.default_rng(5), x, again)
    np.testing.assert_array_equal(again, truth)

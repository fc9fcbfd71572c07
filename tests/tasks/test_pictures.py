"""Contact sheets: filters of a layer, and what the image operations make of a picture."""

import numpy as np
import pytest

import darkpy
from darkpy.errors import DataError, UsageError
from darkpy.tasks.imtest import imtest, variants
from darkpy.tasks.visualize import grid, picture, visualize
from darkpy.vision.decode import read_image, write_image
from darkpy.vision.sheet import sheet

CFG = """[net]
width=16
height=16
channels=3
[convolutional]
filters=4
size=3
[convolutional]
filters=40
size=1
[maxpool]
size=2
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "n.cfg").write_text(CFG)
    return tmp_path / "n.cfg"


def test_sheet_places_every_tile():
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    tiles = [np.full((20, 30 - 10 * i, 3), c, np.uint8) for i, c in enumerate(colours)]
    page = sheet(tiles, ["a", "b", "c"], 2, "title", "note")
    for tile, colour in zip(tiles, colours, strict=True):
        assert (page == colour).all(-1).sum() == tile.shape[0] * tile.shape[1]
    red, green, blue = (np.argwhere((page == c).all(-1)).min(0) for c in colours)
    assert red[0] == green[0] < blue[0]
    assert red[1] < green[1]
    assert (page[: red[0]] < 100).any()  # the title is written


def test_colour_filters_are_scaled_about_grey(net):
    layer = darkpy.load(str(net)).layers[0]
    w = layer.params["weights"]
    w[...] = 0
    w[1, 0] = 5  # red
    w[2, :, 1, 1] = -0.001  # black in the middle, however small
    page = picture(layer, 0, "n.cfg")
    sides = {}
    for name, colour in (("red", (255, 128, 128)), ("black", (0, 0, 0))):
        where = np.argwhere((page == colour).all(-1))
        sides[name] = np.ptp(where, axis=0) + 1
    assert sides["red"].tolist() == [159, 159]
    assert sides["black"].tolist() == [53, 53]


def test_visualize_writes_the_chosen_layer(net, tmp_path):
    assert visualize(net, None, tmp_path / "a.png") == 0
    assert visualize(net, None, tmp_path / "b.png", 1) == 1
    a, b = read_image(tmp_path / "a.png"), read_image(tmp_path / "b.png")
    assert a.shape != b.shape
    assert a[60:].std() > 10


def test_what_cannot_be_visualized(net, tmp_path):
    with pytest.raises(UsageError, match=r"layer 2 is \[maxpool\]: convolutional are 0, 1"):
        visualize(net, None, tmp_path / "a.png", 2)
    with pytest.raises(UsageError, match=r"layer 9 does not exist: they are 0 to 2"):
        visualize(net, None, tmp_path / "a.png", 9)
    net.write_text("[net]\ninputs=4\n[softmax]\n")
    with pytest.raises(UsageError, match="has no convolutional layer"):
        visualize(net, None, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_grid_leaves_no_rest_where_it_can():
    assert [grid(n) for n in (1, 16, 32, 96, 13)] == [1, 4, 8, 12, 5]


def test_imtest_shows_every_operation(tmp_path):
    photo = np.zeros((60, 100, 3), np.uint8)
    photo[:, :50] = (220, 40, 10)
    photo[20:40, 30:80] = (10, 90, 200)
    write_image(tmp_path / "photo.png", photo)
    names = imtest(tmp_path / "photo.png", tmp_path / "out.png")
    assert len(set(names)) == len(names) == 20
    assert read_image(tmp_path / "out.png").shape[1] > 5 * 260
    with pytest.raises(DataError, match="no such file"):
        imtest(tmp_path / "gone.png", tmp_path / "out2.png")


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 1, 400), (3, 300, 2)])
def test_thin_images(shape):
    shown = dict(variants(np.full(shape, 0.5, np.float32)))
    assert all(np.isfinite(x).all() for x in shown.values())
    assert shown["letterbox: fitted"].shape == (3, 260, 260)

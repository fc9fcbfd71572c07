"""Nets that label pixels and nets that give numbers: trained from files on, measured, used, in the original's words."""

import json

import numpy as np
import pytest
from PIL import Image

import darkpy as package
from darkpy.cfg import parse
from darkpy.datasets.masks import runs_of
from darkpy.datasets.training import is_segmenter, sizes_of
from darkpy.errors import ModelError
from tests.datasets.scenes import save

NET = """[net]
batch=4
subdivisions=2
width=32
height=32
channels=3
learning_rate={rate}
max_batches=120
random=1
[convolutional]
filters=8
size=3
stride=2
pad=1
activation=leaky
[convolutional]
filters={filters}
size=1
stride=1
activation={activation}
"""
KINDS = {
    "segmenter": NET.format(rate=0.02, filters=2, activation="logistic") + "[cost]\ntype=seg\n",
    "isegmenter": NET.format(rate=0.002, filters=5, activation="linear") + "[iseg]\nclasses=2\nids=3\n",
    # the numbers are those of the whole picture, so no window of it is drawn
    "regressor": NET.format(rate="0.6\nmax_crop=32", filters=2, activation="linear") + "[avgpool]\n[cost]\n",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Four pictures with a red and a blue square, their masks, and as labels how much of each there is."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    (tmp_path / "mask").mkdir()
    (tmp_path / "labels").mkdir()
    for k in range(4):
        rgb = np.zeros((32, 32, 3), np.uint8)
        lines, shares = [], []
        for channel in (0, 2):
            side = int(random.integers(8, 15))
            y, x = int(random.integers(0, 32 - side)), int(random.integers(0, 16 - side)) + 8 * channel
            rgb[y : y + side, x : x + side, channel] = 255
            lines.append(f"{channel // 2} {','.join(map(str, runs_of(rgb[..., channel] > 0)))}\n")
            shares.append(str((rgb[..., channel] > 0).mean()))
        save(tmp_path / "images" / f"{k}.png", rgb)
        (tmp_path / "mask" / f"{k}.txt").write_text("".join(lines))
        (tmp_path / "labels" / f"{k}.txt").write_text(" ".join(shares))
    (tmp_path / "train.txt").write_text("".join(f"images/{k}.png\n" for k in range(4)))
    (tmp_path / "d.names").write_text("red\nblue\n")
    (tmp_path / "d.data").write_text("classes=2\ntrain=train.txt\nvalid=train.txt\nnames=d.names\nbackup=backup\n")
    for kind, text in KINDS.items():
        (tmp_path / f"{kind}.cfg").write_text(text)
    return tmp_path


@pytest.mark.parametrize(("kind", "score"), [("segmenter", "mIoU"), ("isegmenter", "mIoU"), ("regressor", "R2")])
def test_learning(darkpy, place, kind, score):
    """Without learning the scores are below .2."""
    done = darkpy(kind, "train", "d.data", f"{kind}.cfg", "-validate_every", 120, "-no_chart", "-display", "-seed", 3)
    assert done.status == 0, done.err
    name, value = done.out.splitlines()[-1].split(": ")
    assert name == score and float(value) > 0.5, value
    assert (place / "backup" / f"{kind}_final.weights").exists()


def test_numbers(darkpy, place):
    net = package.load("regressor.cfg")
    net.save("r.weights")
    done = darkpy("regressor", "test", "d.data", "regressor.cfg", "r.weights", "images/0.png", "images/1.png")
    assert done.status == 0 and done.out.count("Predicted in") == 2
    x = np.asarray(Image.open("images/0.png"), np.float32).transpose(2, 0, 1)[None] / 255
    red, blue = net.forward(x).ravel()
    assert done.out.splitlines()[1:3] == [f"red: {red:f}", f"blue: {blue:f}"]


def trained(place):
    """Weights that tell red from blue, made by hand."""
    net = package.load("segmenter.cfg")
    for i in (0, 1):
        for array in net.params(i).values():
            array[...] = 0
    net.params(0)["weights"][0, 0, 1, 1] = net.params(0)["weights"][1, 2, 1, 1] = 1
    net.params(1)["weights"][0, 0] = net.params(1)["weights"][1, 1] = 20
    net.params(1)["biases"][...] = -10
    net.save("s.weights")
    return "segmenter.cfg", "s.weights"


def test_use(darkpy, place):
    model = trained(place)
    done = darkpy("segmenter", "test", "d.data", *model, "images/0.png", "images/1.png", "-out", "made/", "-save_masks")
    assert done.status == 0 and done.out.count("Predicted in") == 2
    shares = [float(v) for v in (place / "labels" / "0.txt").read_text().split()]
    line = next(row for row in done.out.splitlines() if row.endswith(": red"))
    assert float(line.split("%")[0]) == pytest.approx(100 * shares[0], rel=0.3)
    assert {p.name for p in (place / "made").iterdir()} == {"0.jpg", "0.txt", "1.jpg", "1.txt"}
    found = json.loads(darkpy("segment", *model, "images/0.png", "--names", "d.names", "--json").out)[0]
    runs = {c["name"]: ",".join(map(str, c["runs"])) for c in found["classes"]}
    assert (place / "made" / "0.txt").read_text() == f"0 {runs['red']}\n1 {runs['blue']}\n"
    assert not (place / "predictions.jpg").exists()


def test_valid(darkpy, place):
    model = trained(place)
    done = darkpy("segmenter", "valid", "d.data", *model)
    rows = [line.split() for line in done.out.splitlines() if line]
    assert done.status == 0 and [r[0] for r in rows] == ["class", "red", "blue", "all", "4"]
    assert all(float(r[1]) > 75 for r in rows[1:4])
    (place / "images" / "1.png").write_bytes(b"no image")
    done = darkpy("segmenter", "valid", "d.data", *model, "--json", "--batch", 3)
    assert done.status == 4 and json.loads(done.out)["images"] == 3 and "images/1.png" in done.err


def test_masks_fit_images_of_any_shape(place):
    """A wide image is letterboxed; its masks come back in its own pixels."""
    rgb = np.zeros((20, 60, 3), np.uint8)
    rgb[4:16, 12:40, 0] = 255
    (result,) = package.Segmenter(*trained(place), names=["red", "blue"]).segment([rgb])
    mask = result.mask(0)
    assert mask.shape == (20, 60) and result.classes() == [0]
    assert (mask == (rgb[..., 0] > 0)).mean() > 0.9
    plot = result.plot()
    assert plot.shape == rgb.shape and (plot[10, 20] != rgb[10, 20]).any() and (plot[0, 0] == rgb[0, 0]).all()


def test_iseg_gives_classes_and_embeddings(place):
    (result,) = package.Segmenter("isegmenter.cfg", names=["a", "b"]).segment(["images/0.png"])
    assert result.maps.shape == (2, 16, 16) and result.embeddings.shape == (3, 16, 16)


def test_which_nets_learn_from_masks(place):
    def net(tail):
        return package.load(parse(KINDS["segmenter"].replace("[cost]\ntype=seg\n", tail), "n.cfg"))

    assert all(is_segmenter(net(tail)) for tail in ("[cost]\n", "[logistic]\n", "[softmax]\nspatial=1\n"))
    assert not any(is_segmenter(net(tail)) for tail in ("", "[softmax]\n", "[avgpool]\n[cost]\n"))
    assert not sizes_of(net("[cost]\n")).random and sizes_of(net("[avgpool]\n[cost]\n")).random
    (place / "c.cfg").write_text(KINDS["regressor"])
    with pytest.raises(ModelError, match=r"c.cfg: ends in \[avgpool\] with 1x1x2 numbers, not in maps of classes"):
        package.Segmenter("c.cfg")


def test_refusals(darkpy, place):
    (place / "d.data").write_text((place / "d.data").read_text().replace("classes=2", "classes=3"))
    done = darkpy("train", "d.data", "segmenter.cfg")
    assert done.status == 4 and "classes=3, but segmenter.cfg ends with 2 maps of classes" in done.err
    (place / "d.data").write_text((place / "d.data").read_text().replace("classes=3", "classes=2"))
    (place / "odd.cfg").write_text(KINDS["segmenter"].replace("width=32", "width=33"))
    done = darkpy("train", "d.data", "odd.cfg")
    assert done.status == 3 and "its output of 17x16 does not divide its input of 33x32" in done.err
    for k in range(4):
        (place / "mask" / f"{k}.txt").write_text("7 3,4\n")
        (place / "labels" / f"{k}.txt").write_text("1 2 3\n")
    assert "class 7 is not among 0 to 1" in darkpy("train", "d.data", "segmenter.cfg").err
    assert "3 numbers where the net gives 2" in darkpy("regressor", "train", "d.data", "regressor.cfg").err
    for k in range(4):
        (place / "labels" / f"{k}.txt").write_text("1 1e39\n")
    assert "'1e39' is not a number" in darkpy("regressor", "train", "d.data", "regressor.cfg").err


def test_check_and_lint(darkpy, place):
    """They ask for masks, not for labels in paths, and compare the number of maps with classes=."""
    assert darkpy("lint", "d.data", "segmenter.cfg", "isegmenter.cfg").status == 0
    (place / "mask" / "2.txt").write_text("0 5,2000\n")
    (place / "mask" / "3.txt").unlink()
    done = darkpy("check", "d.data", "segmenter.cfg")
    assert done.status == 4
    assert "its runs cover 2005 pixels, but the image has 32x32" in done.out and "mask/3.txt: no such file" in done.out
    (place / "d.data").write_text((place / "d.data").read_text().replace("classes=2", "classes=3"))
    done = darkpy("lint", "d.data", "segmenter.cfg")
    assert "classes=3, but [convolutional] at segmenter.cfg:16 gives maps of 2 classes" in done.err + done.out

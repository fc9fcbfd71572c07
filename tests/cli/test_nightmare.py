"""darkpy nightmare: features grow, and what was asked for is written."""

import numpy as np
import pytest

import darkpy as package
from darkpy.tasks.nightmare import Dream, Dreamer
from darkpy.vision.decode import read_image
from tests.datasets.scenes import picture, save

NET = """[net]
width=16
height=16
channels=3
[convolutional]
batch_normalize=1
filters=4
size=3
pad=1
activation=leaky
[maxpool]
size=2
stride=2
[dropout]
[convolutional]
filters=3
size=3
pad=1
activation=leaky
[avgpool]
[softmax]
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.cfg").write_text(NET)
    net = package.load("n.cfg")
    random = np.random.default_rng(0)
    p = net.params(0)
    p["rolling_mean"][...], p["rolling_variance"][...] = random.random(4), 0.5 + random.random(4)
    net.save("n.weights")
    save(tmp_path / "p.png", picture(width=30, height=24))
    return tmp_path


def test_features_grow(place):
    dreamer = Dreamer("n.cfg", "n.weights", Dream(3, octaves=2))
    net = dreamer.nets[3]
    x = picture(width=30, height=24).transpose(2, 0, 1).astype(np.float32) / 255

    def strength(x):
        net.resize((24, 30))
        y = net.forward(x[None])
        return float(np.maximum(y - y.mean() - y.std(), 0).sum())

    before = strength(x)
    for _ in range(10):
        x = dreamer.step(x)
    assert strength(x) > 1.3 * before and x.shape == (3, 24, 30) and 0 <= x.min() <= x.max() <= 1


def test_the_gradient_is_that_of_the_net_in_use(place):
    """Batch normalisation by its rolling statistics: half the sum of squares, by differences."""
    dreamer = Dreamer("n.cfg", "n.weights", Dream(3, thresh=-1e9))
    whole = package.load("n.cfg", "n.weights")
    x = np.random.default_rng(1).random((3, 16, 16), np.float32)
    found = dreamer.gradient(dreamer.nets[3], x)

    def half_squares(x):
        whole.forward(x[None], keep=True)
        return float((whole.outputs[3].astype(float) ** 2).sum()) / 2

    for at in [(0, 3, 4), (1, 8, 8), (2, 12, 1)]:
        step = np.zeros_like(x)
        step[at] = 1e-2
        assert found[at] == pytest.approx((half_squares(x + step) - half_squares(x - step)) / 2e-2, rel=0.05, abs=1e-3)


def test_command(darkpy, place):
    run = ("nightmare", "n.cfg", "n.weights", "p.png", 3, "-iters", 2, "-rounds", 2, "-zoom", ".9", "-rotate", ".1")
    done = darkpy(*run, "-prefix", "made")
    assert (done.status, done.out) == (0, "made/p_n_3_000000.jpg\nmade/p_n_3_000001.jpg\n")
    assert read_image(place / "made" / "p_n_3_000001.jpg").shape == (24, 30, 3)
    again = darkpy(*run, "-prefix", "again")
    assert again.status == 0
    for k in range(2):
        name = f"p_n_3_00000{k}.jpg"
        assert (place / "made" / name).read_bytes() == (place / "again" / name).read_bytes()


def test_refusals(darkpy, place):
    run = ("nightmare", "n.cfg", "n.weights", "p.png")
    done = darkpy(*run, 9)
    assert done.status == 2 and "layers 9 to 9 are asked for: the net has 0 to 5" in done.err
    done = darkpy(*run, 0, "-range", 3)
    assert done.status == 2 and "layers -1 to 1" in done.err
    (place / "p.png").write_bytes(b"none")
    done = darkpy(*run, 3)
    assert done.status == 4 and not list(place.glob("*.jpg"))

"""What a network is trained on: truth, changes and sizes follow from its cfg; a step of training takes it."""

import math

import numpy as np
import pytest

import darkpy
from darkpy import datafile
from darkpy.cfg import parse
from darkpy.datasets.classification import ByFile, ByPath, ClassificationSet
from darkpy.datasets.detection import BoxTruth, DetectionSet, GridTruth
from darkpy.datasets.training import sizes_of, training_loader, training_set
from darkpy.errors import DataError, ModelError
from tests.datasets.scenes import detection, picture, save

NET = "[net]\nbatch=4\nsubdivisions=2\nwidth=32\nheight=32\nchannels=3\nhue=.1\nexposure=1.5\nangle=7\naspect=.75\n" \
      "max_crop=48\nmax_batches=1000\n[convolutional]\nfilters=4\nsize=3\nstride=2\npad=1\n"
HEADS = {
    "yolo": "[convolutional]\nfilters=8\n[yolo]\nclasses=3\nanchors=4,5\njitter=.3\nrandom=1\nmax=7\n",
    "region": "[convolutional]\nfilters=8\n[region]\nclasses=3\nanchors=1,1\nmax=6\n",
    "masks": "[convolutional]\nfilters=10\n[region]\nclasses=3\ncoords=6\nanchors=1,1\nmax=6\n",
    "detection": "[connected]\noutput=72\n[detection]\nclasses=3\ncoords=4\nnum=1\nside=3\nrandom=1\n",
}
CLASSES = "[avgpool]\n[connected]\noutput=3\nactivation=linear\n"


def network(tail):
    return darkpy.load(parse(NET + tail, "n.cfg"))


@pytest.fixture
def data(tmp_path):
    return datafile.read(detection(tmp_path))


@pytest.mark.parametrize(("kind", "truth"), [("yolo", BoxTruth(7)), ("region", BoxTruth(6)),
                                             ("masks", BoxTruth(6, 6)), ("detection", GridTruth(3, 3))])
def test_detectors(data, kind, truth):
    net = network(HEADS[kind])
    found = training_set(net, data)
    assert isinstance(found, DetectionSet) and found.truth == truth
    assert found.jitter == net.layers[-1].config.jitter and found.colours.exposure == 1.5 and found.classes == 3
    assert training_set(net, data, "valid", chance=False).jitter is None
    with training_loader(net, data, seed=2) as loader:
        batch = next(loader)
        assert batch.x.shape[:2] == (2, 3) and batch.truth.shape == (2, truth.numbers)
        if batch.x.shape == (2, 3, 32, 32):
            assert math.isfinite(net.train_step(batch.x, batch.truth))


def test_truth_rows_of_masks():
    out = np.full(12 * 7, np.nan, np.float32)
    BoxTruth(12, 6).fill(np.array([[2, .5, .4, .3, .2]], np.float32), out)
    assert out[:7] == pytest.approx([.5, .4, .3, .2, 0, 0, 2]) and not out[7:].any()


def test_sizes_change_with_the_update_not_with_each_batch(data):
    net = darkpy.load(parse((NET + HEADS["yolo"]).replace("=32", "=96"), "n.cfg"))
    assert sizes_of(net).random and not sizes_of(network(HEADS["detection"])).random
    with training_loader(net, data) as loader:
        assert len({loader.size(p) for p in range(40)}) == 1
        assert len({loader.size(p) for p in range(0, 4000, 40)}) > 1


def test_heads_of_two_kinds(data):
    with pytest.raises(ModelError, match="region and yolo heads"):
        training_set(network(HEADS["region"] + "[route]\nlayers=0\n" + HEADS["yolo"]), data)


@pytest.fixture
def classes(tmp_path):
    for name in ("ant", "bee", "cow"):
        save(tmp_path / f"{name}.png", picture())
    (tmp_path / "l.txt").write_text("ant.png\nbee.png\ncow.png\n")
    (tmp_path / "labels.txt").write_text("ant\nbee\ncow\ndog\n")

    def read(text):
        (tmp_path / "c.data").write_text(f"train={tmp_path}/l.txt\n{text}")
        return datafile.read(tmp_path / "c.data")

    return read


@pytest.mark.parametrize("loss", ["[softmax]\n", "[cost]\n", "[logistic]\n"])
def test_classifiers(classes, loss):
    net = network(CLASSES + loss)
    found = training_set(net, classes("classes=3\nlabels=labels.txt\n"))
    assert isinstance(found, ClassificationSet) and isinstance(found.labels, ByPath)
    assert (found.windows.low, found.windows.high, found.windows.angle) == (1.0, 1.5, 7)
    with training_loader(net, classes("labels=labels.txt\n")) as loader:
        batch = next(loader)
    assert batch.truth.sum(1).tolist() == [1, 1]
    assert math.isfinite(net.train_step(batch.x, batch.truth))
    assert isinstance(training_set(net, classes("tag=1\n")).labels, ByFile)


@pytest.mark.parametrize(("text", "message"), [
    ("classes=4\nlabels=labels.txt\n", r"c\.data:2: classes=4, but n\.cfg ends with 3 numbers"),
    ("classes=3\n", r"c\.data: no labels= is given"),
    ("labels=l.txt\ntree=t\n", r"the tree has 2 nodes, but n\.cfg ends with 3 numbers"),
    ("labels=short.txt\n", r"short\.txt: 2 labels for 3 classes"),
])
def test_what_does_not_fit(classes, tmp_path, text, message):
    (tmp_path / "t").write_text("a -1\nb -1\n")
    (tmp_path / "short.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=message):
        training_set(network(CLASSES + "[softmax]\n"), classes(text))


def test_nets_that_learn_from_nothing_here(classes):
    with pytest.raises(ModelError, match="no loss layer"):
        training_set(network(CLASSES), classes("labels=labels.txt\n"))
    rows = darkpy.load(parse("[net]\ninputs=4\n[connected]\noutput=3\n[softmax]\n", "n.cfg"))
    with pytest.raises(ModelError, match="its input is 4 numbers, not an image"):
        training_set(rows, classes("labels=labels.txt\n"))

"""`detector valid` and `classifier valid`: the files of VOC, COCO and ImageNet, and how often a classifier is right."""

import json

import numpy as np
import pytest

from darkpy import Detector, load
from darkpy.errors import UsageError
from darkpy.tasks import views
from darkpy.tasks.result_files import Coco
from darkpy.vision import image
from darkpy.vision.decode import write_image
from tests import nets
from tests.shared import ROOT

RUN = ("detector", "valid", "my.data", "tiny.cfg", "tiny.weights")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nets.detector_files(tmp_path)
    (tmp_path / "my.names").write_text("lime\nviolet\n")
    (tmp_path / "my.data").write_text("classes=2\nnames=my.names\nvalid=valid.txt\nresults=res\n")
    for name, cell in (("one_0007", (1, 2)), ("two_0009", (0, 0))):
        write_image(tmp_path / f"{name}.png", nets.scene(cell, 1))
    (tmp_path / "valid.txt").write_text("one_0007.png\ntwo_0009.png\n")
    return tmp_path


def test_voc(darkpy, place):
    """Pixels are numbered from 1; the second box reaches over the left and upper edge."""
    done = darkpy(*RUN)
    assert (done.status, done.out) == (0, "")
    assert done.err.endswith("detections in 2 images: res/comp4_det_test_lime.txt and 1 more\n")
    assert sorted(p.name for p in (place / "res").iterdir()) == ["comp4_det_test_lime.txt", "comp4_det_test_violet.txt"]
    first, second = (line.split() for line in (place / "res" / "comp4_det_test_violet.txt").read_text().splitlines())
    assert first[0] == "one_0007" and float(first[1]) == pytest.approx(1, abs=1e-3)
    assert [float(v) for v in first[2:]] == [13, 9, 29, 17]
    assert second[0] == "two_0009" and [float(v) for v in second[2:]] == [1, 1, 13, 9]
    assert all(len(v.split(".")[1]) == 6 for v in first[1:])
    assert (place / "res" / "comp4_det_test_lime.txt").read_text() == ""


def test_coco(darkpy, place):
    darkpy(*RUN, "-eval", "coco")
    found = json.loads((place / "res" / "coco_results.json").read_text())
    assert [(r["image_id"], r["category_id"], r["bbox"]) for r in found] == [
        (7, 2, [12, 8, 16, 8]), (9, 2, [0, 0, 12, 8])]
    (place / "my.data").write_text((place / "my.data").read_text() + "eval=coco\n")
    darkpy(*RUN, "-thresh", "1", "-out", "other/name")
    assert json.loads((place / "other" / "name.json").read_text()) == []


def test_coco_categories_have_gaps(tmp_path):
    names = (ROOT / "data" / "coco.names").read_text().splitlines()
    assert Coco(tmp_path, "", names).ids[79] == 90 and Coco(tmp_path, "", names[:79]).ids[78] == 79


def test_imagenet(darkpy, place):
    (place / "my.data").write_text((place / "my.data").read_text() + "eval=imagenet\n")
    darkpy(*RUN, "-out", "other")
    lines = (place / "res" / "other.txt").read_text().splitlines()
    assert [line.split()[:2] for line in lines] == [["1", "2"], ["2", "2"]]
    assert [float(v) for v in lines[1].split()[3:]] == [0, 0, 12, 8]


def test_refusals(darkpy, place):
    text = (place / "my.data").read_text()
    (place / "my.data").write_text(text + "eval=vco\n")
    assert darkpy(*RUN) == (4, "", "my.data:5: eval=vco: unknown form of results: voc, coco, imagenet are known\n")
    (place / "my.data").write_text(text)
    for bad in ("../lime", "violet"):
        (place / "my.names").write_text(f"{bad}\nviolet\n")
        done = darkpy(*RUN)
        assert done.status == 4 and done.err.count("\n") == 1 and "rename it" in done.err
    (place / "my.data").write_text(text + "map=some.map\n")
    assert "map= leads to nodes of a tree" in darkpy(*RUN).err
    assert not (place / "res").exists()


def test_a_bad_image(darkpy, place):
    (place / "one_0007.png").write_bytes(b"no image")
    done = darkpy(*RUN, "-eval", "imagenet")
    assert done.status == 4 and done.err.startswith("one_0007.png: ")
    assert (place / "res" / "imagenet-detection.txt").read_text().startswith("2 2 ")


TREE = "thing -1\nlime 0\nviolet 0\n"


def test_classes_of_a_tree(darkpy, place):
    """YOLO9000 on another data set: map= names the node of each class."""
    (place / "t.tree").write_text(TREE)
    (place / "t.names").write_text("thing\nlime\nviolet\n")
    text = nets.DETECTOR.split("[yolo]")[0].replace("filters=7", "filters=8")
    (place / "tiny.cfg").write_text(text + "[region]\nanchors=2,1\nnum=1\nclasses=3\nsoftmax=1\ntree=t.tree\n")
    net = load("tiny.cfg")
    p = net.params(1)
    p["weights"][...], p["biases"][...] = 0, [0, 0, 0, 0, -30, 9, -20, -20]
    p["weights"][4, 0], p["weights"][6, 1], p["weights"][7, 2] = 40, 40, 40
    net.save("tiny.weights")
    (place / "two.map").write_text("2\n1\n")
    (place / "two.names").write_text("purple\ngreen\n")
    (place / "my.data").write_text("names=two.names\nvalid=valid.txt\nmap=two.map\nresults=res\n")
    assert darkpy(*RUN).status == 0
    lines = (place / "res" / "comp4_det_test_purple.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["one_0007", "two_0009"]
    (place / "one_0007.txt").write_text("0 .625 .375 .5 .25\n")
    (place / "two_0009.txt").write_text("0 .125 .125 .5 .25\n")
    done = darkpy("map", *RUN[2:])
    assert done.status == 0 and done.out.splitlines()[1].split()[:3] == ["purple", "2", "100.00"]
    (place / "two.map").write_text("3\n")
    assert darkpy(*RUN).status == 4


def test_nodes_need_a_tree(place):
    with pytest.raises(UsageError, match="no tree"):
        next(Detector("tiny.cfg", "tiny.weights").detect(nets.scene(), nodes=np.array([0])))


# -- classifier ----------------------------------------------------------------------------------------------------


@pytest.fixture
def colours(tmp_path, monkeypatch):
    """Three images the classifier names rightly, and one that is called red but is more blue than red."""
    monkeypatch.chdir(tmp_path)
    nets.classifier_files(tmp_path)
    for name, rgb in (("red", (255, 0, 0)), ("green", (0, 255, 0)), ("blue", (0, 0, 255)), ("x_red", (90, 0, 200))):
        image = np.zeros((8, 20, 3), np.uint8)
        image[:, 6:14] = rgb  # in the middle, which alone counts
        image[:, :6] = image[:, 14:] = (0, 255, 0)
        write_image(tmp_path / f"{name}.png", image)
    (tmp_path / "labels.list").write_text("red\ngreen\nblue\n")
    (tmp_path / "my.data").write_text("classes=3\nlabels=labels.list\nvalid=valid.txt\n")
    names = ("red", "green", "blue", "x_red")
    (tmp_path / "valid.txt").write_text("".join(f"{tmp_path / name}.png\n" for name in names))
    return tmp_path


CLASSIFIER = ("classifier", "valid", "my.data", "colour.cfg", "colour.weights")


def test_classifier(darkpy, colours):
    done = darkpy(*CLASSIFIER, "-top", "2", "--batch", "3")
    assert (done.status, done.out) == (0, "4 images: top 1: 75.00 %, top 2: 100.00 %\n")
    assert json.loads(darkpy(*CLASSIFIER, "--json").out) == {"images": 4, "top": 1, "top1_accuracy": 0.75,
                                                             "topk_accuracy": 0.75}


def test_classifier_with_bad_files(darkpy, colours):
    (colours / "green.png").write_bytes(b"no image")
    done = darkpy(*CLASSIFIER, "-t", "9")
    assert (done.status, done.out) == (4, "3 images: top 1: 66.67 %, top 3: 100.00 %\n")
    (colours / "labels.list").write_text("red\nyellow\nblue\n")
    assert darkpy(*CLASSIFIER).err.startswith(f"{colours}/green.png: its path contains none of the 3 labels")
    (colours / "valid.txt").write_text("nothing_red.png\n")
    assert darkpy(*CLASSIFIER).err.endswith("none of the images could be read: nothing can be measured\n")


def test_leaves_need_a_tree(darkpy, colours):
    (colours / "my.data").write_text((colours / "my.data").read_text() + "leaves=labels.list\n")
    assert "leaves= names nodes of a tree" in darkpy(*CLASSIFIER).err


def test_views(darkpy, colours):
    """What is outside the middle is green, which only the middle alone does not show."""
    for word, top1 in (("validcrop", 25), ("validfull", 25), ("validmulti", 25), ("valid10", 25)):
        done = darkpy("classifier", word, *CLASSIFIER[2:], "--batch", "3")
        assert (done.status, done.out) == (0, f"4 images: top 1: {top1:.2f} %\n"), word


def test_views_are_the_originals():
    rgb = np.arange(20 * 40 * 3, dtype=np.uint8).reshape(20, 40, 3)
    shapes = {view: [x.shape for x in getattr(views, view)(rgb, 256, 256)] for view in (
        "letterbox", "middle", "cut", "stretched", "ten", "whole", "scales")}
    square = (3, 256, 256)
    assert shapes == {"letterbox": [square], "middle": [square], "cut": [square], "stretched": [square],
                      "ten": 10 * [square], "whole": [(3, 256, 512)],
                      "scales": [s for side in (224, 256, 288, 320) for s in 2 * [(3, side // 2, side)]]}
    assert [x.shape[2] for x in views.scales(rgb, 32, 32)[::2]] == [28, 32, 36, 40]
    ten = views.ten(rgb, 8, 8)
    sized = image.resize_uint8(rgb, 40, 40)
    np.testing.assert_array_equal(ten[2], sized[:, :8, :8])
    np.testing.assert_array_equal(ten[4], sized[:, 32:, 32:])
    assert (ten[0] == sized[:, :1, :1]).all()  # all of it outside
    np.testing.assert_array_equal(ten[7], sized[:, :8, ::-1][:, :, :8])


def test_a_net_that_cannot_be_resized(darkpy, colours):
    text = (colours / "colour.cfg").read_text().replace("[avgpool]\n", "")
    (colours / "fixed.cfg").write_text(text)
    load("fixed.cfg").save("fixed.weights")
    done = darkpy("classifier", "validfull", "my.data", "fixed.cfg", "fixed.weights")
    assert done.status == 3 and "[connected] has weights for an input of 8x8x3 only" in done.err


def test_answers(darkpy, colours):
    (colours / "my.data").write_text((colours / "my.data").read_text() + "test=valid.txt\n")
    model = CLASSIFIER[2:]
    assert darkpy("classifier", "label", *model).out == "red\ngreen\nblue\nblue\n"
    assert darkpy("classifier", "csv", *model, "-t", "2").out.splitlines()[1].split("\t")[:2] == [
        f"{colours}/green.png", "1"]
    for word, more in (("test", ()), ("fout", ("valid.txt",))):
        rows = [line.split("\t") for line in darkpy("classifier", word, *model, *more).out.splitlines()]
        assert [row[0] for row in rows] == (colours / "valid.txt").read_text().split()
        assert all(sum(map(float, row[1:])) == pytest.approx(1, abs=1e-4) and len(row) == 4 for row in rows)
    (colours / "green.png").write_bytes(b"no image")
    done = darkpy("classifier", "label", *model)
    assert (done.status, done.out) == (4, "red\nblue\nblue\n") and "green.png" in done.err


def test_yolo_and_coco(darkpy, place):
    """The data set is an option, the form and the thresholds are those of the original's commands."""
    model = ("tiny.cfg", "tiny.weights", "-data", "my.data")
    assert darkpy("yolo", "valid", *model).err.endswith("res/comp4_det_test_lime.txt and 1 more\n")
    assert darkpy("coco", "valid", *model).err.endswith("res/coco_results.json\n")
    for name in ("one_0007", "two_0009"):
        (place / f"{name}.txt").write_text("1 .625 .375 .5 .25\n")
    assert darkpy("yolo", "recall", *model).out.startswith("2 images, 2 objects: 1 found")
    done = darkpy("yolo", "valid", "tiny.cfg", "tiny.weights")
    assert done.status == 4 and done.err.startswith("cfg/voc.data: ")
    done = darkpy("yolo", "train", "tiny.cfg", "-data", "my.data")
    assert done.status == 4 and "no train= is given" in done.err

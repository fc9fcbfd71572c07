"""`darkpy map`, `detector map`, `detector recall`: what is printed, written and refused."""

import json
import sys

import pytest

from darkpy import Detector
from darkpy.vision.decode import read_image, write_image
from tests import nets
from tests.shared import ROOT, shared

RUN = ("map", "my.data", "tiny.cfg", "tiny.weights")


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory):
    """The kernels: nothing will be said of them."""
    model = Detector(*nets.detector_files(tmp_path_factory.mktemp("net")))
    assert sum(len(result) for result in model.detect([nets.scene()] * 4, batch=4)) == 4


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Three images of which the net finds all objects, and one where it takes a violet for a lime."""
    monkeypatch.chdir(tmp_path)
    nets.detector_files(tmp_path)
    (tmp_path / "my.names").write_text("lime\nviolet\n")
    (tmp_path / "my.data").write_text("classes=2\nnames=my.names\nvalid=valid.txt\nresults=res\n")
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    names = ["a", "b", "c", "d"]
    (tmp_path / "valid.txt").write_text("".join(f"images/{name}.png\n" for name in names))
    for i, name in enumerate(names):
        write_image(tmp_path / "images" / f"{name}.png", nets.scene((1, 2), i % 2))
        true = i % 2 if name != "c" else 1
        (tmp_path / "labels" / f"{name}.txt").write_text(f"{true} 0.625 0.375 0.5 0.25\n")
    return tmp_path


def test_table(darkpy, place):
    done = darkpy(*RUN)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].split() == ["class", "objects", "AP", "AP50:95", "TP", "FP", "missed", "precision", "recall"]
    assert lines[1].split() == ["lime", "1", "100.00", "100.00", "1", "1", "0", "50.00", "100.00"]
    assert lines[2].split() == ["violet", "3", "66.67", "66.34", "2", "0", "1", "100.00", "66.67"]
    assert lines[3].split() == ["all", "4", "83.33", "83.17", "3", "1", "1", "75.00", "75.00"]
    assert lines[5].endswith("F1 0.750, average IoU 75.00 %")
    assert lines[6] == "mAP@0.50: 83.33 % over all recalls, 81.82 % 11 points, 83.17 % 101 points"
    assert "AP50 83.17" in lines[7] and "APm -" in lines[7]
    assert lines[8] == ("most confident detections: correct 100.0 %, localisation 0.0 %, similar 0.0 %, other 0.0 %, "
                        "background 0.0 %")


def test_points_and_other_words(darkpy, place):
    for points, ap in (("0", "66.67"), ("11", "63.64"), ("101", "66.34")):
        done = darkpy("detector", *RUN, "-points", points, "-iou_thresh", "0.5", "-dont_show")
        assert done.out.splitlines()[2].split()[2] == ap
    assert darkpy(*RUN, "-points", "12").status == 2


def test_json(darkpy, place):
    done = darkpy(*RUN, "--json", "-thresh", "0.9")
    found = json.loads(done.out)
    assert (found["images"], found["objects"], found["tp"], found["fp"], found["fn"]) == (4, 4, 3, 1, 1)
    assert found["map"] == pytest.approx((1 + 2 / 3) / 2) and found["coco"]["APm"] is None
    assert found["confusion"] == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]
    assert [c["name"] for c in found["classes"]] == ["lime", "violet"]
    assert found["classes"][0]["errors"] == {"correct": 1, "localisation": 0, "similar": 0, "other": 0, "background": 0}
    assert darkpy(*RUN, "--json=r.json").out.startswith("class")
    assert json.loads((place / "r.json").read_text())["tp"] == 3


def test_similar_classes(darkpy, place):
    (place / "labels" / "a.txt").write_text("1 0.625 0.375 0.5 0.25\n")
    (place / "labels" / "b.txt").write_text("0 0.1 0.1 0.1 0.1\n0 0.9 0.9 0.1 0.1\n")
    (place / "groups.txt").write_text("lime, violet\n")
    assert json.loads(darkpy(*RUN, "--json").out)["errors"]["other"] == 2
    assert json.loads(darkpy(*RUN, "--json", "--groups", "groups.txt").out)["errors"]["similar"] == 2


def test_plots(darkpy, place):
    done = darkpy(*RUN, "--plots", "new/plots")
    assert done.err.splitlines() == [f"new/plots/{name}.png written" for name in ("pr_curves", "confusion", "errors")]
    for name in ("pr_curves", "confusion", "errors"):
        assert read_image(place / "new" / "plots" / f"{name}.png").std() > 5


def test_names_that_matplotlib_would_stumble_over(darkpy, place):
    (place / "my.names").write_text("_$x^$ \\frac\n\u732b\n", encoding="utf-8")
    assert darkpy(*RUN, "--plots", "plots").status == 0


def test_nothing_to_find(darkpy, place):
    for name in "abcd":
        (place / "labels" / f"{name}.txt").write_text("")
    done = darkpy(*RUN, "--plots", "plots")
    assert done.status == 0
    assert done.out.splitlines()[3].split() == ["all", "0", "-", "-", "0", "4", "0", "0.00", "0.00"]
    assert json.loads(darkpy(*RUN, "--json").out)["map"] is None
    done = darkpy(*RUN, "-thresh", "1")
    assert done.out.splitlines()[1].split() == ["all", "0", "-", "-", "0", "0", "0", "0.00", "0.00"]
    assert darkpy("detector", "recall", *RUN[1:]).out.endswith("Recall: 0.00%\n")


def test_on_a_terminal(darkpy, place, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert "violet" in darkpy(*RUN).out


def test_difficult_objects(darkpy, place):
    (place / "hard").mkdir()
    (place / "hard.txt").write_text("".join(f"hard/{name}.png\n" for name in "abcd"))
    for name in "abd":
        (place / "hard" / f"{name}.txt").write_text("")
    (place / "hard" / "c.txt").write_text("0 0.625 0.375 0.5 0.25\n")
    (place / "my.data").write_text((place / "my.data").read_text() + "difficult=hard.txt\n")
    found = json.loads(darkpy(*RUN, "--json").out)
    assert (found["tp"], found["fp"], found["fn"], found["objects"]) == (3, 0, 1, 4)
    (place / "hard.txt").write_text("hard/a.png\n")
    assert darkpy(*RUN) == (4, "", "hard.txt: 1 images, but 4 in valid=: one for each\n")


def test_all_bad_labels_are_told_before_anything_is_computed(darkpy, place):
    (place / "labels" / "a.txt").unlink()
    (place / "labels" / "b.txt").write_text("7 .5 .5 .1 .1\n")
    done = darkpy(*RUN)
    assert (done.status, done.out) == (4, "")
    assert done.err == "labels/a.txt: no such file: check the path\nlabels/b.txt:1: class 7 is not among 0 to 1\n"


def test_an_image_that_cannot_be_read_is_left_out(darkpy, place):
    (place / "images" / "c.png").write_bytes(b"no image")
    done = darkpy(*RUN, "--json", "--batch", "3")
    assert done.status == 4 and json.loads(done.out)["map"] == 1
    assert done.err.startswith("images/c.png: ") and done.err.endswith("1 image left out, 3 measured\n")
    for name in "abd":
        (place / "images" / f"{name}.png").unlink()
    assert darkpy(*RUN).err.endswith("none of the images could be read: nothing can be measured\n")


def test_an_image_that_is_listed_twice_counts_once(darkpy, place):
    (place / "valid.txt").write_text("images/a.png\n" * 3)
    assert json.loads(darkpy(*RUN, "--json").out)["objects"] == 1


def test_inputs_are_not_overwritten(darkpy, place):
    before = (place / "my.data").read_text()
    assert darkpy(*RUN, "--json=my.data").status == 2
    assert (place / "my.data").read_text() == before


def test_recall(darkpy, place):
    (place / "labels" / "a.txt").write_text("1 0.625 0.375 0.5 0.25\n0 0.1 0.1 0.2 0.2\n")
    done = darkpy("detector", "recall", *RUN[1:])
    assert done == (0, "4 images, 5 objects: 4 found\tRPs/Img: 1.00\tIOU: 80.00%\tRecall: 80.00%\n", "")
    found = json.loads(darkpy("detector", "recall", *RUN[1:], "--json").out)
    assert (found["found"], found["recall"]) == (4, 0.8)


@pytest.mark.golden
def test_a_net_measured_on_what_it_found_itself(darkpy, tmp_path):
    net = [shared("golden", "models", f"yolo-fastest-1.1-xl.{ending}") for ending in ("cfg", "weights")]
    photos = [shared("golden", "images", f"{name}.jpg") for name in ("dog", "giraffe", "horses", "person")]
    names = ROOT / "data" / "coco.names"
    darkpy("detect", *net, *photos, "-save_labels", "--no-image", "-thresh", ".25", "-out", f"{tmp_path}/",
           f"--names={names}")
    for photo in photos:
        (tmp_path / photo.name).symlink_to(photo)
    (tmp_path / "valid.txt").write_text("".join(f"{tmp_path / photo.name}\n" for photo in photos))
    (tmp_path / "my.data").write_text(f"valid={tmp_path}/valid.txt\nnames={names}\n")
    found = json.loads(darkpy("map", tmp_path / "my.data", *net, "--json").out)
    assert found["map"] == 1 and found["coco"]["AP"] == pytest.approx(1) and found["objects"] == 17
    assert (found["precision"], found["recall"]) == (1, 1)

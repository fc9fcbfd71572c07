"""`darkpy detect` and `darkpy detector test`: lines, pictures, lists, and what happens to bad images."""

import csv
import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from darkpy.vision.decode import read_image, write_image
from tests import nets


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a net and three images, which is the current one."""
    monkeypatch.chdir(tmp_path)
    nets.detector_files(tmp_path)
    (tmp_path / "my.names").write_text("lime\nviolet\n")
    (tmp_path / "my.data").write_text("classes=2\nnames=my.names\n")
    (tmp_path / "photos").mkdir()
    for i, name in enumerate(["a", "b", "c"]):
        write_image(tmp_path / "photos" / f"{name}.png", nets.scene((1, i), i % 2))
    write_image(tmp_path / "one.png", nets.scene((1, 2), 1))
    return tmp_path


NET = ("tiny.cfg", "tiny.weights")


def results(out: str) -> list[str]:
    """The lines of stdout, with the time left out."""
    return [line.split(":")[0] if "Predicted in" in line else line for line in out.splitlines()]


def test_one_image(darkpy, place):
    done = darkpy("detect", *NET, "one.png")
    assert done.status == 0
    assert results(done.out) == ["one.png", "class 1: 100%"]
    assert "one.png: Predicted in " in done.out and done.out.splitlines()[0].endswith(" milliseconds.")
    picture = read_image(place / "predictions.jpg")
    assert picture.shape == (32, 32, 3)
    assert not (place / "predictions").exists()


@pytest.mark.parametrize("argv", [
    ("detector", "test", "my.data", *NET), ("detector", "test", "obj.cfg", *NET),
    ("detector", "test", "my.names", *NET), ("detect", *NET, "--names", "my.names"), ("detect", *NET, "-names=my.data"),
])
def test_names(darkpy, place, argv):
    (place / "obj.cfg").write_text("names=my.names\n")  # whatever it is called
    assert results(darkpy(*argv, "one.png").out) == ["one.png", "violet: 100%"]


def test_legacy_words(darkpy, place):
    for words in (("yolo", "test"), ("coco", "test")):
        done = darkpy(*words, *NET, "one.png", "-dont_show", "-i", "0", "-nogpu")
        assert results(done.out) == ["one.png", "class 1: 100%"] and done.status == 0


@pytest.mark.parametrize("argv", [("photos",), ("photos/*.png",), ("photos/a.png", "photos/b.png", "photos/c.png"),
                                  ("list.txt",)])
def test_many_images(darkpy, place, argv):
    (place / "list.txt").write_text("photos/a.png\r\n\nphotos/b.png\nphotos/c.png\n")
    done = darkpy("detect", *NET, *argv, "-ext_output", "--batch", "2")
    assert done.status == 0
    lines = results(done.out)
    assert lines[::2] == ["photos/a.png", "photos/b.png", "photos/c.png"]
    assert lines[1::2] == [f"class {i % 2}: 100%\t(left_x: {8 * i - 4:4d}   top_y:    8   width:   16   height:    8)"
                           for i in range(3)]
    assert sorted(p.name for p in (place / "predictions").iterdir()) == ["a.jpg", "b.jpg", "c.jpg"]
    assert done.err.endswith("pictures are in predictions\n")


def test_equal_names_in_two_folders(darkpy, place):
    (place / "more").mkdir()
    write_image(place / "more" / "a.png", nets.scene())
    assert darkpy("detect", *NET, "photos/a.png", "more/a.png", "-out", "res").status == 0
    assert sorted(p.name for p in (place / "res").iterdir()) == ["a.jpg", "a_2.jpg"]


def test_a_damaged_image_among_good_ones(darkpy, place):
    good = (place / "photos" / "b.png").read_bytes()
    (place / "photos" / "b.png").write_bytes(good[: len(good) // 2])
    done = darkpy("detect", *NET, "photos", "--json")
    assert done.status == 4
    assert [r["filename"] for r in json.loads(done.out)] == ["photos/a.png", "photos/c.png"]
    assert done.err.count("\n") == 1 and done.err.startswith("photos/b.png: the image is truncated")


def test_out(darkpy, place):
    darkpy("detect", *NET, "one.png", "-out", "named")
    darkpy("detect", *NET, "one.png", "-out", "named.png")
    darkpy("detect", *NET, "one.png", "-out", "new/folder/")
    np.testing.assert_array_equal(read_image(place / "named.png").shape, (32, 32, 3))
    assert (place / "named.jpg").exists() and (place / "new" / "folder" / "one.jpg").exists()


def test_inputs_are_never_overwritten(darkpy, place):
    write_image(place / "predictions.jpg", nets.scene())
    before = (place / "predictions.jpg").read_bytes()
    for argv in (("predictions.jpg",), ("one.png", "-out", "one.png"), ("photos", "-out", "one.png"),
                 ("one.png", "--stretch", "--letterbox"), ("one.png", "--json", "--csv")):
        done = darkpy("detect", *NET, *argv)
        assert done.status == 2 and not done.out and done.err.count("\n") == 1
    (place / "photos" / "a.png").rename(place / "photos" / "a.jpg")
    done = darkpy("detect", *NET, "photos", "-out", "photos")
    assert done.status == 2 and "is one of the images" in done.err
    assert (place / "predictions.jpg").read_bytes() == before


def test_lists(darkpy, place):
    done = darkpy("detect", *NET, "photos", "--json", "--csv=t.csv", "--coco=c.json", "--names", "my.names")
    assert done.status == 0 and done.err == ""
    assert not (place / "predictions").exists()  # no pictures with a list, unless asked for
    entries = json.loads(done.out)
    assert [e["frame_id"] for e in entries] == [1, 2, 3]
    assert entries[1]["objects"][0]["name"] == "violet" and entries[1]["objects"][0]["xyxy"] == [4, 8, 20, 16]
    rows = list(csv.DictReader(io.StringIO((place / "t.csv").read_text())))
    assert [(r["image"], r["name"], float(r["left"])) for r in rows] == [
        ("photos/a.png", "lime", -4), ("photos/b.png", "violet", 4), ("photos/c.png", "lime", 12)]
    coco = json.loads((place / "c.json").read_text())
    assert [(c["image_id"], c["category_id"], c["bbox"]) for c in coco] == [
        (1, 1, [-4, 8, 16, 8]), (2, 2, [4, 8, 16, 8]), (3, 1, [12, 8, 16, 8])]


def test_a_list_named_by_out(darkpy, place):
    assert darkpy("detect", *NET, "one.png", "-out", "r.json").status == 0
    assert len(json.loads((place / "r.json").read_text())) == 1
    assert darkpy("detect", *NET, "one.png", "-out", "r.csv", "-thresh", "1").status == 0
    assert (place / "r.csv").read_text().count("\n") == 1
    done = darkpy("detect", *NET, "one.png", "--coco", "-thresh", "1")
    assert json.loads(done.out) == []


def test_coco_numbers(darkpy, place):
    from darkpy.tasks.detect import COCO_IDS, coco_image_id

    assert len(COCO_IDS) == 80 and (COCO_IDS[0], COCO_IDS[11], COCO_IDS[79]) == (1, 13, 90)
    assert coco_image_id("x/COCO_val2014_000000000042.jpg", 7) == 42
    assert coco_image_id("dog.jpg", 7) == 7 and coco_image_id(None, 7) == 7


def test_no_list_is_left_behind_by_a_failure(darkpy, place):
    assert darkpy("detect", *NET, "one.png", "--json=no/such/r.json").status == 4
    (place / "file").write_text("in the way")
    done = darkpy("detect", *NET, "photos", "-out", "file", "--json=r.json")
    assert done.status == 4 and "file: this folder cannot be made" in done.err
    assert not (place / "r.json").exists() and not list(place.glob(".darkpy*"))


def test_labels(darkpy, place):
    done = darkpy("detect", *NET, "photos", "-save_labels", "--no-image")
    assert done.status == 0 and not (place / "predictions").exists()
    assert (place / "photos" / "b.txt").read_text() == "1 0.375000 0.375000 0.500000 0.250000\n"
    (place / "photos" / "b.txt").write_text("by hand")
    (place / "photos" / "c.txt").unlink()
    done = darkpy("detect", *NET, "photos", "-save-labels", "--no-image")
    assert done.status == 4 and "photos/b.txt: exists already" in done.err
    assert (place / "photos" / "b.txt").read_text() == "by hand" and (place / "photos" / "c.txt").exists()
    assert darkpy("detect", *NET, "photos", "-save_labels", "-out", "res", "-thresh", "1").status == 0
    assert (place / "res" / "b.txt").read_text() == ""


def test_paths_on_stdin(darkpy, place, monkeypatch):
    for argv in (["-"], []):
        monkeypatch.setattr(sys, "stdin", io.StringIO("photos/a.png\n\nmissing.png\nphotos/b.png"))
        done = darkpy("detect", *NET, *argv)
        assert results(done.out)[::2] == ["photos/a.png", "photos/b.png"]
        assert done.status == 4 and "missing.png: no such file" in done.err


def test_asking_on_a_terminal(darkpy, place, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("photos/a.png\nphotos/b.png\n"))
    done = darkpy("detect", *NET)
    assert done.err.count("Enter Image Path: ") == 3 and done.status == 0
    assert results(done.out)[::2] == ["photos/a.png", "photos/b.png"]
    assert (place / "predictions.jpg").exists() and not (place / "predictions").exists()


@pytest.mark.parametrize("argv, status, message", [
    (("tiny.cfg",), 2, "darkpy detect: weights is missing"),
    (("no.cfg", "tiny.weights", "one.png"), 3, "no.cfg: no such file"),
    (("tiny.cfg", "no.weights", "one.png"), 3, "no.weights: no such file"),
    (("tiny.cfg", "one.png", "one.png"), 3, "one.png"),
    ((*NET, "no.png"), 4, "no.png: no such file"),
    ((*NET, "my.names"), 4, "my.names: is not an image"),
    ((*NET, "*.gif"), 4, "*.gif: no file matches"),
    ((*NET, "empty"), 4, "empty: this folder holds no images"),
    ((*NET, "no.txt"), 4, "no.txt: no such file"),
    ((*NET, "one.png", "--names", "no.names"), 4, "no.names: no such file"),
    ((*NET, "one.png", "--size", "axb"), 2, "darkpy detect: --size axb: "),
    ((*NET, "one.png", "-thresh", "2"), 2, "darkpy detect: -thresh 2: must be at most 1"),
])
def test_mistakes(darkpy, place, argv, status, message):
    (place / "empty").mkdir()
    done = darkpy("detect", *argv)
    assert done.status == status and done.err.startswith(message)
    assert done.err.count("\n") == 1 and done.out == "" and not (place / "predictions.jpg").exists()


def test_lax_and_partial(darkpy, place):
    (place / "tiny.cfg").write_text(nets.DETECTOR + "colour=red\n")
    done = darkpy("detect", *NET, "one.png")
    assert done.status == 3 and "tiny.cfg:19: [yolo] colour=red: unknown key" in done.err
    done = darkpy("detect", *NET, "one.png", "--lax")
    assert done.status == 0 and done.err.startswith("warning: tiny.cfg:19: [yolo] colour=red: unknown key")
    short = (place / "tiny.weights").read_bytes()[:-4]
    (place / "tiny.weights").write_bytes(short)
    assert darkpy("detect", *NET, "one.png", "--lax").status == 3
    assert darkpy("detect", *NET, "one.png", "--lax", "--allow-partial").status == 0


def test_grey_and_turned_images(darkpy, place):
    Image.new("L", (40, 20)).save(place / "grey.png")
    assert darkpy("detect", *NET, "grey.png", "--size", "64x32").status == 0

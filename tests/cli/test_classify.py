"""`darkpy classify` and `darkpy classifier predict`."""

import io
import json
import sys

import numpy as np
import pytest

from darkpy.vision.decode import write_image
from tests import nets

NET = ("colour.cfg", "colour.weights")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nets.classifier_files(tmp_path)
    (tmp_path / "my.data").write_text("classes=3\nlabels=my.labels\ntop=2\n")
    (tmp_path / "my.labels").write_text("n01\nn02\nn03\n")
    for name, rgb in (("r", (255, 0, 0)), ("g", (0, 255, 0))):
        write_image(tmp_path / f"{name}.png", np.full((8, 8, 3), rgb, np.uint8))
    return tmp_path


def lines(out: str) -> list[str]:
    return [line for line in out.splitlines() if "Predicted in" not in line]


def test_one_image(darkpy, place):
    done = darkpy("classify", *NET, "r.png")
    assert done.status == 0 and done.out.startswith("r.png: Predicted in ")
    assert lines(done.out) == ["96.47%: red", " 1.77%: green", " 1.77%: blue"]


def test_names_and_number_from_a_data_file(darkpy, place):
    done = darkpy("classifier", "predict", "my.data", *NET, "g.png")
    assert lines(done.out) == ["96.47%: n02", " 1.77%: n01"]
    assert len(lines(darkpy("classifier", "predict", "my.data", *NET, "g.png", "-t", "1").out)) == 1
    assert len(lines(darkpy("classify", *NET, "g.png", "-top", "3").out)) == 3


def test_json(darkpy, place):
    done = darkpy("classify", *NET, "r.png", "g.png", "--json", "-top", "1")
    assert [entry["classes"][0]["name"] for entry in json.loads(done.out)] == ["red", "green"]
    darkpy("classify", *NET, "r.png", "--json=out.json")
    assert json.loads((place / "out.json").read_text())[0]["filename"] == "r.png"


def test_bad_images(darkpy, place, monkeypatch):
    (place / "bad.png").write_text("no")
    done = darkpy("classify", *NET, "r.png", "bad.png", "g.png", "-top", "1")
    assert done.status == 4 and lines(done.out) == ["96.47%: red", "96.47%: green"]
    assert done.err.startswith("bad.png: is not an image") and done.err.count("\n") == 1
    monkeypatch.setattr(sys, "stdin", io.StringIO("nothing.png\n"))
    assert darkpy("classify", *NET, "--json") == (4, "[]\n", "nothing.png: no such file: check the path\n")


def test_a_detector_is_none(darkpy, place):
    nets.detector_files(place)
    done = darkpy("classify", "tiny.cfg", "tiny.weights", "r.png")
    assert done.status == 3 and "that is a detector, use darkpy detect" in done.err

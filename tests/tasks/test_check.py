"""darkpy check: every kind of fault of a data set is found in one pass, with its place."""

import json
import re

import pytest

from darkpy.build import build
from darkpy.cfg import parse
from darkpy.errors import DataError
from darkpy.tasks.check import check
from tests.cli.run import darkpy
from tests.datasets.scenes import detection, picture, save

__all__ = ["darkpy"]

NET = "[net]\nwidth=64\nheight=64\nchannels=3\n[convolutional]\nfilters=8\n[yolo]\nclasses=3\nanchors=4,5\nmax=2\n"


@pytest.fixture
def data(tmp_path):
    path = detection(tmp_path)
    path.write_text("classes=3\ntrain=train.txt\nnames=d.names\n")
    return path


def found(data, *levels, **options):
    """(level, kind, place, text) of the findings, without the folder's name."""
    report = check(data, **options)
    return [(f.level, f.kind, f.place.replace(f"{data.parent}/", ""), f.text.replace(f"{data.parent}/", ""))
            for f in report.findings if not levels or f.level in levels]


def test_good(data):
    report = check(data)
    assert (report.images, report.empty) == ({"train": 4}, 1)
    assert dict(report.objects) == {0: 1, 1: 1, 2: 2}
    assert found(data) == [("hint", "no objects", "d.data", "1 of 4 images have no objects")]


LINES = [
    ("1 .5 .5 .1", "error", "bad label", "4 numbers: a label has 5"),
    ("a .5 .5 .1 .1", "error", "bad label", "'a' is not a number"),
    ("3 .5 .5 .1 .1", "error", "bad class", "class 3 is not among 0 to 2"),
    ("1 .5 1.5 .1 .1", "error", "out of range", "centre .5 1.5 is outside the image"),
    ("1 .5 .5 .1 3", "error", "out of range", "size .1 3 is not that of a box"),
    ("1 .5 .5 0 .1", "error", "zero size", "a box of size 0 .1 has no area"),
    ("1 .4 .6 .3 .5", "warning", "same box", "the same label as in line 1"),
    ("1 .5 .5 .0005 .1", "warning", "tiny box", "a box of 0.0005 x 0.1 of the image: training leaves it out"),
    ("1 .9 .5 .4 .1", "warning", "outside", "the box reaches beyond the image"),
    ("1 .5 .5 .9 .02", "hint", "thin box", "a box of 0.9 x 0.02 of the image is very thin"),
]


@pytest.mark.parametrize(("line", "level", "kind", "text"), LINES)
def test_labels(data, line, level, kind, text):
    (data.parent / "labels/0.txt").write_text(f"1 .4 .6 .3 .5\n\n{line}\n")
    first = found(data)[0]
    assert first[:3] == (level, kind, "labels/0.txt:3") and first[3].startswith(text)
    assert len(found(data)) == 2


def test_class_without_a_place_is_no_fault(data):
    (data.parent / "labels/0.txt").write_text("1 0 0 0 0\n")
    assert found(data, "error", "warning") == []


def test_images(data):
    root = data.parent
    (root / "images/0.png").unlink()
    (root / "images/1.png").write_bytes(b"<html>")
    (root / "labels/2.txt").unlink()
    save(root / "images/3.png", picture(3, 600, 40))
    for k in range(5, 8):
        save(root / f"images/{k}.png", picture(k))
        (root / f"labels/{k}.txt").write_text("0 .5 .5 .1 .1\n")
    (root / "images/8.png").write_bytes((root / "images/5.png").read_bytes())
    (root / "labels/8.txt").write_text("0 .5 .5 .1 .1\n")
    (root / "train.txt").write_text("".join(f"images/{k}.png\n" for k in (0, 1, 2, 3, 5, 6, 7, 8, 6)))
    (root / "valid.txt").write_text("images/7.png\n")
    data.write_text("classes=3\ntrain=train.txt\nvalid=valid.txt\nnames=d.names\n")
    lines = {(level, kind): (place, text) for level, kind, place, text in found(data)}
    assert lines["error", "missing image"][0] == "train.txt:1"
    assert lines["error", "bad image"] == ("train.txt:2", lines["error", "bad image"][1])
    assert lines["error", "missing labels"][0] == "train.txt:3"
    assert lines["error", "missing labels"][1].startswith("labels/2.txt: no such file")
    twice = [f[2:] for f in found(data) if f[1] == "same image"]
    assert twice == [("train.txt:9", "images/6.png stands in train.txt:6 already"),
                     ("train.txt:8", "has the same content as images/5.png")]
    assert lines["warning", "in two lists"] == (
        "valid.txt:1", "images/7.png stands in train.txt:7 already, in train=: what is learned from should not be "
                       "measured on")
    assert lines["hint", "unusual size"] == ("train.txt:4", "600x40 pixels, where 60x40 is usual")


def test_one_list_for_both(data):
    data.write_text("classes=3\ntrain=train.txt\nvalid=train.txt\nnames=d.names\n")
    text = "valid= names the list of train=: what is learned from should not be measured on"
    assert found(data, "warning") == [("warning", "in two lists", "d.data:3", text)]
    assert check(data).objects.total() == 4


def test_the_data_file(data):
    data.write_text("classes=2\ntrain=gone.txt\nnames=d.names\ncolor=3\n")
    assert found(data)[:3] == [
        ("error", ".data file", "d.data:4", "color=3: unknown key"),
        ("warning", ".data file", "d.data:3", "names=d.names has 3 names: with classes=2 only the first 2 are used"),
        ("error", "list", "d.data:2", found(data)[2][3])]
    data.write_text("names=d.names\n")
    assert [f[1] for f in found(data, "error")] == ["list"]
    data.write_text("train=train.txt\n")
    assert ("error", ".data file", "d.data", "no classes= is given") in found(data)
    with pytest.raises(DataError, match="no such file"):
        check(data.parent / "none.data")


def test_with_a_net(data):
    graph = build(parse(NET, "n.cfg"))
    (data.parent / "labels/0.txt").write_text("1 .5 .5 .1 .1\n" * 2 + "1 .2 .2 .1 .03\n")
    lines = found(data, graph=graph)
    text = "3 objects: the net learns from 2 of an image (max=2)"
    assert ("warning", "many objects", "labels/0.txt:3", text) in lines
    assert lines[-1][1] == "small objects" and lines[-1][3].startswith("1 of 6 objects are smaller than 3 pixels")
    data.write_text("classes=2\ntrain=train.txt\n")
    assert found(data, "error", graph=graph)[0][2:] == ("d.data:1", "classes=2, but [yolo] at n.cfg:8 has classes=3")


def test_classifiers(tmp_path):
    for name in ("ant1", "bee1", "bee2", "fly"):
        save(tmp_path / f"{name}.png", picture(len(name) + ord(name[-1]) % 3 + ord(name[0]) % 7))
    (tmp_path / "l.txt").write_text("ant1.png\nbee1.png\nbee2.png\nfly.png\n")
    (tmp_path / "names").write_text("ant\nbee\ncow\n")
    data = tmp_path / "c.data"
    data.write_text("classes=3\ntrain=l.txt\nlabels=names\n")
    report = check(data)
    assert report.classifier and dict(report.objects) == {0: 1, 1: 2}
    assert [(f.level, f.kind) for f in report.findings] == [("error", "bad labels"), ("hint", "no objects")]
    data.write_text("classes=3\ntrain=l.txt\ntag=1\n")
    assert check(data).count("error") == 4


# -- the command ----------------------------------------------------------------------------------------------------


def test_command(darkpy, data):
    done = darkpy("check", data)
    assert done.status == 0 and done.err == ""
    assert done.out == (f"{data}: 1 of 4 images have no objects (hint)\nobjects: cow 2, bee 1, ant 1\n"
                        f"{data}: train 4 images, 4 objects: no errors, no warnings, 1 hint\n")


def test_command_with_errors(darkpy, data):
    for k in range(4):
        (data.parent / f"labels/{k}.txt").write_text("9 .5 .5 .1 .1\n" * 3)
    done = darkpy("check", data, "-most", 2)
    assert done.status == 4
    assert done.out.splitlines()[2] == f"{data}: 4 of 4 images have no objects (hint)"
    assert "and 10 more: bad class (error): --all shows them" in done.out
    assert len(darkpy("check", data, "--all").out.splitlines()) == 14
    found = json.loads(darkpy("check", data, "--json").out)
    assert found["errors"] == 12 and len(found["findings"]) == 13
    assert found["findings"][0] == {"level": "error", "kind": "bad class", "place": f"{data.parent}/labels/0.txt:1",
                                    "text": "class 9 is not among 0 to 2"}


def test_command_with_a_net(darkpy, data, tmp_path):
    (tmp_path / "n.cfg").write_text(NET)
    for argv in ((tmp_path / "n.cfg",), ("-cfg", tmp_path / "n.cfg")):
        assert darkpy("check", data, *argv).status == 0
    assert darkpy("check", data, tmp_path / "gone.cfg").status == 3


def test_table_on_a_terminal(darkpy, data, monkeypatch):
    from darkpy.cli import console

    monkeypatch.setattr(console, "terminal", lambda stream=None: True)
    (data.parent / "labels/0.txt").write_text("9 .5 .5 .1 .1\n")
    done = darkpy("check", data)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.out)
    assert done.status == 4 and re.search(r"error\s+bad class", plain) and "1 error, no warnings, 2 hints" in plain

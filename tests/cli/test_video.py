"""darkpy video: films in, films out, and what is no film."""

import json

import cv2
import numpy as np
import pytest

import darkpy as package
from darkpy.errors import DataError, UsageError
from darkpy.vision.video import Film, Writer
from tests import nets

CELLS = [(0, 0), (1, 1), (2, 2), (3, 3), (1, 2), (0, 3)]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A film of six frames, enlarged so that its compression does no harm, with an object in another cell in each."""
    monkeypatch.chdir(tmp_path)
    nets.detector_files(tmp_path)
    with Writer("film.avi", 5) as film:
        for cell in CELLS:
            film.add(nets.scene(cell, 1, side=128))
    return tmp_path


RUN = ("video", "tiny.cfg", "tiny.weights", "film.avi")


def centres(text):
    return [[(o["relative_coordinates"]["center_y"] // 0.25, o["relative_coordinates"]["center_x"] // 0.25)
             for o in frame["objects"]] for frame in json.loads(text)]


def test_round_trip(place):
    with Film("film.avi") as film:
        frames = list(film)
        assert (film.fps, film.frames) == (5, 6)
    for frame, cell in zip(frames, CELLS, strict=True):
        assert np.abs(frame.astype(int) - nets.scene(cell, 1, side=128)).mean() < 4


def test_film(darkpy, place):
    done = darkpy(*RUN)
    assert done.status == 0 and done.out.count("Predicted in") == 6 and done.out.startswith("film.avi/00000000: ")
    assert "6 frames, " in done.err and done.err.endswith("predictions.mp4 written\n")
    with Film("predictions.mp4") as film:
        assert film.fps == 5 and [f.shape for f in film] == 6 * [(128, 128, 3)]
    assert sorted(p.suffix for p in place.iterdir()) == [".avi", ".cfg", ".mp4", ".weights"]


def test_lists_frames_and_the_originals_words(darkpy, place):
    assert centres(darkpy(*RUN, "--json", "--batch", "4").out) == [[cell] for cell in CELLS]
    assert centres(darkpy(*RUN, "--json", "-s", "1").out) == [[cell] for cell in CELLS[::2]]
    (place / "my.names").write_text("lime\nviolet\n")
    (place / "my.data").write_text("classes=2\nnames=my.names\n")
    done = darkpy("detector", "demo", "my.data", *RUN[1:], "-prefix", "f", "-dont_show", "-avg", "1", "-ext_output",
                  "-w", "64", "-h", "64")
    assert done.status == 0 and "violet: 100%" in done.out and len(list(place.glob("f_*.jpg"))) == 6
    assert not (place / "predictions.mp4").exists()
    assert darkpy("yolo", "demo", *RUN[1:], "--no-image").status == 0


def test_average(place):
    """An object is found for as long as the mean of the last outputs says so."""
    model = package.Detector("tiny.cfg", "tiny.weights")
    frames = [nets.scene((0, 0), 1), np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32, 3), np.uint8)]
    found = [len(r) for r in model.detect(iter(frames), thresh=0.2, average=2)]
    assert found == [1, 1, 0] and [len(r) for r in model.detect(frames, thresh=0.2)] == [1, 0, 0]
    with pytest.raises(UsageError, match="average=0"):
        next(model.detect(frames, average=0))


def test_what_is_no_film(darkpy, place):
    (place / "text.avi").write_text("no film")
    before = sorted(place.iterdir())
    for film, message in (("gone.avi", "gone.avi: no such file"), ("text.avi", "text.avi: cannot be opened: is it a"),
                          (".", "is a directory, not a film")):
        done = darkpy(*RUN[:3], film)
        assert done.status == 4 and done.out == "" and message in done.err and done.err.count("\n") == 1
    assert darkpy(*RUN, "-out", "x.txt").err == ("x.txt: films are written as .mp4, .avi, .mkv, .mov: choose one of "
                                                 "these endings\n")
    assert "is also read" in darkpy(*RUN, "-out", "film.avi").err
    assert darkpy(*RUN, "-out", "no/x.avi").err == "no/x.avi: its folder does not exist: make it first\n"
    assert sorted(place.iterdir()) == before


def test_no_empty_film(place, monkeypatch):
    """The writer of OpenCV says nothing where it cannot write."""
    class Broken:
        fourcc = staticmethod(cv2.VideoWriter.fourcc)

        def __init__(self, *args):
            pass

        isOpened = release = write = lambda self, *args: True  # noqa: N815

    monkeypatch.setattr(cv2, "VideoWriter", Broken)
    with pytest.raises(DataError, match="x.avi: nothing could be written"), Writer("x.avi", 5) as film:
        film.add(nets.scene())
    with pytest.raises(DataError, match="does not belong into a film of 32x32"), Writer("x.avi", 5) as film:
        film.add(nets.scene())
        film.add(nets.scene(side=64))
    assert not (place / "x.avi").exists()

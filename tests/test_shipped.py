"""The network darkpy brings along: it is found, it is small, and it knows scenes it has not seen."""

import os
from pathlib import Path

import numpy as np
import pytest

import darkpy as package
from darkpy import datafile, shipped
from darkpy.errors import ModelError
from darkpy.evaluation import voc
from darkpy.synth.scene import draw_scene
from darkpy.synth.things import NAMES
from darkpy.tasks.evaluate import collect, read_truth
from darkpy.tasks.synth import Options, synth
from darkpy.vision.decode import read_image, write_image
from tests.cli.run import darkpy
from tests.shared import ROOT

__all__ = ["darkpy"]  # a fixture


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(out):
    return {line.split(":")[0] for line in out.splitlines() if line.endswith("%")}


def test_detect_alone(darkpy, empty):
    done = darkpy("detect")
    assert done.status == 0 and len(found(done.out) & set(NAMES)) >= 4 and "predictions.jpg shows them" in done.err
    sample = read_image(ROOT / shipped.PICTURE)
    assert read_image(empty / "predictions.jpg").shape == sample.shape


def test_detect_finds_nothing(darkpy, empty):
    """It says what the network knows; not where the picture could not even be read."""
    write_image(empty / "grey.png", np.full((40, 60, 3), 127, np.uint8))
    done = darkpy("detect", "grey.png")
    assert done.status == 0 and "nothing found: without cfg and weights" in done.err and "shows them" not in done.err
    assert "nothing found" not in darkpy("detect", "missing.png").err


def test_objects_tell_what_they_are():
    model = package.Detector()
    (result,) = model.detect(shipped.find(shipped.PICTURE))
    assert repr(result).startswith("<Result ") and "house 0." in repr(result) and len(repr(result)) < 300
    assert "scenes.cfg: input 256x256x3, 12 layers" in repr(model.net) and "12 layers, float32" in repr(model._run)


def test_detect_images_alone(darkpy, empty):
    for name in ("a.png", "b.png"):
        write_image(empty / name, draw_scene(31, 4, 256, 256).picture)
    done = darkpy("detect", "a.png", "b.png", "--csv")
    assert done.status == 0 and "class_id" in done.out and not (empty / "predictions.jpg").exists()
    assert darkpy("detect", ".", "-out", "found/").status == 0 and len(os.listdir("found")) == 2
    (empty / "list.txt").write_text("a.png\n")
    assert darkpy("detect", "list.txt").status == 0


def test_half_a_network_is_an_error(darkpy, empty):
    done = darkpy("detect", "my.cfg")
    assert done.status == 2 and "weights is missing" in done.err
    done = darkpy("detect", "list.txt", "my.weights")  # a cfg by an odd name
    assert done.status == 3 and "list.txt" in done.err


def test_from_python():
    model = package.Detector()
    assert model.names == NAMES
    (result,) = model.detect([str(ROOT / shipped.PICTURE)])
    assert len(result.boxes.class_id) >= 4


def test_it_is_small():
    assert (ROOT / shipped.WEIGHTS).stat().st_size < 4e6
    net = package.load(ROOT / shipped.CFG, ROOT / shipped.WEIGHTS)
    assert sum(a.size for i in range(len(net.layers)) for a in net.params(i).values()) < 1e6


def test_it_knows_scenes_it_has_not_seen(tmp_path):
    """docs/model.md measures it on more of them."""
    made = synth(tmp_path / "set", Options(train=0, valid=60, width=320, height=320, seed=271))
    model = package.Detector()
    collected = collect(model, read_truth(datafile.read(made.data), len(NAMES)))
    assert voc.evaluate(*collected.tables(), len(NAMES)).mean_ap() > 0.8


def test_where_it_is_looked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "site-packages" / "darkpy" / "shipped.py"))
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))
    with pytest.raises(ModelError, match="lacks it"):
        shipped.find("cfg/x.cfg")
    place = tmp_path / "venv" / "share" / "darkpy" / "cfg"
    place.mkdir(parents=True)
    (place / "x.cfg").write_text("")
    assert Path(shipped.find("cfg/x.cfg")) == place / "x.cfg"


def test_an_installation_gets_it():
    from configparser import ConfigParser

    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for name in (shipped.CFG, shipped.WEIGHTS, shipped.PICTURE):
        folder = str(Path(name).parent)
        assert setup["options.data_files"][f"share/darkpy/{folder}"] == f"{folder}/*"
        assert (ROOT / name).is_file()

"""-precision and -calib: what is kept where, what is said, what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

import darkpy
from darkpy.cli.main import main
from darkpy.ops.cpu.tile import narrow_products
from darkpy.plan import Calibration
from tests.plan import harness, nets

TEXT = ("[net]\nwidth=32\nheight=32\nchannels=3\n" + nets.conv(24, 3) + nets.conv(32, 3)
        + nets.conv(16, activation="linear") + nets.section("yolo", mask="0,1", anchors="6,8,12,10", classes=3, num=2))
needs_int8 = pytest.mark.skipif(not narrow_products("uint8"), reason="this CPU has no instructions for int8")


@pytest.fixture
def model(tmp_path):
    """(cfg, weights, folder of images)."""
    cfg, weights, folder = tmp_path / "m.cfg", tmp_path / "m.weights", tmp_path / "images"
    cfg.write_text(TEXT)
    harness.fill(darkpy.load(cfg)).save(weights)
    folder.mkdir()
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 30, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return cfg, weights, folder


def detect(model, *options):
    cfg, weights, folder = model
    return main(["detect", str(cfg), str(weights), str(folder / "0.png"), "--no-image", "-thresh", "0.1", *options])


@needs_int8
def test_calibrated_once(model, capsys, tmp_path):
    kept = tmp_path / "m.int8.json"
    assert detect(model, "-precision", "int8") == 2
    assert f"{kept} does not exist: give typical images once, -calib FOLDER" in capsys.readouterr().err
    assert detect(model, "-precision", "int8", "-calib", str(model[2])) == 0
    first = capsys.readouterr()
    assert f"calibrated on 3 images, ranges are kept in {kept}" in first.err
    assert Calibration.load(kept).images == 3
    assert detect(model, "-precision", "int8") == 0
    again = capsys.readouterr()
    assert again.out.splitlines()[1:] == first.out.splitlines()[1:] and "calibrated" not in again.err
    assert detect(model, "-precision", "int8", "-calib", str(kept)) == 0
    kept.write_text("{}")
    capsys.readouterr()
    assert detect(model, "-precision", "int8") == 4
    assert f"{kept}: is no calibration" in capsys.readouterr().err
    kept.unlink()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert detect(model, "-precision", "int8", "-calib", str(empty)) == 4
    assert "holds no images" in capsys.readouterr().err and not kept.exists()


def test_other_precisions(model, capsys, tmp_path):
    assert detect(model, "-precision", "bf16") == 0
    err = capsys.readouterr().err
    assert narrow_products("bfloat16") or "so float32 is computed" in err
    assert detect(model, "-precision", "bf16", "-calib", str(model[2])) == 2
    assert "-calib is for -precision int8" in capsys.readouterr().err
    assert detect(model, "-precision", "int4") == 2
    assert "int4" in capsys.readouterr().err
    assert list(tmp_path.glob("*.json")) == []


@needs_int8
def test_python(model):
    cfg, weights, folder = model
    images = sorted(folder.iterdir())
    plain = darkpy.Detector(cfg, weights)
    mine = darkpy.Detector(cfg, weights, precision="int8", calibration=images)
    for a, b in zip(plain.detect(images, thresh=0.0), mine.detect(images, thresh=0.0), strict=True):
        assert len(a.boxes) and abs(len(a.boxes) - len(b.boxes)) <= 0.1 * len(a.boxes)


def test_speed(model, capsys):
    for precision in ("float32", "bf16", "int8"):
        assert main(["speed", str(model[0]), "3", "-precision", precision, "-memory", "1.5", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["precision"] == precision or found["note"]

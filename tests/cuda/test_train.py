"""The commands on the device: a training that is continued, and images that are looked at, from files to files."""

import re
from pathlib import Path

import numpy as np

from darkpy.cli.main import main
from tests import nets
from tests.train import jobs


def small(tmp_path):
    data, cfg = jobs.make("classifier", tmp_path)
    text = Path(cfg).read_text().replace("width=32", "width=8").replace("height=32", "height=8")
    Path(cfg).write_text(text.replace("max_crop=40", "max_crop=10"))
    return data, cfg


def train(tmp_path, name, *more):
    data, cfg = small(tmp_path / name)
    assert main(["train", data, cfg, "-no_chart", "-validate_every", "0", *more]) == 0
    return (tmp_path / name / "backup" / "n_final.weights").read_bytes(), (tmp_path / name / "backup")


def test_training_as_on_the_cpu(tmp_path):
    """Three batches with augmentation and dropout, whose draws are the same everywhere."""
    mine, _ = train(tmp_path, "gpu", "-device", "cuda", "--max_batches", "3")
    cpu, _ = train(tmp_path, "cpu", "--max_batches", "3")
    assert len(mine) == len(cpu) and mine[:20] == cpu[:20]  # header: version and images seen
    a, b = np.frombuffer(mine[20:], "<f4"), np.frombuffer(cpu[20:], "<f4")
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_training_goes_on_bit_for_bit(tmp_path):
    whole, _ = train(tmp_path, "whole", "-device", "cuda", "--max_batches", "2")
    data, cfg = small(tmp_path / "parts")
    for batches in ("1", "2"):
        assert main(["train", data, cfg, "-no_chart", "-validate_every", "0", "-device", "cuda", "--resume",
                     "--max_batches", batches]) == 0
    assert (tmp_path / "parts" / "backup" / "n_final.weights").read_bytes() == whole


def test_detect(tmp_path, capsys):
    cfg, weights = nets.detector_files(tmp_path)
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), nets.scene((1, 2), 1)[..., ::-1])
    found = []
    for device in ("cuda", "cpu"):
        assert main(["detect", cfg, weights, str(tmp_path / "a.png"), "-device", device, "--json=-"]) == 0
        found.append(capsys.readouterr().out)
    rough, other = (re.sub(r"(\.\d{3})\d*", r"\1", text) for text in found)
    assert rough == other and "confidence" in rough


def test_classify(tmp_path, capsys):
    cfg, weights = nets.classifier_files(tmp_path)
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.full((8, 8, 3), (0, 0, 255), np.uint8))
    assert main(["classify", cfg, weights, str(tmp_path / "a.png"), "-device", "cuda"]) == 0
    assert "red" in capsys.readouterr().out.splitlines()[0] + capsys.readouterr().out

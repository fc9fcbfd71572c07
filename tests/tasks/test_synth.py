"""darkpy synth: the data set it writes, and what it refuses."""

import pytest

from darkpy import datafile
from darkpy.datasets.labels import read_labels
from darkpy.datasets.paths import images_of, label_path
from darkpy.synth.scene import draw_scene
from darkpy.synth.things import NAMES
from darkpy.tasks import synth as task
from darkpy.vision.decode import read_image
from tests.cli.run import darkpy

__all__ = ["darkpy"]  # a fixture


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_data_set_to_train_on(darkpy, tmp_path):
    out = tmp_path / "set"
    done = darkpy("synth", out, "-n", 4, "-valid", 2, "-size", "128x96", "-seed", 5)
    assert done.status == 0 and done.out.splitlines()[-1] == f"{out}/set.data"
    data = datafile.read(out / "set.data")
    assert data.config.classes == len(NAMES) and (out / "set.names").read_text().split("\n")[:-1] == NAMES
    train, valid = images_of(data, "train").images, images_of(data, "valid").images
    assert len(train) == 4 and len(valid) == 2 and not set(train) & set(valid)
    for number, path in enumerate([*train, *valid]):
        assert read_image(path).shape == (96, 128, 3)
        want = draw_scene(5, number, 128, 96).labels
        assert read_labels(label_path(path), len(NAMES)).tolist() == [pytest.approx(row, abs=1e-5) for row in want]
    assert read_image(out / "preview.jpg").shape == (2 * 96, 4 * 128, 3)
    assert darkpy("check", out / "set.data").status == 0


def test_the_same_bytes_on_any_number_of_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(task, "FEW", 0)
    for name, workers in (("a", 1), ("b", 2)):
        folder = tmp_path / name / "set"
        task.synth(folder, task.Options(train=3, valid=1, width=64, height=64, relative=True, workers=workers))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert (tmp_path / "a/set/train.txt").read_text().startswith("images/000001.jpg\n")


def test_refusals_leave_nothing_behind(darkpy, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("")
    done = darkpy("synth", tmp_path / "full", "-n", 2)
    assert done.status == 2 and "exists already" in done.err
    done = darkpy("synth", tmp_path / "new", "-size", 32)
    assert done.status == 2 and "64 to 4096" in done.err
    assert [p.name for p in tmp_path.iterdir()] == ["full"]


def test_interruption_leaves_nothing_behind(tmp_path):
    def stop(items, total):
        yield next(iter(items))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        task.synth(tmp_path / "set", task.Options(train=3, valid=0, width=64, height=64), stop)
    assert list(tmp_path.iterdir()) == []


def test_without_images_to_measure_on(darkpy, tmp_path):
    assert darkpy("synth", tmp_path / "set", "-n", 1, "-valid", 0, "-size", 64).status == 0
    assert not datafile.read(tmp_path / "set/set.data").config.valid


def test_only_images_to_measure_on(darkpy, tmp_path):
    assert darkpy("synth", tmp_path / "set", "-n", 0, "-valid", 2, "-size", 64).status == 0
    data = datafile.read(tmp_path / "set/set.data")
    assert not data.config.train and len(images_of(data, "valid").images) == 2
    done = darkpy("synth", tmp_path / "none", "-n", 0, "-valid", 0)
    assert done.status == 2 and "no image" in done.err

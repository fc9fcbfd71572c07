"""darkpy train: lines, notes, transfer, and what it refuses."""

import sys

import numpy as np
import pytest

import darkpy as package
from tests.cli.test_console import Terminal
from tests.train import jobs


def test_lines_and_notes(darkpy, tmp_path):
    data, cfg = jobs.make("detector", tmp_path)
    (tmp_path / "images" / "1.png").write_bytes(b"broken")
    done = darkpy("train", data, cfg, "-no_chart", "-gpus", "0,1")
    lines = done.out.splitlines()
    assert done.status == 0 and len(lines) == 24
    assert lines[0].startswith("Region 3 Avg IOU: ")
    assert lines[-1].startswith("12: ") and lines[-1].endswith("48 images")
    assert done.err.startswith("n\nLearning Rate: 0.0005, Momentum: 0.9, Decay: 0.0001\n4 images; batch 4, ")
    assert "1 image was left out of training:" in done.err and "images/1.png" in done.err
    assert done.err.endswith("n_final.weights written\n")


@pytest.mark.parametrize(("words", "kind"), [(("detector",), "detector"), (("classifier",), "classifier")])
def test_the_originals_words(darkpy, tmp_path, words, kind):
    done = darkpy(*words, "train", *jobs.make(kind, tmp_path), "--max_batches", 2, "-no_chart", "-clear")
    assert done.status == 0 and "2: " in done.out


def test_the_same_seed_gives_the_same_bytes(darkpy, tmp_path):
    found = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert darkpy("train", *jobs.make("classifier", tmp_path / name), "-no_chart", "-seed", seed).status == 0
        found.append(jobs.left(tmp_path / name))
    assert found[0] == found[1] and found[0]["n_final.weights"] != found[2]["n_final.weights"]


def test_a_bar_on_a_terminal(darkpy, tmp_path, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    status = darkpy("train", *jobs.make("detector", tmp_path), "-no_chart").status
    assert status == 0 and sys.stdout.getvalue() == ""
    assert "12/12" in screen.getvalue() and "images/s" in screen.getvalue() and "iou" in screen.getvalue()


def test_an_earlier_training_is_not_lost(darkpy, tmp_path):
    job = (*jobs.make("classifier", tmp_path), "-no_chart", "--max_batches", 3)
    assert "the training begins" in darkpy("train", *job, "--resume").err
    before = (tmp_path / "backup" / "n.checkpoint").read_bytes()
    assert "is kept as" in darkpy("train", *job, "-seed", 3).err
    assert (tmp_path / "backup" / "n.checkpoint.old").read_bytes() == before
    done = darkpy("train", *job, "--resume", "-seed", 4)
    assert done.status == 4 and "began with seed 3" in done.err
    text = (tmp_path / "n.cfg").read_text()
    (tmp_path / "n.cfg").write_text(text.replace("size=3", "size=5"))
    done = darkpy("train", *job, "--resume", "-seed", 3)
    assert done.status == 3 and "another cfg" in done.err and done.err.count("\n") == 1


def test_transfer(darkpy, tmp_path):
    """A backbone from a classifier; what lies before stopbackward stays as it was."""
    data, cfg = jobs.make("classifier", tmp_path / "c")
    assert darkpy("train", data, cfg, "-no_chart").status == 0
    final, part = tmp_path / "c" / "backup" / "n_final.weights", tmp_path / "part.weights"
    assert darkpy("partial", cfg, final, part, 2).status == 0
    data, cfg2 = jobs.make("detector", tmp_path / "d")
    text = (tmp_path / "d" / "n.cfg").read_text()
    (tmp_path / "d" / "n.cfg").write_text(text.replace("filters=4\n", "filters=4\nstopbackward=1\n")
                                          .replace("batch=4\n", "batch=4\ndecay=0\n"))
    done = darkpy("train", data, cfg2, part, "-no_chart")
    assert done.status == 0 and "part.weights: layers 0 to 1 start from it, the others anew" in done.err
    start = package.load(cfg, str(final)).params(0)
    end = package.load(cfg2, str(tmp_path / "d" / "backup" / "n_final.weights")).params(0)
    for name in ("weights", "biases", "scales"):
        np.testing.assert_array_equal(end[name], start[name])

    done = darkpy("train", data, cfg2, final, "-no_chart", "-clear")
    assert done.status == 0 and "warning: " in done.err and "give -cutoff N" in done.err
    done = darkpy("train", data, cfg2, final, "-no_chart", "-cutoff", 2, "-clear")
    assert done.status == 0 and "layers 0 to 1 start" in done.err and "warning" not in done.err


def test_weights_that_saw_all_batches(darkpy, tmp_path):
    job = jobs.make("classifier", tmp_path)
    assert darkpy("train", *job, "-no_chart").status == 0
    final = tmp_path / "backup" / "n_final.weights"
    done = darkpy("train", *job, final, "-no_chart")
    assert done.status == 2 and "batch 12 of max_batches=12: give -clear" in done.err
    done = darkpy("train", *job, final, "-no_chart", "-clear")
    assert done.status == 0 and "1: " in done.out


def test_diverged(darkpy, tmp_path):
    data, cfg = jobs.make("classifier", tmp_path)
    text = (tmp_path / "n.cfg").read_text()
    (tmp_path / "n.cfg").write_text(text.replace("learning_rate=0.01", "learning_rate=1e30"))
    done = darkpy("train", data, cfg, "-no_chart", "--max_batches", 100)
    assert done.status == 5 and "training diverged at batch" in done.err
    assert done.err.splitlines()[-1].count("layer ") == 1


def test_refusals(darkpy, tmp_path):
    data, cfg = jobs.make("classifier", tmp_path)
    assert darkpy("train", data, tmp_path / "no.cfg").status == 3
    assert darkpy("train", tmp_path / "no.data", cfg).status == 4
    assert darkpy("train", data, cfg, tmp_path / "no.weights").status == 3
    (tmp_path / "backup").write_text("a file")
    done = darkpy("train", data, cfg)
    assert done.status == 4 and "d.data:5: backup=" in done.err

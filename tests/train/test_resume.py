"""A training that is interrupted, by whatever, ends with the bytes of one that is not."""

import resource
import signal
import subprocess

import pytest

from tests.shared import ROOT
from tests.train import jobs


@pytest.mark.parametrize("kind", ["detector", "classifier"])
def test_kill_at_random_moments(kind, tmp_path):
    """`python -m tests.train.jobs` does it as often as is wanted."""
    assert 0 < jobs.kill_and_compare(kind, tmp_path, kills=2, batches=40) <= 40


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves(number, tmp_path, darkpy):
    options = ("--max_batches", 40, "-no_chart")
    data, cfg = jobs.make("detector", tmp_path / "broken")
    process = subprocess.Popen([*jobs.command(data, cfg, *options)], cwd=ROOT, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    while "2: " not in process.stdout.readline():
        pass
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped behind batch" in err and "--resume goes on" in err
    assert darkpy("train", data, cfg, *options, "--resume").status == 0
    assert darkpy("train", *jobs.make("detector", tmp_path / "whole"), *options).status == 0
    broken, whole = jobs.left(tmp_path / "broken"), jobs.left(tmp_path / "whole")
    assert (tmp_path / "broken" / "backup" / "n.backup").stat().st_size > 20
    assert broken == whole


def test_disk_full_leaves_the_last_good_checkpoint(tmp_path, darkpy):
    data, cfg = jobs.make("classifier", tmp_path)
    point = tmp_path / "backup" / "n.checkpoint"
    assert darkpy("train", data, cfg, "--max_batches", 4, "-no_chart").status == 0
    before = point.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) - 100, hard))
    try:
        done = darkpy("train", data, cfg, "--resume", "-no_chart")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert done.status == 3 and "n.checkpoint: cannot be written: file too large" in done.err
    assert point.read_bytes() == before and not [p for p in point.parent.iterdir() if p.suffix == ".tmp"]
    assert darkpy("train", data, cfg, "--resume", "-no_chart").status == 0


def test_adam_goes_on(tmp_path, darkpy):
    for name in ("whole", "broken"):
        job = jobs.make("classifier", tmp_path / name, net="adam=1")
        if name == "broken":
            assert darkpy("train", *job, "--max_batches", 5, "-no_chart").status == 0
        assert darkpy("train", *job, "-no_chart", "--resume").status == 0
    assert jobs.left(tmp_path / "whole") == jobs.left(tmp_path / "broken")

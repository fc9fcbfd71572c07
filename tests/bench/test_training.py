"""The benchmark of training: its batches, darkpy's own step, its table."""

import pytest

import darkpy
from bench.peers.base import Job
from bench.trainers import TRAINERS

BODY = ("[net]\nwidth=16\nheight=16\nchannels=3\nbatch=2\nlearning_rate=0.01\n"
        "[convolutional]\nfilters={}\nsize=3\npad=1\nactivation=linear\n")
ENDS = {"region": (BODY.format(14), "[region]\nnum=2\nclasses=2\nanchors=1,2,2,1\n"),
        "softmax": (BODY.format(10), "[avgpool]\n[softmax]\n")}


@pytest.mark.parametrize("end", ENDS)
def test_a_step_of_darkpy(tmp_path, end):
    (tmp_path / "model.cfg").write_text("".join(ENDS[end]))
    darkpy.load(str(tmp_path / "model.cfg")).save(tmp_path / "model.weights")
    trainer = TRAINERS["darkpy"](Job("darkpy", tmp_path, 1, 2))
    costs = [trainer.infer(trainer.x) for _ in range(20)]
    assert costs[-1] < costs[0]


def test_the_table():
    training = pytest.importorskip("bench.training", reason="the benchmark's own environment has what it needs",
                                   exc_type=ImportError)
    rows = [{"net": "n-416", "peer": "darkpy", "batch": 4, "threads": 2, "version": "1", "error": 0.0, "steps": 3,
             "agrees": True, "median": 0.25, "min": 0.2, "images_per_second": 16.0, "ratio": 1.0, "ratio_of_min": 1.0,
             "disturbed": False},
            {"net": "n-416", "peer": "pytorch", "batch": 4, "threads": 2, "failed": "no such thing"}]
    facts = dict.fromkeys(("cpu", "cores", "instructions", "python", "date"), "x")
    lines = training.markdown(rows, facts).splitlines()
    assert lines[-2].split(" | ")[5:8] == ["16.0", "250", "200"]
    assert "failed: no such thing" in lines[-1]


def test_unknown_peers_are_named(capsys):
    training = pytest.importorskip("bench.training", reason="the benchmark's own environment has what it needs",
                                   exc_type=ImportError)
    with pytest.raises(SystemExit):
        training.parse(["--peers", "darkpy,caffe"])
    assert "unknown: caffe" in capsys.readouterr().err

"""The loop: what it gives for each batch, what it writes, when it ends."""

import math

import numpy as np
import pytest

import darkpy
from darkpy.cfg import parse
from darkpy.errors import ModelError, TrainingDiverged, UsageError
from darkpy.tasks.train import Job, open_training
from darkpy.train.log import Head, Results, Step, mean_report
from tests.train import jobs


def train(kind, folder, validate=None, **options):
    """The training, then its steps; it is closed with the generator."""
    paths = jobs.make(kind, folder)
    with open_training(Job(*paths, **{"chart_every": 0} | options), validate) as training:
        yield training
        yield list(training.trainer)


def test_steps(tmp_path):
    training, steps = train("detector", tmp_path)
    assert [s.batch for s in steps] == list(range(1, 13)) and [s.images for s in steps] == list(range(4, 52, 4))
    average = steps[0].loss
    for step in steps:
        average = 0.9 * average + 0.1 * step.loss
        assert step.average == pytest.approx(average)
        assert [h.layer for h in step.heads] == [3] and step.seconds > 0
    assert steps[1].rate == pytest.approx(0.0005 * 2 / 4)  # burn-in
    assert training.trainer.reason == "done" and training.net.updates == 12


def test_sizes_vary_on_the_same_arrays(tmp_path):
    maker = train("detector", tmp_path, max_batches=60)
    training = next(maker)
    net, sizes = training.net, set()
    weights = net.params(0)["weights"]
    for step in training.trainer:
        sizes.add(net.input_shape[1:])
        assert net.layers[-1].net.width == net.input_shape[2] and step.batch == net.batches
    assert len(sizes) > 1 and net.params(0)["weights"] is weights and net.config.max_batches == 60


def test_resize_refuses_what_cannot_be():
    net = darkpy.load(parse("[net]\nwidth=8\nheight=8\nchannels=3\n[connected]\noutput=2\n[softmax]\n", "n.cfg"))
    with pytest.raises(ModelError, match=r"n.cfg:5: \[connected\] has weights for an input of 8x8x3 only"):
        net.resize((16, 8))
    assert net.input_shape == (3, 8, 8)


def test_names_of_files(tmp_path):
    _, steps = train("classifier", tmp_path, max_batches=230, save_every=50, chart_every=100, validate_every=115)
    names = {p.name for p in (tmp_path / "backup").iterdir()}
    assert names == {"n.backup", "n.checkpoint", "n_100.weights", "n_200.weights", "n_best.weights",
                     "n_final.weights", "n_results.csv", "n_chart.png"}
    assert [s.batch for s in steps if s.score is not None] == [115, 230]
    assert (tmp_path / "backup" / "n_chart.png").read_bytes()[1:4] == b"PNG"


def test_a_classifier_learns(tmp_path):
    tail = "[avgpool]\n[connected]\noutput=3\nactivation=linear\n[softmax]\n"
    jobs.make("classifier", tmp_path)
    (tmp_path / "n.cfg").write_text("[net]\nbatch=5\nwidth=16\nheight=16\nchannels=3\nlearning_rate=.5\n" + tail)
    with open_training(Job(str(tmp_path / "d.data"), str(tmp_path / "n.cfg"), max_batches=150, validate_every=150,
                           chart_every=0)) as training:
        steps = list(training.trainer)
    assert steps[-1].score == 1 and steps[-1].average < 0.3 * steps[0].loss


def test_a_detector_is_validated_by_its_map(tmp_path):
    _, steps = train("detector", tmp_path, validate_every=12)
    assert [s.score for s in steps[:-1]] == [None] * 11 and 0 <= steps[-1].score <= 1


def test_a_list_that_is_missing_is_no_reason_to_stop(tmp_path):
    data, cfg = jobs.make("detector", tmp_path)
    (tmp_path / "d.data").write_text((tmp_path / "d.data").read_text().replace("valid=train", "valid=gone"))
    with open_training(Job(data, cfg, chart_every=0)) as training:
        assert training.trainer.validate is None and "without validation" in training.notes[-1]


def test_best_weights_and_early_end(tmp_path):
    scores = iter([0.2, 0.5, 0.4, 0.5, 0.3, 0.9])
    seen = []

    def validate(net):
        seen.append(net.params(0)["weights"].copy())
        return next(scores)

    training, steps = train("detector", tmp_path, validate, validate_every=1, patience=3)
    assert len(steps) == 5 and training.trainer.reason == "no better"
    best = darkpy.load(str(tmp_path / "n.cfg"), str(tmp_path / "backup" / "n_best.weights"))
    np.testing.assert_array_equal(best.params(0)["weights"], seen[1])
    assert not np.array_equal(seen[1], seen[2])


def test_patience_needs_validation(tmp_path):
    with pytest.raises(UsageError, match="-patience"):
        next(train("detector", tmp_path, patience=3, validate_every=0))


def poison(training, where):
    training.net.params(0)[where][0] = np.nan


def test_divergence_names_batch_rate_and_layer(tmp_path):
    maker = train("detector", tmp_path, save_every=2)
    training = next(maker)
    steps = iter(training.trainer)
    for _ in range(3):
        next(steps)
    before = (tmp_path / "backup" / "n.checkpoint").read_bytes()
    poison(training, "biases")
    with pytest.raises(TrainingDiverged, match=r"at batch 3 \(rate .*the loss is nan, which begins in the biases of "
                                               r"layer 0 \[convolutional\] \(.*n.cfg:18\).*last good state"):
        next(steps)
    assert (tmp_path / "backup" / "n.checkpoint").read_bytes() == before


def test_a_gradient_that_is_not_finite_moves_nothing(tmp_path, monkeypatch):
    maker = train("classifier", tmp_path)
    training = next(maker)
    net = training.net
    backward = net.backward

    def broken():
        backward()
        net.layers[2].grads["biases"][0] = np.inf

    monkeypatch.setattr(net, "backward", broken)
    before = net.params(2)["biases"].copy()
    with pytest.raises(TrainingDiverged, match="a gradient is not finite, .* the biases of layer 2 .*nothing was"):
        next(iter(training.trainer))
    np.testing.assert_array_equal(net.params(2)["biases"], before)


def test_an_update_that_overflows_is_not_saved(tmp_path):
    maker = train("classifier", tmp_path, save_every=1)
    training = next(maker)
    steps = iter(training.trainer)
    next(steps)
    kept = {p: p.read_bytes() for p in (tmp_path / "backup").iterdir()}
    training.net.config.learning_rate = 1e300
    with pytest.raises(TrainingDiverged, match="the update left numbers that are not finite, which begins in the "):
        for _ in steps:
            pass
    assert {p: p.read_bytes() for p in (tmp_path / "backup").iterdir()} == kept


def test_too_high_a_rate_diverges(tmp_path):
    maker = train("classifier", tmp_path, max_batches=500)
    training = next(maker)
    training.net.config.learning_rate = 1e30
    with pytest.raises(TrainingDiverged):
        list(training.trainer)


def test_lines_are_darknets():
    step = Step(7, 1.5, 2.25, 0.001, 0.5, 448)
    assert str(step) == "7: 1.500000, 2.250000 avg, 0.001000 rate, 0.500000 seconds, 448 images"
    report = {"count": 3.0, "no_obj": 0.01, "iou": 0.5, "class": math.nan, "obj": 0.25, "recall50": 1, "recall75": 0}
    assert str(Head(82, "yolo", report)) == ("Region 82 Avg IOU: 0.500000, Class: nan, Obj: 0.250000, "
                                             "No Obj: 0.010000, .5R: 1.000000, .75R: 0.000000, count: 3")
    assert str(Head(5, "region", report)).endswith("No Obj: 0.010000, Avg Recall: 1.000000, count: 3")


def test_figures_count_by_objects():
    mean = mean_report([{"count": 1, "no_obj": .2, "iou": .4}, {"count": 3, "no_obj": .4, "iou": .8},
                        {"count": 0, "no_obj": .6, "iou": math.nan}])
    assert mean == pytest.approx({"count": 4, "no_obj": .4, "iou": .7})
    assert math.isnan(mean_report([{"count": 0, "no_obj": .6, "iou": math.nan}])["iou"])


def test_results_keep_whole_rows_up_to_the_checkpoint(tmp_path):
    path = tmp_path / "r.csv"
    results = Results(path, [])
    for k in (1, 2, 3):
        results.add(Step(k, k / 3, 1.0, 0.1, 0.5, 4 * k, score=0.5 if k == 2 else None))
    path.write_text(path.read_text() + "4,1")
    again = Results(path, [], after=2)
    assert again.curve == [(1, 1 / 3, 1.0), (2, 2 / 3, 1.0)] and again.scores == [(2, 0.5)]
    assert len(path.read_text().splitlines()) == 3
    path.write_bytes(b"\xff\x00 no table")
    assert Results(path, [], after=2).curve == []

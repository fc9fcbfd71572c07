"""[detection], the head of the first YOLO: boxes, and the loss with all its ways to choose the responsible box."""

import numpy as np
import pytest

from darkpy.errors import UsageError
from darkpy.layers.detection import RANDOM_UNTIL
from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

SIDE, CLASSES, NUM = 3, 4, 2
NUMBERS = SIDE * SIDE * (CLASSES + 5 * NUM)


def detection(*shape, n=2, **options):
    defaults = {"side": SIDE, "classes": CLASSES, "num": NUM, "coords": 4}
    return case("detection", shape or (NUMBERS,), n=n, **defaults | options)


def grid(n, objects, classes=CLASSES, side=SIDE):
    """Truth with objects (image, cell, class, x, y, w, h)."""
    truth = np.zeros((n, side * side, 5 + classes), np.float32)
    for image, cell, label, *box in objects:
        truth[image, cell, 0] = truth[image, cell, 1 + label] = 1
        truth[image, cell, 1 + classes :] = box
    return truth.reshape(n, -1)


OBJECTS = [(0, 0, 1, 0.5, 0.3, 0.4, 0.5), (0, 8, 3, 0.1, 0.9, 0.9, 0.8), (1, 4, 0, 0.5, 0.5, 0.1, 0.2)]


@pytest.mark.parametrize("c", [
    detection(), detection(softmax=1), detection(NUMBERS // 9, 3, 3), detection(n=1, forced=1, sqrt=1),
    detection(7, side=1, classes=2, num=1),
], ids=str)
def test_detection(c):
    harness.check(c)


@pytest.mark.parametrize("options", [{}, {"sqrt": 1}, {"forced": 1}, {"random": 1}], ids=str)
def test_gradient(options):
    """With all scales 1 the cost is the sum of squared errors, and the gradient half its derivative."""
    harness.check_loss(detection(**options), grid(2, OBJECTS), factor=2)


def test_a_map_is_taken_as_its_numbers():
    harness.check_loss(detection(NUMBERS // 9, 3, 3), grid(2, OBJECTS), factor=2)


def loss_of(x, truth, seen=0, **options):
    layer = harness.build(detection(x.shape[1], n=len(x), **options))
    y, saved = layer.forward(Reference(), x, train=True)
    return layer.loss(Reference(), saved, truth, seen)


def one_cell(first, second, conf=(0.3, 0.6)):
    """Output of a single cell with one class: its score, two confidences, two boxes."""
    return np.array([[0.7, *conf, *first, *second]])


OPTIONS = {"side": 1, "classes": 1, "object_scale": 2, "noobject_scale": 0.5, "class_scale": 3, "coord_scale": 5}


def responsible(x, truth, **options):
    """Which of the two boxes is trained, judged by its coordinates."""
    dx = loss_of(x, truth, **OPTIONS | options).dx[0]
    trained = [bool(dx[3:7].any()), bool(dx[7:].any())]
    assert sum(trained) == 1
    return trained.index(True)


def test_scales():
    truth = grid(1, [(0, 0, 0, 0.5, 0.5, 0.4, 0.4)], 1, 1)
    loss = loss_of(one_cell([0.6, 0.5, 0.4, 0.3], [9, 9, 0.1, 0.1]), truth, **OPTIONS)
    expected = [3 * -0.3, 2 * -0.7, 0.5 * 0.6, 5 * 0.1, 0, 0, 5 * -0.1, 0, 0, 0, 0]
    assert loss.dx[0] == pytest.approx(expected, abs=1e-6)
    assert loss.cost == pytest.approx(np.square(expected).sum())
    overlap = 0.3 * 0.3 / (0.4 * 0.4 + 0.4 * 0.3 - 0.3 * 0.3)
    assert loss.report == pytest.approx({"count": 1, "iou": overlap, "class": 0.7, "all_class": 0.7, "obj": 0.3,
                                         "no_obj": 0.45})


def test_rescore_wants_the_overlap_as_confidence():
    truth = grid(1, [(0, 0, 0, 0.5, 0.5, 0.4, 0.4)], 1, 1)
    loss = loss_of(one_cell([0.6, 0.5, 0.4, 0.3], [9, 9, 0.1, 0.1]), truth, rescore=1, **OPTIONS)
    assert loss.dx[0, 1] == pytest.approx(2 * (0.3 - loss.report["iou"]))


def test_who_is_responsible():
    truth = grid(1, [(0, 0, 0, 0.5, 0.5, 0.4, 0.4)], 1, 1)
    far, near, on = [30, 0, 0.1, 0.1], [2, 0, 0.1, 0.1], [0.6, 0.5, 0.1, 0.1]
    assert responsible(one_cell(far, near), truth) == 1  # no overlap: the nearer
    assert responsible(one_cell(near, on), truth) == 1  # any overlap beats nearness
    assert responsible(one_cell(on, [0.5, 0.5, 0.4, 0.3]), truth) == 1  # the better overlap
    assert responsible(one_cell(far, [90, 0, 0.1, 0.1]), truth) == 0  # also when both are hopelessly far
    assert responsible(one_cell(on, far), truth, forced=1) == 0  # a large object
    small = grid(1, [(0, 0, 0, 0.5, 0.5, 0.3, 0.3)], 1, 1)
    assert responsible(one_cell(on, far), small, forced=1) == 1


def test_random_draws_until_enough_images_were_seen():
    truth = np.repeat(grid(1, [(0, 0, 0, 0.5, 0.5, 0.4, 0.4)], 1, 1), 64, 0)
    x = np.repeat(one_cell([0.5, 0.5, 0.4, 0.3], [9, 9, 0.1, 0.1]), 64, 0)
    drawn = loss_of(x, truth, RANDOM_UNTIL - 1, random=1, **OPTIONS).dx[:, 7:].any(1)
    assert 10 < drawn.sum() < 54
    assert not loss_of(x, truth, RANDOM_UNTIL, random=1, **OPTIONS).dx[:, 7:].any()


def test_bad_truth_does_not_crash():
    truth = grid(1, [(0, 0, 0, np.nan, 0.5, -0.4, 0.4)], 1, 1)
    x = one_cell([0.6, 0.5, 0.4, 0.3], [9, 9, 0.1, 0.1])
    for sqrt in (0, 1):
        assert loss_of(x, truth, sqrt=sqrt, **OPTIONS).report["count"] == 1
    none = np.full((1, 6), np.nan)
    assert loss_of(one_cell([0] * 4, [0] * 4), none, **OPTIONS).report["count"] == 0


def test_truth_of_another_kind():
    with pytest.raises(UsageError, match="truth of 5 numbers.*takes side.side.*= 81"):
        loss_of(np.zeros((1, NUMBERS)), np.zeros((1, 5)))


def test_decode():
    layer = harness.build(detection(sqrt=1))
    y = np.zeros(NUMBERS, np.float32)
    y[5 * 4 : 6 * 4] = 0.5, 1.5, 0, -0.5  # scores of cell 5: row 1, column 2
    y[36 + 5 * 2 : 36 + 6 * 2] = -0.6, 0.4
    y[54 + 10 * 4 : 54 + 12 * 4] = 0.5, 0.25, 0.5, 0.1, 0.1, 0.2, 0.3, 0.4
    found = layer.decode(y, 0.25)
    assert found.boxes == pytest.approx(np.array([[2.5 / 3, 1.25 / 3, 0.25, 0.01], [2.1 / 3, 1.2 / 3, 0.09, 0.16]]))
    assert found.objectness == pytest.approx(np.float32([-0.6, 0.4]))
    assert found.prob == pytest.approx(np.float32([[0, 0, 0, 0.3], [0, 0.6, 0, 0]]))
    assert y[54 + 42] == 0.5, "decoding must not change the output"
    assert len(layer.decode(np.full_like(y, np.nan), 0.2)) == 0


@pytest.mark.parametrize("options,shape,key,text", [
    ({}, (125,), "output", "[convolutional] 125 numbers feed [detection] with side=3, num=2, classes=4: it needs "
                           "side*side*(num*5 + classes) = 126"),
    ({"coords": 1}, (NUMBERS,), "coords", "coords=1: a box has 4 coordinates: write coords=4"),
    ({"num": 1, "forced": 1}, (81,), "forced", "forced=1 chooses between two boxes"),
])
def test_faults(options, shape, key, text):
    problem = harness.problem(detection(*shape, **options))
    assert str(problem).startswith(text) and problem.key == key

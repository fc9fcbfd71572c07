"""[yolo]: activations, boxes, and the loss on good and bad truth."""

import numpy as np
import pytest

from darkpy.errors import UsageError
from darkpy.jit import set_threads
from darkpy.ops import Cpu, Reference
from tests.layers import harness
from tests.layers.harness import case
from tests.layers.truth_boxes import (
    as_truth,
    check_backends,
    check_bad_rows,
    compare_surrogate,
    cross_entropy,
    losses,
    random_truth,
)

SIZE = {"width": 40, "height": 56}
ANCHORS = "4,5, 9,7, 6,14, 16,12"


def yolo(*shape, n=2, **options):
    return case("yolo", shape, n=n, info=SIZE, gradient=False, **{"num": 4, "anchors": ANCHORS} | options)


CASES = [
    yolo(18, 7, 5, classes=4, mask="1,3"),
    yolo(24, 1, 1, classes=1, n=1),
    yolo(7, 3, 4, classes=2, mask="2", n=5),
    yolo(18, 2, 9, classes=4, mask="0,1", scale_x_y=1.2),
    yolo(18, 2, 9, classes=4, mask="0,1", scale_x_y=2, new_coords=1),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_yolo(c):
    harness.check(c)


@pytest.mark.parametrize("ignore,truth_thresh", [(0.5, 1), (0.1, 0.3), (0, 0)])
@pytest.mark.parametrize("shape", [(18, 7, 5), (18, 1, 1), (18, 13, 2)], ids=str)
def test_backends_agree_on_losses(shape, ignore, truth_thresh):
    c = yolo(*shape, classes=4, mask="1,3", n=5, ignore_thresh=ignore, truth_thresh=truth_thresh)
    check_backends(c, random_truth(5, 90, 4))
    check_backends(c, random_truth(5, 3, 4))  # fewer rows than max
    check_backends(c, np.zeros((5, 0)))


def test_new_coords_backends_agree():
    c = yolo(18, 7, 5, classes=4, mask="1,3", n=5, scale_x_y=2, new_coords=1)
    layer, truth = harness.build(c), random_truth(5, 90, 4)
    x = np.random.default_rng(0).random((5, 18, 7, 5), np.float32)  # what a logistic convolution hands on
    dx = [layer.loss(ops, layer.forward(ops, x, train=True)[1], truth, 0).dx for ops in (Reference(), Cpu())]
    harness.close(*dx, "dx")


def test_result_does_not_depend_on_threads():
    c = yolo(18, 7, 5, classes=4, mask="1,3", n=5)
    truth = random_truth(5, 90, 4)
    several = losses(c, truth, backends=(Cpu,))[0]
    set_threads(1)
    single = losses(c, truth, backends=(Cpu,))[0]
    set_threads(64)
    np.testing.assert_array_equal(several.dx, single.dx)
    assert several.cost == single.cost and several.report == single.report


def test_bad_rows_change_nothing():
    check_bad_rows(yolo(18, 7, 5, classes=4, mask="1,3", n=1), 4, [0.3, 0.4, 0.3, 0.2, 2])


@pytest.mark.parametrize("x,y", [(1, 1), (1, 0), (0.999999, 1), (1e-9, 0)])
def test_a_centre_on_the_edge_belongs_to_the_last_cell(x, y):
    c = yolo(18, 7, 5, classes=4, mask="1,3", n=1)
    loss = check_backends(c, as_truth([x, y, 0.4, 0.2, 1]))
    assert loss.report["count"] == 1
    changed = np.argwhere(loss.dx[0, 9:13].any(0))  # the box entries of mask 3, whose anchor fits
    assert changed.tolist() == [[6 if y == 1 else 0, 4 if x > 0.5 else 0]]


def test_a_list_ends_at_the_first_zero():
    c = yolo(18, 7, 5, classes=4, mask="1,3", n=1)
    box, other = [0.3, 0.4, 0.4, 0.2, 2], [0.8, 0.9, 0.4, 0.2, 1]
    ended, alone = losses(c, as_truth(box, [0] * 5, other))[0], losses(c, as_truth(box))[0]
    np.testing.assert_array_equal(ended.dx, alone.dx)


def test_max_limits_the_list():
    box, other = [0.3, 0.4, 0.4, 0.2, 2], [0.8, 0.9, 0.4, 0.2, 1]
    c = yolo(18, 7, 5, classes=4, mask="1,3", n=1, max=1)
    for a, b in zip(losses(c, as_truth(box, other)), losses(c, as_truth(box)), strict=True):
        np.testing.assert_array_equal(a.dx, b.dx)
    many = yolo(18, 7, 5, classes=4, mask="1,3", n=1, max=200)
    rows = np.random.default_rng(0).uniform(0.1, 0.9, (200, 5))
    rows[:, 4] = 0
    assert harness.build(many).truths == 1000
    assert check_backends(many, as_truth(*rows, boxes=200)).report["count"] > 90


def test_truth_of_another_kind():
    with pytest.raises(UsageError, match="truth of 7 numbers for an image: .yolo. takes rows of 5"):
        losses(yolo(18, 7, 5, classes=4, mask="1,3", n=1), np.ones((1, 7)))


def test_gradient_is_that_of_cross_entropy_and_squares():
    """For w and h half the squared error, for all else cross-entropy; boxes weigh 2 - w*h."""
    c = yolo(18, 3, 4, classes=4, mask="1,3", n=1, ignore_thresh=0.99)
    box, label, (i, j, k) = np.array([0.3, 0.8, 0.4, 0.2]), 2, (2, 1, 1)  # anchor 3 is the second of this head

    def surrogate(layer, y):
        p = y.reshape(2, 9, 3, 4)
        is_object = np.zeros((2, 3, 4))
        is_object[k, i, j] = 1
        value = cross_entropy(p[:, 4], is_object) + cross_entropy(p[k, 5:, i, j], np.arange(4) == label)
        size = np.log(box[2:] / (np.array([16, 12]) / [SIZE["width"], SIZE["height"]]))
        place = box[:2] * [4, 3] - [j, i]
        weight = 2 - box[2] * box[3]
        return value + weight * (cross_entropy(p[k, :2, i, j], place) + ((p[k, 2:4, i, j] - size) ** 2).sum() / 2)

    compare_surrogate(c, as_truth([*box, label]).astype(float), 0, surrogate)


def test_a_second_object_in_a_cell_adds_its_class():
    c = yolo(18, 3, 4, classes=4, mask="1,3", n=1)
    loss = check_backends(c, as_truth([0.3, 0.8, 0.4, 0.2, 1], [0.3, 0.8, 0.4, 0.2, 3]))
    assert loss.report["count"] == 2
    classes = loss.dx[0, 14:, 2, 1]
    assert (np.sign(classes) == [1, -1, 1, -1]).all()  # towards both


def test_report():
    c = yolo(18, 3, 4, classes=4, mask="1,3", n=1)
    layer = harness.build(c)
    x = np.full((1, 18, 3, 4), -20, np.float32)
    box = [0.375, 0.5, 16 / 40, 12 / 56, 2]  # exactly the last anchor, in the middle of a cell
    x[0, 9:14, 1, 1] = 0, 0, 0, 0, 20
    loss = layer.loss(Cpu(), layer.forward(Cpu(), x, train=True)[1], as_truth(box), 0)
    assert loss.report == pytest.approx({"count": 1, "iou": 1, "class": 0, "obj": 1, "no_obj": 1 / 24, "recall50": 1,
                                         "recall75": 1}, abs=1e-6)
    empty = layer.loss(Cpu(), layer.forward(Cpu(), x, train=True)[1], np.zeros((1, 450)), 0)
    assert empty.report["count"] == 0 and np.isnan(empty.report["iou"])


def test_map_renames_the_classes_of_the_truth(tmp_path):
    (tmp_path / "my.map").write_text("3\n1\n")
    plain = yolo(18, 7, 5, classes=4, mask="1,3", n=1)
    mapped = yolo(18, 7, 5, classes=4, mask="1,3", n=1, map="my.map")
    mapped.info = mapped.info | {"folder": str(tmp_path)}
    box = [0.3, 0.4, 0.4, 0.2]
    np.testing.assert_array_equal(losses(mapped, as_truth([*box, 0]))[1].dx, losses(plain, as_truth([*box, 3]))[1].dx)
    assert losses(mapped, as_truth([*box, 2]))[1].report["count"] == 0  # a class the map does not know


# -- boxes --------------------------------------------------------------------------------------------------------


def test_decode():
    layer = harness.build(yolo(18, 3, 4, classes=4, mask="1,3"))
    y = np.zeros((18, 3, 4), np.float32)
    y[9:18, 2, 1] = 0.5, 0.25, np.log(2), 0, 0.8, 0.1, 0.9, 0.5, 0.7
    found = layer.decode(y, 0.5)
    assert found.boxes == pytest.approx(np.array([[1.5 / 4, 2.25 / 3, 2 * 16 / 40, 12 / 56]]))
    assert found.objectness == pytest.approx(np.float32([0.8]))
    assert found.prob == pytest.approx(np.float32([[0, 0.72, 0, 0.56]]))
    assert len(layer.decode(y, 0.8)) == 0  # strictly above
    assert len(layer.decode(np.full_like(y, np.nan), 0.5)) == 0
    assert layer.decode(np.full_like(y, 0), 0.5).prob.shape == (0, 4)


def test_decode_new_coords():
    layer = harness.build(yolo(18, 3, 4, classes=4, mask="1,3", scale_x_y=2, new_coords=1))
    x = np.zeros((1, 18, 3, 4), np.float32)
    x[0, 9:14, 2, 1] = 0.5, 0.75, 1, 0.5, 0.9
    found = layer.decode(layer.forward(Reference(), x)[0][0], 0.5)
    assert found.boxes == pytest.approx(np.array([[1.5 / 4, 3 / 3, 4 * 16 / 40, 12 / 56]]))


# -- faults of a cfg -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options,shape,key,text", [
    ({"classes": 80, "mask": "0,1,2"}, (75, 3, 3), "filters",
     "[convolutional] filters=75 feeds [yolo] with classes=80, 3 masks: it needs filters=255"),
    ({"classes": 4, "mask": "1,4"}, (18, 3, 3), "mask",
     "mask=4 chooses an anchor that does not exist: they are 0 to 3"),
    ({"classes": 4, "mask": "1,1"}, (18, 3, 3), "mask", "mask chooses an anchor twice"),
    ({"classes": 4, "mask": "1", "num": 5}, (9, 3, 3), "anchors",
     "8 numbers for num=5 anchors: give 10, a width and a height for each"),
    ({"classes": 4, "mask": "1", "num": 3}, (9, 3, 3), "anchors",
     "8 numbers for num=3 anchors: give 6, a width and a height for each"),
    ({"classes": 4, "mask": "1", "anchors": "1,2,3,4,5,6,7,-8"}, (9, 3, 3), "anchors",
     "an anchor of size -8: widths and heights must be positive"),
    ({"classes": 4, "mask": "1", "map": "no.map"}, (9, 3, 3), "map", "map=no.map: no.map: no such file"),
    ({"classes": 4}, (9,), None, "[yolo] needs a feature map"),
])
def test_faults(options, shape, key, text):
    problem = harness.problem(yolo(*shape, **options))
    assert str(problem).startswith(text) and problem.key == key


def test_faults_are_told_together():
    problem = harness.problem(yolo(20, 3, 3, classes=4, mask="1,9", num=3))
    assert {p.key for p in (problem, *problem.also)} == {"mask", "anchors", "filters"}

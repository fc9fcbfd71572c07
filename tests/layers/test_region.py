"""[region]: activations, boxes with and without a label tree, and the loss on good and bad truth."""

import numpy as np
import pytest

from darkpy.jit import set_threads
from darkpy.layers.region import WARM_UP
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

ANCHORS = "1.0,1.2, 2.5,2.0, 0.6,3.1"
TREE = "animal -1\nplant -1\ncat 0\ndog 0\ntabby 2\nsiamese 2\noak 1\n"  # groups of 2, 2, 2, 1
NO_BOX = 999999


def region(*shape, n=2, folder=".", **options):
    return case("region", shape, n=n, info={"folder": str(folder)}, gradient=False,
                **{"num": 3, "anchors": ANCHORS} | options)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.tree").write_text(TREE)
    (tmp_path / "small.map").write_text("4\n6\n3\n")
    return tmp_path


KINDS = [{"softmax": 1}, {"softmax": 0}, {"softmax": 1, "background": 1}, {"softmax": 0, "background": 1},
         {"softmax": 1, "coords": 7}]


def channels(options, classes=4):
    return 3 * (options.get("coords", 4) + 1 + classes)


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("size", [(3, 5), (1, 1), (13, 17)], ids=str)
def test_region(options, size):
    harness.check(region(channels(options), *size, classes=4, **options))


@pytest.mark.parametrize("softmax", [0, 1])
def test_tree(folder, softmax):
    harness.check(region(36, 3, 5, classes=7, tree="small.tree", folder=folder, softmax=softmax))


TRAINING = [{}, {"rescore": 1}, {"bias_match": 1}, {"thresh": 0.1, "object_scale": 5, "noobject_scale": 0.5},
            {"coord_scale": 2, "class_scale": 3, "mask_scale": 0.5}]


@pytest.mark.parametrize("seen", [0, WARM_UP], ids=["warm-up", "later"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("training", TRAINING, ids=str)
def test_backends_agree_on_losses(kind, training, seen):
    columns = kind.get("coords", 4) + 1
    c = region(channels(kind), 4, 3, n=5, classes=4, **kind, **training)
    check_backends(c, random_truth(5, 30, 4, columns), seen)
    check_backends(c, random_truth(5, 3, 4, columns), seen)
    check_backends(c, np.zeros((5, 0)), seen)


@pytest.mark.parametrize("options", [{}, {"map": "small.map"}], ids=str)
def test_backends_agree_on_trees(folder, options):
    c = region(36, 4, 3, n=6, classes=7, tree="small.tree", softmax=1, folder=folder, **options)
    truth = random_truth(6, 30, 7)
    truth[1, 5:10] = NO_BOX, NO_BOX, NO_BOX, NO_BOX, 4  # behind a box, which then does not count
    truth[4, :5] = NO_BOX, NO_BOX, NO_BOX, NO_BOX, 6
    truth[5, :5] = NO_BOX, NO_BOX, NO_BOX, NO_BOX, 7  # no such class
    check_backends(c, truth, WARM_UP)


def test_result_does_not_depend_on_threads():
    c = region(27, 4, 3, n=5, classes=4, softmax=1)
    several = losses(c, random_truth(5, 30, 4), backends=(Cpu,))[0]
    set_threads(1)
    single = losses(c, random_truth(5, 30, 4), backends=(Cpu,))[0]
    set_threads(64)
    np.testing.assert_array_equal(several.dx, single.dx)
    assert several.cost == single.cost and several.report == single.report


def test_bad_rows_change_nothing():
    check_bad_rows(region(27, 4, 3, n=1, classes=4, softmax=1), 4, [0.3, 0.4, 0.3, 0.2, 2])
    check_bad_rows(region(33, 4, 3, n=1, classes=4, softmax=1, coords=6), 4, [0.3, 0.4, 0.3, 0.2, 2], 7)


@pytest.mark.parametrize("x,y", [(1, 1), (1, 0), (0.999999, 1)])
def test_a_centre_on_the_edge_belongs_to_the_last_cell(x, y):
    c = region(27, 4, 3, n=1, classes=4, softmax=1, bias_match=1)
    loss = check_backends(c, as_truth([x, y, 0.9, 0.5, 1]), WARM_UP)
    assert loss.report["count"] == 1
    assert np.argwhere(loss.dx[0, 9:13].any(0)).tolist() == [[3 if y else 0, 2]]  # the boxes of the anchor that fits


def test_max_limits_the_list_and_may_exceed_the_originals_30():
    box, other = [0.3, 0.4, 0.4, 0.2, 2], [0.8, 0.9, 0.4, 0.2, 1]
    c = region(27, 4, 3, n=1, classes=4, softmax=1, max=1)
    for a, b in zip(losses(c, as_truth(box, other)), losses(c, as_truth(box)), strict=True):
        np.testing.assert_array_equal(a.dx, b.dx)
    rows = np.random.default_rng(0).uniform(0.1, 0.9, (50, 5))
    rows[:, 4] = 0
    many = region(27, 4, 3, n=1, classes=4, softmax=1, max=50)
    assert check_backends(many, as_truth(*rows, boxes=50)).report["count"] == 50
    assert harness.build(many).truths == 250


@pytest.mark.parametrize("softmax", [0, 1])
def test_gradient(softmax):
    """For x, y, w, h, objectness half the squared error, for classes cross-entropy."""
    c = region(27, 2, 3, n=1, classes=4, softmax=softmax, bias_match=1, thresh=0.99,
               object_scale=5, noobject_scale=0.5, class_scale=2, coord_scale=3)
    box, label, (i, j, k) = np.array([0.5, 0.8, 0.8, 0.9]), 2, (1, 1, 1)

    def surrogate(layer, y):
        p = y.reshape(3, 9, 2, 3)
        square = ((p[:, 4]) ** 2).sum() - p[k, 4, i, j] ** 2
        size = np.log(box[2:] / (np.array([2.5, 2.0]) / [3, 2]))
        goal = np.array([*(box[:2] * [3, 2] - [j, i]), *size])
        value = 0.5 * square / 2 + 5 * (1 - p[k, 4, i, j]) ** 2 / 2
        value += 3 * (2 - box[2] * box[3]) * ((p[k, :4, i, j] - goal) ** 2).sum() / 2
        classes = p[k, 5:, i, j]
        return value - 2 * np.log(classes[label]) if softmax else value + 2 * cross_entropy(
            classes, np.arange(4) == label)

    compare_surrogate(c, as_truth([*box, label]).astype(float), WARM_UP, surrogate)


def test_tree_gradient_is_that_of_the_path(folder):
    """The gradient of -log P(label): the path's softmaxes, each against its siblings; and no others."""
    c = region(36, 1, 1, n=1, classes=7, tree="small.tree", softmax=1, folder=folder, bias_match=1, thresh=1,
               noobject_scale=0, object_scale=0, coord_scale=0)

    def surrogate(layer, y):
        p = y.reshape(3, 12)[1, 5:]
        return -np.log(p[4] * p[2] * p[0])  # tabby, cat, animal

    truth = as_truth([0.5, 0.5, 1, 1, 4]).astype(float)
    anchors = "0.1,0.1, 1,1, 0.1,0.1"
    c.options["anchors"] = anchors
    compare_surrogate(c, truth, WARM_UP, surrogate)


def test_class_without_a_place_is_trained_where_it_is_believed_in(folder):
    c = region(36, 2, 2, n=1, classes=7, tree="small.tree", softmax=1, folder=folder, class_scale=2)
    layer = harness.build(c)
    x = np.full((1, 3, 12, 2, 2), -1, np.float32)
    x[0, 2, 4, 1, 0] = 3  # objectness is highest here
    y, saved = layer.forward(Reference(), x.reshape(1, 36, 2, 2), train=True)
    truth = as_truth([NO_BOX] * 4 + [3])
    for ops in (Reference(), Cpu()):
        dx = layer.loss(ops, saved, truth, 0).dx.reshape(3, 12, 2, 2)
        assert not dx[:, :4].any(), "no box is trained, not even in the warm-up"
        p = y.reshape(3, 12, 2, 2)
        expected = p[:, 4] ** 2 * (1 - p[:, 4])
        expected[2, 1, 0] = 0
        assert dx[:, 4] == pytest.approx(expected, abs=1e-6)
        classes = np.zeros((3, 7, 2, 2))
        classes[2, :4, 1, 0] = 2 * (p[2, 5:9, 1, 0] - [1, 0, 0, 1])  # dog and animal
        assert dx[:, 5:] == pytest.approx(classes, abs=1e-6)


def test_report():
    c = region(27, 1, 1, n=1, classes=4, softmax=1, bias_match=1)
    layer = harness.build(c)
    x = np.zeros((1, 27, 1, 1), np.float32)
    x[0, 13] = 20
    x[0, 16] = 20
    loss = layer.loss(Cpu(), layer.forward(Cpu(), x, train=True)[1], as_truth([0.5, 0.5, 2.5, 2, 2]), WARM_UP)
    assert loss.report == pytest.approx({"count": 1, "iou": 1, "class": 1, "obj": 1, "no_obj": 2 / 3, "recall50": 1})


# -- boxes --------------------------------------------------------------------------------------------------------


def test_decode():
    layer = harness.build(region(33, 3, 4, classes=4, softmax=1, coords=6))
    y = np.zeros((33, 3, 4), np.float32)
    y[11:22, 2, 1] = 0.5, 0.25, np.log(2), 0, 0.3, 0.6, 0.8, 0.1, 0.7, 0.2, 0
    found = layer.decode(y, 0.5)
    assert found.boxes == pytest.approx(np.array([[1.5 / 4, 2.25 / 3, 2 * 2.5 / 4, 2 / 3]]))
    assert found.prob == pytest.approx(np.float32([[0, 0.56, 0, 0]]))
    assert found.mask == pytest.approx(np.float32([[0.3, 0.6]]))
    assert len(layer.decode(np.full_like(y, np.nan), 0.5)) == 0


def tree_output(layer, random):
    x = random.standard_normal((1, 36, 3, 5)).astype(np.float32) * 2
    return layer.forward(Reference(), x)[0][0]


def test_decode_tree(folder):
    """Against the plain walk: from the likeliest root down, while the product of probabilities stays above hier."""
    layer = harness.build(region(36, 3, 5, classes=7, tree="small.tree", softmax=1, folder=folder))
    parent = [-1, -1, 0, 0, 2, 2, 1]
    reached = set()
    for seed in range(8):
        y = tree_output(layer, np.random.default_rng(seed))
        before = y.copy()
        found = layer.decode(y, 0.2, hier=0.3)
        np.testing.assert_array_equal(y, before)
        cells = [p for p in y.reshape(3, 12, 15).transpose(0, 2, 1).reshape(45, 12) if p[4] > 0.2]
        assert len(found) == len(cells) > 0
        for p, prob in zip(cells, found.prob, strict=True):
            total = list(p[5:])
            for node, above in enumerate(parent):
                total[node] *= total[above] if above >= 0 else 1
            node, product = -1, 1
            while children := [k for k, above in enumerate(parent) if above == node]:
                best = max(children, key=lambda k: total[k])
                if product * total[best] <= 0.3:
                    node = best if node < 0 else node
                    break
                node, product = best, product * total[best]
            reached.add(node)
            assert np.flatnonzero(prob).tolist() == [node] and prob[node] == p[4]
    assert len(reached) > 3


def test_decode_tree_with_map(folder):
    layer = harness.build(region(36, 3, 5, classes=7, tree="small.tree", softmax=1, folder=folder))
    y = tree_output(layer, np.random.default_rng(0))
    found = layer.decode(y, 0.2, map=np.array([4, 6, 3]))
    p = np.array([p for p in y.reshape(3, 12, 15).transpose(0, 2, 1).reshape(45, 12) if p[4] > 0.2])
    prob = p[:, 4:5] * np.stack([p[:, 9] * p[:, 7] * p[:, 5], p[:, 11] * p[:, 6], p[:, 8] * p[:, 5]], 1)
    assert found.prob == pytest.approx(np.where(prob > 0.2, prob, 0), abs=1e-6)


def test_thousands_of_classes(tmp_path):
    """As in YOLO9000; only candidates are multiplied out."""
    n = 9418
    (tmp_path / "big.tree").write_text("".join(f"n{k} {(k - 4) // 4 if k >= 4 else -1}\n" for k in range(n)))
    layer = harness.build(region(3 * (5 + n), 5, 7, classes=n, tree="big.tree", softmax=1, folder=tmp_path))
    x = np.random.default_rng(0).standard_normal((1, 3 * (5 + n), 5, 7)).astype(np.float32)
    y = layer.forward(Cpu(), x)[0]
    harness.close(y, layer.forward(Reference(), x)[0], "output")
    found = layer.decode(y[0], 0.7)
    assert 0 < len(found) < 105 and found.prob.shape[1] == n and (found.prob > 0).sum() == len(found)


# -- faults of a cfg -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options,shape,key,text", [
    ({"classes": 80}, (425, 3, 3), "filters",
     "[convolutional] filters=425 feeds [region] with classes=80, num=3: it needs filters=255"),
    ({"classes": 80, "coords": 6}, (255, 3, 3), "filters",
     "[convolutional] filters=255 feeds [region] with classes=80, num=3, coords=6: it needs filters=261"),
    ({"classes": 4, "num": 4}, (36, 3, 3), "anchors", "6 numbers for num=4 anchors: give 8"),
    ({"classes": 4, "tree": "no.tree"}, (27, 3, 3), "tree", "tree=no.tree: no.tree: no such file"),
    ({"classes": 4, "tree": "small.tree"}, (27, 3, 3), "tree",
     "tree=small.tree has 7 nodes, but classes=4: they must be equal"),
    ({"classes": 7, "tree": "small.tree", "background": 1}, (36, 3, 3), "background", "background=1 needs one softmax"),
    ({"classes": 4, "map": "small.map"}, (27, 3, 3), "map", "map=small.map: "),
])
def test_faults(folder, options, shape, key, text):
    problem = harness.problem(region(*shape, folder=folder, **options))
    assert str(problem).startswith(text) and problem.key == key


def test_a_map_entry_out_of_range_is_named(folder):
    problem = harness.problem(region(27, 3, 3, folder=folder, classes=4, map="small.map"))
    assert "small.map:1: '4' must be a whole number from 0 to 3" in str(problem)

"""[softmax] on odd sizes, with groups, a tree and on maps; and its cross-entropy."""

import numpy as np
import pytest

from darkpy.errors import UsageError
from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("softmax", (1,), n=1),
    case("softmax", (7,), n=3),
    case("softmax", (6, 1, 1), groups=2),
    case("soft", (3, 2, 2), groups=3, temperature=2),
    case("softmax", (5, 4, 3), spatial=1),
    case("softmax", (4,), noloss=1),
]


def one_hot(c, rows):
    truth = np.zeros((c.n, rows))
    truth[np.arange(c.n), np.arange(c.n) % rows] = 1
    return truth


@pytest.mark.parametrize("c", CASES, ids=str)
def test_softmax(c):
    harness.check(c)


@pytest.mark.parametrize("c", [case("softmax", (7,), n=3), case("softmax", (1, 5, 1))], ids=str)
def test_loss(c):
    harness.check_loss(c, one_hot(c, int(np.prod(c.shapes[0]))))


@pytest.fixture
def tree(tmp_path):
    """Two roots; two children of the first, three of the second."""
    (tmp_path / "small.tree").write_text("a -1\nb -1\na1 0\na2 0\nb1 1\nb2 1\nb3 1\n")
    return {"folder": str(tmp_path)}


def test_tree(tree):
    harness.check(case("softmax", (7,), n=3, info=tree, tree="small.tree"))
    harness.check(case("softmax", (7, 1, 1), n=1, info=tree, tree="small.tree"))


def test_tree_loss_leaves_out_groups_without_truth(tree):
    c = case("softmax", (7,), n=1, info=tree, tree="small.tree")
    truth = np.array([[0, 1, -1234, -1234, 0, 0, 1.0]])
    harness.check_loss(c, truth)
    layer = harness.build(c)
    y, saved = layer.forward(Reference(), harness.inputs(c, "float64")[0], train=True)
    loss = layer.loss(Reference(), saved, truth, 0)
    assert loss.cost == pytest.approx(-np.log(y[0, 1]) - np.log(y[0, 6]))
    assert (loss.dx[0, 2:4] == 0).all() and (loss.dx[0, [0, 1, 4, 5, 6]] != 0).all()


def test_noloss_costs_nothing():
    layer = harness.build(case("softmax", (4,), noloss=1))
    _, saved = layer.forward(Reference(), np.ones((2, 4), np.float32), train=True)
    loss = layer.loss(Reference(), saved, np.ones((2, 9), np.float32), 0)
    assert loss.cost == 0 and not loss.dx.any()


def test_spatial_is_by_pixel():
    y, _ = harness.build(case("softmax", (3, 2, 2), spatial=1)).forward(
        Reference(), np.random.default_rng(0).standard_normal((2, 3, 2, 2), np.float32))
    np.testing.assert_allclose(y.sum(1), np.ones((2, 2, 2)), rtol=1e-6)


def test_problems(tree, tmp_path):
    assert harness.problem(case("softmax", (7,), groups=2)).key == "groups"
    assert harness.problem(case("softmax", (7,), temperature=0)).key == "temperature"
    e = harness.problem(case("softmax", (6,), info=tree, tree="small.tree"))
    assert e.key == "tree" and "7 labels" in str(e)
    e = harness.problem(case("softmax", (6,), info=tree, tree="none.tree"))
    assert e.key == "tree" and "none.tree: no such file" in str(e)
    (tmp_path / "bad.tree").write_text("a 5\n")
    e = harness.problem(case("softmax", (6,), info=tree, tree="bad.tree"))
    assert e.key == "tree" and "bad.tree:1" in str(e)


def test_truth_of_another_length_is_refused():
    layer = harness.build(case("softmax", (4,)))
    with pytest.raises(UsageError, match="truth with 3 numbers"):
        layer.loss(Reference(), np.ones((2, 4), np.float32), np.ones((2, 3), np.float32), 0)


def test_a_probability_of_zero_costs_no_infinity():
    p, truth = np.array([[0, 1]], np.float32), np.array([[1, 0]], np.float32)
    dx, cost = Reference().softmax_loss(p, truth, masked=False)
    assert dx.tolist() == [[-1, 1]] and 80 < cost[0] < 100

"""[iseg]: classes by cross-entropy, embeddings by steps toward their instance and away from the others."""

import numpy as np
import pytest

from darkpy.errors import UsageError
from darkpy.ops import Cpu, Reference
from tests.layers import harness
from tests.layers.harness import case
from tests.layers.truth_boxes import compare_surrogate, cross_entropy


def iseg(*shape, n=2, **options):
    return case("iseg", shape, n=n, gradient=False, **options)


def instances(n, pixels, *lists):
    """Truth (n, ...) of lists of (class, pixels of the instance)."""
    truth = np.zeros((n, 5, 1 + pixels), np.float32)
    truth[:, :, 0] = -1
    for k, rows in enumerate(lists):
        for i, (label, at) in enumerate(rows):
            truth[k, i, 0] = label
            truth[k, i, 1:][at] = 1
    return truth.reshape(n, -1)


@pytest.mark.parametrize("c", [iseg(7, 5, 4, classes=4, ids=3), iseg(4, 3, 3, classes=4, ids=0),
                               iseg(2, 1, 1, n=1, classes=1, ids=1)], ids=str)
def test_iseg(c):
    harness.check_loss(c, instances(c.n, c.shapes[0][1] * c.shapes[0][2], [(0, [0])]))


def test_classes_have_the_gradient_of_cross_entropy():
    c = iseg(4, 3, 3, n=1, classes=4, ids=0)
    goal = np.zeros((4, 9))
    goal[1, [0, 1, 3]] = 1
    goal[2, [5, 8]] = 1
    truth = instances(1, 9, [(1, [0, 1, 3]), (2, [5, 8])]).astype(float)
    compare_surrogate(c, truth, 0, lambda layer, y: cross_entropy(y.reshape(4, 9), goal))


def loss_of(x, truth, classes, ids, ops):
    layer = harness.build(iseg(*x.shape[1:], n=len(x), classes=classes, ids=ids))
    return layer.loss(ops, layer.forward(ops, x, train=True)[1], truth, 0)


@pytest.mark.parametrize("ops", [Reference(), Cpu()], ids=["reference", "cpu"])
def test_embeddings_step_to_their_own_mean_and_away_from_others(ops):
    x = np.zeros((1, 2, 1, 5), np.float32)
    x[0, 1, 0] = 1, 3, 10, 14, 50  # means 2 and 12; the last pixel belongs to nothing
    loss = loss_of(x, instances(1, 5, [(0, [0, 1]), (0, [2, 3])]), 1, 1, ops)
    own, other = np.array([1, -1, 1, -1, 0]), np.array([1, 1, -1, -1, 0])
    delta = 0.01 * (-0.1 * x[0, 1, 0] + 0.1 * own - 0.1 * other)
    assert -loss.dx[0, 1, 0] == pytest.approx(delta, abs=1e-6)
    assert loss.report == pytest.approx({"count": 2, "spread": (1 + 4) / 2})
    assert loss.cost == pytest.approx((loss.dx.astype(float) ** 2).sum())


def test_instances_that_cannot_be_trained_on_change_nothing():
    x = np.random.default_rng(0).standard_normal((1, 5, 2, 3)).astype(np.float32)
    good = (1, [0, 4])
    alone = loss_of(x, instances(1, 6, [good]), 3, 2, Cpu())
    for bad in [(3, [1, 2]), (np.nan, [1]), (0, [])]:  # no such class, no class, no pixels
        for rows in ([bad, good], [good, bad]):
            np.testing.assert_array_equal(loss_of(x, instances(1, 6, rows), 3, 2, Cpu()).dx, alone.dx)
    ended = instances(1, 6, [good, (-1, []), (0, [3])])
    np.testing.assert_array_equal(loss_of(x, ended, 3, 2, Cpu()).dx, alone.dx)
    assert loss_of(x, instances(1, 6, []), 3, 2, Cpu()).report == {"count": 0, "spread": 0}


def test_faults():
    problem = harness.problem(iseg(6, 3, 3, classes=4, ids=3))
    assert str(problem) == "[convolutional] filters=6 feeds [iseg] with classes=4, ids=3: it needs filters=7"
    with pytest.raises(UsageError, match="takes rows of 10"):
        loss_of(np.zeros((1, 7, 3, 3), np.float32), np.zeros((1, 9)), 4, 3, Cpu())

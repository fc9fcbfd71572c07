"""[cost] of each type: errors, cost and gradient.

The gradients of the squared errors are half the derivative of the cost, as the original has them.
"""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

HALF = {"sse", "masked", "seg", "smooth"}
CASES = [
    case("cost", (1,), n=1),
    case("cost", (3, 4, 5), n=3, type="sse"),
    case("cost", (7,), type="masked"),
    case("cost", (7, 2, 1), type="smooth"),
    case("cost", (9,), type="L1"),
    case("cost", (9,), type="seg", noobj=0.25),
    case("cost", (9,), type="wgan"),
]


def truth_of(c):
    return np.random.default_rng(1).uniform(-2, 2, (c.n, int(np.prod(c.shapes[0]))))


@pytest.mark.parametrize("c", CASES, ids=str)
def test_cost(c):
    truth = truth_of(c)
    if c.options.get("type") == "masked":
        truth[:, ::3] = -1234
    if c.options.get("type") == "seg":
        truth[:, ::2] = 0
    harness.check_loss(c, truth, 2 if c.options.get("type", "sse") in HALF else 1)


def loss_of(truth, x, **options):
    c = case("cost", x.shape[1:], n=len(x), **options)
    layer = harness.build(c)
    y, saved = layer.forward(Reference(), x, train=True)
    assert not y.any(), "without truth there is no error"
    return layer.loss(Reference(), saved, truth, 0)


def test_masked_numbers_count_nothing():
    loss = loss_of(np.array([[1.0, -1234]]), np.array([[3.0, 3.0]]), type="masked")
    assert loss.cost == 4 and loss.dx.tolist() == [[2, 0]] and loss.output.tolist() == [[4, 0]]


def test_smooth_has_the_sign_of_the_error():
    loss = loss_of(np.array([[0.0, 0, 0, 0]]), np.array([[0.5, -0.5, 3, -3]]), type="smooth")
    assert loss.dx.tolist() == [[0.5, -0.5, 1, -1]]
    assert loss.output.tolist() == [[0.25, 0.25, 5, 5]]


def test_scale_thresh_and_label_smoothing():
    x, truth = np.array([[1.0, 0.1]]), np.zeros((1, 2))
    assert loss_of(truth, x, scale=3).dx == pytest.approx(np.array([[3, 0.3]]))
    assert loss_of(truth, x, scale=3).cost == loss_of(truth, x).cost
    assert loss_of(truth, x, thresh=1).dx.tolist() == [[1, 0]]  # below 1/2
    assert loss_of(np.array([[1.0, 0]]), x * 0, smooth=0.2).dx == pytest.approx(-np.array([[0.9, 0.1]]))

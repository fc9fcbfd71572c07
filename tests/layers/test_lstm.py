"""[lstm]."""

import numpy as np

from darkpy.ops import Reference
from tests.layers import through_time

GATES = ["wi", "wf", "wo", "wg", "ui", "uf", "uo", "ug"]


def test_lstm():
    through_time.check_all("lstm", (5,), GATES, output=4)


def test_reads_maps():
    through_time.check_all("lstm", (2, 2, 3), GATES, steps=2, batch=3, output=3)


def test_one_step():
    through_time.check_gradients(through_time.make("lstm", (4,), 1, np.float64, output=3), 3)


def test_equation():
    layer = through_time.make("lstm", (2,), 3, np.float64, output=2)
    p, x = layer.params, through_time.rows(layer, 1, np.float64)

    def gate(name, v, h):
        return sum(p[f"{letter}{name}.weights"] @ u + p[f"{letter}{name}.biases"] for letter, u in (("u", v), ("w", h)))

    def logistic(v):
        return 1 / (1 + np.exp(-v))

    h, c, expected = np.zeros(2), np.zeros(2), []
    for v in x:
        c = logistic(gate("f", v, h)) * c + logistic(gate("i", v, h)) * np.tanh(gate("g", v, h))
        h = logistic(gate("o", v, h)) * np.tanh(c)
        expected.append(h)
    np.testing.assert_allclose(layer.forward(Reference(), x)[0], expected)
    np.testing.assert_allclose(layer.state["c"], c[None])
    np.testing.assert_allclose(layer.state["h"], h[None])


def test_batch_normalisation():
    layer = through_time.make("lstm", (4,), 3, output=3, batch_normalize=True)
    through_time.check_names(layer, GATES, ("weights", "biases", "scales"))
    through_time.check_state(through_time.make("lstm", (4,), 3, output=3, batch_normalize=True), 2)
    through_time.check_plan(through_time.make("lstm", (4,), 3, output=3, batch_normalize=True), 2)

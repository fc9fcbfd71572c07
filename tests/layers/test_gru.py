"""[gru]."""

import numpy as np
import pytest

from darkpy.ops import Cpu, Reference, reference, spec
from tests.layers import through_time

GATES = ["wz", "wr", "wh", "uz", "ur", "uh"]


@pytest.mark.parametrize("tanh", [False, True])
def test_gru(tanh):
    through_time.check_all("gru", (5,), GATES, output=4, tanh=tanh)


def test_reads_maps():
    through_time.check_all("gru", (2, 2, 3), GATES, steps=2, output=3, tanh=True)


def test_one_step():
    through_time.check_gradients(through_time.make("gru", (4,), 1, np.float64, output=3), 3)


def test_equation():
    layer = through_time.make("gru", (2,), 2, np.float64, output=2, tanh=True)
    p, x = layer.params, through_time.rows(layer, 1, np.float64)

    def branch(name, v):
        return p[f"{name}.weights"] @ v + p[f"{name}.biases"]

    def logistic(v):
        return 1 / (1 + np.exp(-v))

    h, expected = np.zeros(2), []
    for v in x:
        z = logistic(branch("uz", v) + branch("wz", h))
        r = logistic(branch("ur", v) + branch("wr", h))
        h = z * h + (1 - z) * np.tanh(branch("uh", v) + branch("wh", r * h))
        expected.append(h)
    np.testing.assert_allclose(layer.forward(Reference(), x)[0], expected)


def test_batch_normalisation():
    layer = through_time.make("gru", (4,), 3, output=3, batch_normalize=True)
    through_time.check_names(layer, GATES, ("weights", "biases", "scales"))
    through_time.check_state(through_time.make("gru", (4,), 3, output=3, batch_normalize=True), 2)
    through_time.check_plan(through_time.make("gru", (4,), 3, output=3, batch_normalize=True), 2)


def test_mix_dx():
    random = np.random.default_rng(0)
    dy, z, a, b = random.uniform(-1, 1, (4, 3, 5))
    grads = reference.mix_dx(dy, z, a, b)
    assert [o.shape for o in spec.OPS["mix_dx"](dy, z, a, b)] == [g.shape for g in grads]
    for at, grad in enumerate(grads):
        moved = [z, a, b]
        moved[at] = moved[at] + 1e-6
        slope = (reference.mix(*moved) - reference.mix(z, a, b)) / 1e-6
        np.testing.assert_allclose(grad, dy * slope, atol=1e-8)
    for mine, grad in zip(Cpu().mix_dx(*(v.astype(np.float32) for v in (dy, z, a, b))), grads, strict=True):
        np.testing.assert_allclose(mine, grad, rtol=1e-5, atol=1e-6)

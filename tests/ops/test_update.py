"""Optimizer steps against the order of operations in the original, where momentum lives in the gradient's buffer."""

import numpy as np
import pytest

from darkpy.ops import Reference

ops = Reference()


def test_sgd_is_the_originals():
    random = np.random.default_rng(0)
    w, velocity = random.standard_normal((2, 9))
    velocity[:] = 0
    theirs, buffer = w.copy(), np.zeros(9)
    rate, momentum, decay, batch = 0.05, 0.9, 0.01, 4
    for _ in range(5):
        grad = random.standard_normal(9)
        buffer -= grad  # theirs is the negative gradient
        buffer += -decay * batch * theirs
        theirs += rate / batch * buffer
        buffer *= momentum
        ops.sgd_update(w, velocity, grad, rate=rate / batch, momentum=momentum, decay=decay * batch)
        np.testing.assert_allclose(w, theirs)


def test_adam_first_step_is_rate_times_sign():
    """Kingma & Ba: the corrected means of one gradient are the gradient and its square."""
    w, m, v = np.zeros((3, 4))
    grad = np.array([3, -0.001, 100, -7.0])
    ops.adam_update(w, m, v, grad, rate=0.1, b1=0.9, b2=0.999, eps=0, decay=0, step=1)
    np.testing.assert_allclose(w, -0.1 * np.sign(grad))


def test_adam_by_hand():
    w, m, v = np.array([1.0]), np.array([0.5]), np.array([0.25])
    ops.adam_update(w, m, v, np.array([2.0]), rate=0.1, b1=0.9, b2=0.99, eps=1e-3, decay=0.5, step=3)
    g = 2.0 + 0.5
    m1, v1 = 0.9 * 0.5 + 0.1 * g, 0.99 * 0.25 + 0.01 * g * g
    assert m[0] == pytest.approx(m1) and v[0] == pytest.approx(v1)
    assert w[0] == pytest.approx(1 - 0.1 * (m1 / (1 - 0.9**3)) / (np.sqrt(v1 / (1 - 0.99**3)) + 1e-3))


def test_clamp():
    w = np.array([-2, -0.5, 0, 3.0])
    ops.clamp(w, limit=1)
    assert w.tolist() == [-1, -0.5, 0, 1]

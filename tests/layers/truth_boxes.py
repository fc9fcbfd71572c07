"""Lists of boxes as the heads are given them, good and bad, and what every loss on such lists must satisfy."""

import numpy as np

from darkpy.ops import Cpu, Reference
from tests.layers import harness

NAN, INF = np.nan, np.inf


def random_truth(n, boxes, classes, columns=5, seed=0):
    """(n, boxes * columns): for image k some k % 4 * 2 boxes, zeros behind them."""
    random = np.random.default_rng(seed)
    truth = np.zeros((n, boxes, columns), np.float32)
    for k in range(n):
        count = min(k % 4 * 2, boxes)
        truth[k, :count] = random.random((count, columns))
        truth[k, :count, 2:4] = random.uniform(0.05, 0.9, (count, 2))
        truth[k, :count, columns - 1] = random.integers(0, classes, count)
    return truth.reshape(n, -1)


def bad_rows(classes):
    """Rows x, y, w, h, class that must neither crash a loss nor change it."""
    return [[NAN, 0.5, 0.2, 0.2, 0], [0.5, NAN, 0.2, 0.2, 0], [0.5, 0.5, NAN, 0.2, 0], [0.5, 0.5, 0.2, NAN, 0],
            [0.5, 0.5, INF, 0.2, 0], [INF, 0.5, 0.2, 0.2, 0], [-0.5, 0.5, 0.2, 0.2, 0], [0.5, 1.5, 0.2, 0.2, 0],
            [0.5, 0.5, 0, 0.2, 0], [0.5, 0.5, 0.2, -1, 0], [0.5, 0.5, 0.2, 0.2, classes], [0.5, 0.5, 0.2, 0.2, -1],
            [0.5, 0.5, 0.2, 0.2, NAN], [0.5, 0.5, 0.2, 0.2, 1e30], [999999, 999999, 999999, 999999, classes]]


def as_truth(*rows, boxes=30):
    """One image's rows as truth (1, boxes * columns)."""
    truth = np.zeros((1, boxes, len(rows[0])), np.float32)
    truth[0, : len(rows)] = rows
    return truth.reshape(1, -1)


def losses(c, truth, seen=0, scale=2.0, backends=(Reference, Cpu)):
    """The Loss of a case for each backend, from inputs spread by `scale`."""
    found = []
    for backend in backends:
        layer, ops = harness.build(c), backend()
        x = harness.inputs(c, "float32")[0] * np.float32(scale)
        _, saved = layer.forward(ops, x, train=True)
        found.append(layer.loss(ops, saved, truth, seen))
    return found


def check_backends(c, truth, seen=0):
    """The fast kernel gives what the obvious NumPy gives, for any truth; and nothing that is not a number."""
    reference, fast = losses(c, truth, seen)
    assert np.isfinite(reference.dx).all()
    harness.close(fast.dx, reference.dx, "dx")
    assert abs(fast.cost - reference.cost) <= 1e-5 * max(reference.cost, 1)
    assert fast.report.keys() == reference.report.keys()
    for name, value in reference.report.items():
        np.testing.assert_allclose(fast.report[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    return reference


def check_bad_rows(c, classes, good, columns=5):
    """Rows that cannot be trained on change nothing, wherever they stand in the list."""
    def widen(row):
        return [*row[:4], *[0.5] * (columns - 5), row[4]]

    alone = losses(c, as_truth(widen(good)))
    for row in bad_rows(classes):
        for rows in ([row, good], [good, row]):
            for a, b in zip(losses(c, as_truth(*map(widen, rows))), alone, strict=True):
                np.testing.assert_array_equal(a.dx, b.dx, str(row))
                assert a.report == b.report


def compare_surrogate(c, truth, seen, surrogate):
    """The loss' gradient against central differences of `surrogate(layer, y)`, the function it is the gradient of."""
    layer = harness.build(c)
    x = harness.inputs(c, "float64")[0]
    _, saved = layer.forward(Reference(), x, train=True)
    dx = layer.loss(Reference(), saved, truth, seen).dx
    assert dx.dtype == np.float64

    def value():
        return surrogate(layer, layer.forward(Reference(), x, train=False)[0])

    harness.compare_differences("input", x, dx, value)


def cross_entropy(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum()

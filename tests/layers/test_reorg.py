"""[reorg] on odd sizes, in all its modes."""

import numpy as np
import pytest

from darkpy.ops import Reference
from tests.layers import harness
from tests.layers.harness import case

CASES = [
    case("reorg", (1, 1, 1), n=1),
    case("reorg", (4, 2, 6), stride=2),
    case("reorg", (9, 3, 6), n=3, stride=3),
    case("reorg", (8, 3, 5), stride=2, reverse=1),
    case("reorg", (3, 4, 5), flatten=1),
    case("reorg", (7, 2, 3), n=3, flatten=1, reverse=1),
    case("reorg", (3, 4, 2), flatten=1, stride=2),
    case("reorg", (3, 4, 5), extra=7),
]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_reorg(c):
    harness.check(c)


def original(x, s):
    """Index by index as the original has it, for one image."""
    c, h, w = x.shape
    flat, out = x.ravel(), np.empty(x.size)
    for k in range(c):
        for j in range(h):
            for i in range(w):
                c2, offset = k % (c // (s * s)), k // (c // (s * s))
                w2, h2 = i * s + offset % s, j * s + offset // s
                out[i + w * (j + h * k)] = flat[w2 + w * s * (h2 + h * s * c2)]
    return out.reshape(c * s * s, h // s, w // s)


@pytest.mark.parametrize(("shape", "s"), [((4, 4, 6), 2), ((8, 2, 2), 2), ((18, 3, 6), 3)])
def test_order_of_the_original(shape, s):
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape)
    y = Reference().reorg(x, stride=s)
    np.testing.assert_array_equal(y[0], original(x[0], s))
    back = Reference().reorg_reverse(y.reshape(x.shape), stride=s)
    np.testing.assert_array_equal(back.ravel(), x.ravel())


def test_extra_gives_rows_with_zeros_behind():
    layer = harness.build(case("reorg", (2, 1, 2), extra=3))
    y, _ = layer.forward(Reference(), np.arange(1, 5, dtype=np.float32).reshape(1, 2, 1, 2))
    assert layer.out_shape == (7,) and y.tolist() == [[1, 2, 3, 4, 0, 0, 0]]


def test_sizes_that_do_not_divide_are_refused():
    assert "multiple of 4 channels" in str(harness.problem(case("reorg", (6, 4, 4), stride=2)))
    assert "does not divide" in str(harness.problem(case("reorg", (4, 5, 4), stride=2)))
    assert harness.problem(case("reorg", (4, 4, 4), flatten=1, extra=1)).key == "extra"

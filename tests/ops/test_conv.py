"""Convolutions in training: the fast kernels against the obvious NumPy in float64, at sizes that fit no tile."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpy.jit import set_threads, threads_allowed
from darkpy.ops import Cpu, Reference

CASES = [  # images, channels, filters, height, width, kernel, other arguments
    (1, 16, 16, 8, 8, 3, {"pad": 1}),
    (2, 20, 37, 13, 13, 3, {"pad": 1}),
    (2, 33, 16, 30, 41, 3, {"pad": 1}),
    (3, 17, 70, 6, 5, 3, {"pad": 1}),
    (2, 24, 24, 7, 9, 3, {}),
    (2, 24, 24, 7, 9, 3, {"pad": 2}),
    (4, 16, 32, 60, 52, 3, {"pad": 1}),  # bands of tiles, in all three
    (2, 64, 128, 4, 4, 3, {"pad": 1}),
    (2, 3, 16, 50, 70, 3, {"pad": 1}),
    (2, 5, 37, 13, 13, 1, {}),
    (3, 16, 50, 9, 17, 3, {"pad": 1, "stride": (2, 2)}),
    (2, 64, 33, 40, 41, 3, {"pad": 1, "stride": (2, 2)}),
    (2, 70, 20, 9, 7, 3, {"pad": 1, "stride": (2, 1)}),  # more windows than a panel has rows
    (2, 3, 5, 15, 16, 5, {"pad": 2, "stride": (2, 3)}),
    (1, 4, 6, 12, 13, 3, {"pad": 2, "dilation": 2}),
    (2, 4, 6, 12, 13, 1, {"stride": (2, 2)}),
    (1, 2, 3, 9, 9, 2, {"stride": (3, 3)}),
    (2, 12, 6, 11, 12, 3, {"pad": 1, "groups": 3}),
    (2, 8, 16, 6, 5, 1, {"groups": 4}),
    (2, 7, 7, 11, 12, 3, {"pad": 1, "groups": 7}),
    (2, 7, 7, 11, 12, 3, {"pad": 1, "stride": (2, 2), "dilation": 2, "groups": 7}),
]


def passes(ops, n, c, f, h, w, k, kw, dtype=np.float32):
    """(y, dx, dw) of a convolution of normal numbers."""
    random = np.random.default_rng(1)
    groups = kw.get("groups", 1)
    x = random.standard_normal((n, c, h, w)).astype(dtype)
    weights = random.standard_normal((f, c // groups, k, k)).astype(dtype)
    y = ops.conv(x, weights, **kw)
    dy = random.standard_normal(y.shape).astype(dtype)
    return y, ops.conv_dx(dy, weights, size=(h, w), **kw), ops.conv_dw(dy, x, kernel=k, **kw)


def check(*case):
    for fast, slow in zip(passes(Cpu(), *case), passes(Reference(), *case, dtype=np.float64), strict=True):
        assert np.isfinite(fast).all()
        assert abs(fast - slow).max() <= 2e-5 * abs(slow).max()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_agrees_with_the_reference(case):
    check(*case)


@pytest.mark.parametrize("kernel, pad, stride", [(3, 1, 1), (3, 1, 2), (1, 0, 1)])
def test_arrays_with_gaps(kernel, pad, stride):
    """Some channels, or every second pixel, of a larger map: the kernels work with addresses."""
    random = np.random.default_rng(1)
    whole, weights = random.standard_normal((2, 40, 16, 16)), random.standard_normal((20, 20, kernel, kernel))
    slopes = random.standard_normal((2, 30, 16, 16))
    kw = {"pad": pad, "stride": (stride, stride)}
    for view in (lambda a: a[:, 5:25], lambda a: a[:, :20, ::2, ::2], lambda a: a[:, :20].transpose(0, 1, 3, 2)):
        found = []
        for ops, dtype in ((Cpu(), np.float32), (Reference(), np.float64)):
            x, w = view(whole.astype(dtype)), weights.astype(dtype)
            y = ops.conv(x, w, **kw)
            dy = slopes.astype(dtype)[:, 10:, : y.shape[2], : y.shape[3]]
            found.append((y, ops.conv_dx(dy, w, size=x.shape[2:], **kw), ops.conv_dw(dy, x, kernel=kernel, **kw)))
        for fast, slow in zip(*found, strict=True):
            assert abs(fast - slow).max() <= 2e-5 * abs(slow).max()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.integers(3, 20), st.integers(3, 20),
       st.sampled_from([1, 2, 3]), st.integers(0, 2), st.integers(1, 3), st.integers(1, 3))
def test_any_size(n, c, f, h, w, k, pad, down, right):
    check(n, c, f, h, w, k, {"pad": pad, "stride": (down, right)})


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_number_of_threads_changes_no_bit(case):
    together = passes(Cpu(), *case)
    set_threads(1)
    try:
        alone = passes(Cpu(), *case)
    finally:
        set_threads(threads_allowed())
    for a, b in zip(together, alone, strict=True):
        assert np.array_equal(a, b)

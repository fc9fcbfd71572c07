"""Every op on the device: what the obvious NumPy gives."""

import numpy as np
import pytest

from darkpy.ops import Cuda, Reference
from darkpy.ops.cuda import KERNELS, VIEWS
from darkpy.ops.cuda.memory import Array
from darkpy.ops.cuda.unfold import classes
from darkpy.ops.signs import Signs
from darkpy.ops.spec import OPS
from tests.ops.test_ops import IDS, TABLE, arrays, call

CUDA = Cuda()


def host(x):
    return x.host() if isinstance(x, Array) else x


def agree(op, args, kw, rtol=1e-5, atol=1e-5):
    """The op's results, and its arguments afterwards, on the device and by the reference."""
    there = [CUDA.upload(a) if isinstance(a, np.ndarray) else a for a in args]
    here = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    for mine, reference in zip(call(CUDA, op, there, kw), call(Reference(), op, here, kw), strict=True):
        assert isinstance(mine, Array)
        assert mine.shape == reference.shape and mine.dtype == reference.dtype
        np.testing.assert_allclose(host(mine), reference, rtol=rtol, atol=atol)
    for a, b in zip(there, here, strict=True):
        np.testing.assert_allclose(host(a), b, rtol=1e-5, atol=1e-6)


def test_no_op_is_missing():
    assert KERNELS.keys() | VIEWS.keys() | {"unpack"} == OPS.keys()


@pytest.mark.parametrize(("op", "shapes", "kw"), TABLE, ids=IDS)
def test_op(op, shapes, kw):
    agree(op, arrays(shapes, "float32"), kw)


def test_unpack():
    w = np.where(np.random.default_rng(0).random((4, 3, 3, 3)) > 0.5, 1, -1) * np.arange(1, 5).reshape(-1, 1, 1, 1)
    signs = Signs.of(w.astype(np.float32))
    np.testing.assert_array_equal(CUDA.unpack(signs).host(), w)
    assert CUDA.unpack(signs) is CUDA.unpack(signs)


@pytest.mark.parametrize(("size", "kernel", "stride", "pad", "dilation", "groups"), [
    ((7, 6), 3, (2, 2), 1, 1, 1), ((6, 9), 3, (2, 3), 0, 1, 1), ((5, 5), 1, (2, 2), 0, 1, 1),
    ((7, 7), 2, (3, 3), 0, 1, 1),  # some pixels meet no weight
    ((8, 6), 3, (2, 2), 2, 2, 1), ((1, 3), 5, (4, 4), 2, 1, 1), ((6, 5), 4, (2, 1), 1, 1, 2),
    ((8, 8), 1, (1, 1), 1, 1, 1),
])
def test_gradient_of_a_strided_input(size, kernel, stride, pad, dilation, groups):
    reach = (kernel - 1) * dilation + 1
    out = tuple((s + 2 * pad - reach) // step + 1 for s, step in zip(size, stride, strict=True))
    args = arrays([(2, 4 * groups, *out), (4 * groups, 4, kernel, kernel)], "float32")
    agree("conv_dx", args, {"size": size, "stride": stride, "pad": pad, "dilation": dilation, "groups": groups})


def test_each_class_of_pixels_meets_its_own_weights():
    found = classes((1, 8, 4, 4), (1, 4, 8, 8), 3, (2, 2), 1, 1, 1)
    assert [(c.first, c.taps) for c in found] == [
        ((0, 0), ([1], [1])), ((0, 1), ([1], [0, 2])), ((1, 0), ([0, 2], [1])), ((1, 1), ([0, 2], [0, 2]))]
    assert [c.product.sizes[2] for c in found] == [8, 16, 16, 32]  # 9 products for 4 pixels, of 36

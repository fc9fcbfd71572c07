"""Every op on the device: what the obvious NumPy gives."""

import numpy as np
import pytest

from darkpy.ops import Cuda, Reference
from darkpy.ops.cuda import KERNELS, VIEWS
from darkpy.ops.cuda.memory import Array
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

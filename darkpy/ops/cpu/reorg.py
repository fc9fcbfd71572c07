"""Ops that move numbers on the map, without temporaries."""

import numpy as np

from darkpy.jit import njit, prange
from darkpy.ops import reference


@njit(parallel=True)
def _upsample(y, x, stride, factor):
    """y (P, H*s, W*s) <- x (P, H, W)."""
    planes, h, w = x.shape
    for p in prange(planes):
        for i in range(h * stride):
            for j in range(w):
                v = x[p, i // stride, j] * factor
                for q in range(stride):
                    y[p, i, j * stride + q] = v


def upsample(y, x, *, stride, factor=1.0):
    _upsample(y.reshape(-1, *y.shape[2:]), x.reshape(-1, *x.shape[2:]), stride, np.float32(factor))


def shortcut(z, x, y, *, alpha=1.0, beta=1.0):
    if x.shape == y.shape and alpha == beta == 1:
        np.add(x, y, out=z)
    else:
        z[...] = reference.shortcut(x, y, alpha=alpha, beta=beta)


KERNELS = {"upsample": upsample, "shortcut": shortcut}

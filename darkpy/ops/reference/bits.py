"""Binary weights and inputs as plain floats +-1 (Rastegari et al., "XNOR-Net", 2016): what packed kernels equal."""

import numpy as np

__all__ = ["binarize", "binarize_weights", "hardtan_gate"]


def binarize_weights(w):
    mean = np.abs(w).mean(axis=tuple(range(1, w.ndim)), keepdims=True)
    return np.where(w > 0, mean, -mean)


def binarize(x):
    return np.where(x >= 0, 1, -1).astype(x.dtype)


def hardtan_gate(dy, x):
    return dy * (np.abs(x) < 1)

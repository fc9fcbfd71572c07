"""Products of rows with a matrix, by the BLAS of NumPy."""

import numpy as np


def linear(y, x, w):
    np.matmul(x, w.T, out=y)


KERNELS = {"linear": linear}

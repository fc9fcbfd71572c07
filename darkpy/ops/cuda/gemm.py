"""Products of rows with a matrix of weights (outputs, inputs)."""

from __future__ import annotations

import numpy as np

from darkpy.ops.cuda.memory import Array
from darkpy.ops.cuda.reduce import add_parts
from darkpy.ops.cuda.tile import ENOUGH, MATRIX, SMALL, STRIDED, no_table, product

ONE = np.float32(1)
LEAST = 8  # pieces of k that a split should have


def split(blocks: int, pieces: int) -> tuple[int, int]:
    """(pieces of a split, splits): along k, where there are too few blocks to keep the GPU busy."""
    splits = max(1, min(ENOUGH // max(blocks, 1), pieces // LEAST))
    each = -(-pieces // splits)
    return each, -(-pieces // each)


def matmul(y: Array, a: Array, b: Array, size: tuple[int, int, int], sa: tuple[int, int], sb: tuple[int, int],
           sy: tuple[int, int]) -> None:
    """y (M, N) = a (M, K) @ b (K, N), size = (M, N, K), each with its two strides."""
    m, n, k = size
    along = (-(-n // SMALL.n), -(-m // SMALL.m))
    pieces, splits = split(along[0] * along[1], -(-k // SMALL.k))
    parts = y if splits == 1 else Array((splits, m * n))
    run = product(SMALL, STRIDED, STRIDED, MATRIX, sa[1] == 1, sb[0] == 1)
    run.blocks((*along, splits), parts.data, a.data, b.data, no_table().data, a.data, a.data,
               (m, n, k, 1, pieces, splits), (*sa, 0, 0), (*sb, 0, 0, 0, 0, 0, 0, 0, 0), (*sy, m * n, 0, 0), ONE, ONE)
    if splits > 1:
        add_parts(y, parts)


def linear(y: Array, x: Array, w: Array) -> None:
    (n, k), m = x.shape, w.shape[0]
    matmul(y, w, x, (m, n, k), (k, 1), (1, k), (1, m))


def linear_dx(dx: Array, dy: Array, w: Array) -> None:
    (n, k), m = dy.shape, w.shape[1]
    matmul(dx, w, dy, (m, n, k), (1, m), (1, k), (1, m))


def linear_dw(dw: Array, dy: Array, x: Array) -> None:
    (k, m), n = dy.shape, x.shape[1]
    matmul(dw, dy, x, (m, n, k), (1, m), (n, 1), (n, 1))


KERNELS = {"linear": linear, "linear_dx": linear_dx, "linear_dw": linear_dw}

"""Convolutions and the gradients of their inputs laid out as products (tile.py), for certain shapes.

The gradient of an input is a convolution of the gradient of the output.  Pixels whose row, with the padding, leaves the
same rest when divided by the stride, and whose column does, meet the same weights: each such class is a convolution of
stride 1 with these weights only, so that nothing is multiplied that is zero; then its pixels are put in their places.

Weights are packed first: transposed, so that neighbouring filters lie side by side, and filled up to whole tiles.  An
inference plan packs once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from darkpy.cuda import Kernel, cuda, kernel
from darkpy.ops.cuda import tile
from darkpy.ops.cuda.memory import Array, upload
from darkpy.ops.cuda.tile import DENSE, GATHER, MAP, PACKED, VECTOR_MAP, Tile, filled

ZERO = np.float32(0)
KEPT = 4096  # layouts: several of each layer, for some sizes of the input
ONCE = (1, 1)


@dataclass(frozen=True)
class Product:
    """A convolution laid out as a product for certain shapes: everything but the arrays."""

    tile: Tile
    run: Kernel
    scalar: Kernel  # the same for arrays that do not begin at a multiple of four numbers
    grid: tuple[int, int, int]
    table: Array
    sizes: tuple[int, ...]
    a: tuple[int, ...]
    b: tuple[int, ...]
    y: tuple[int, ...]
    packed: tuple[int, int, int]  # groups, K and M, filled up

    def __call__(self, y: Array, x: Array, packed: Array, bias: Array | None = None, slope: float = 1.0,
                 residual: Array | None = None, after: float = 1.0) -> None:
        """y = f(w * x + bias), f(v) = v or slope * v; then y = f(y + residual) with the slope `after`."""
        fours = x.by_fours and y.by_fours and (residual is None or residual.by_fours)
        extra = (*self.y[:3], int(bias is not None), int(residual is not None))
        (self.run if fours else self.scalar).blocks(
            self.grid, y.data, packed.data, x.data, self.table.data, (bias or packed).data, (residual or packed).data,
            self.sizes, self.a, self.b, extra, np.float32(slope), np.float32(after))


def table(channels: int, plane: int, rows: Sequence[int], columns: Sequence[int], length: int) -> Array:
    """For each weight (channel, row, column of the window) the offset of its channel, then row << 16 | column; `length`
    of each.  `rows` and `columns`: where those of the window lie."""
    offset = np.zeros(length, np.int32)
    place = np.full(length, tile.NOWHERE << 16 | tile.NOWHERE, np.int32)
    c, p, q = np.indices((channels, len(rows), len(columns)), np.int32).reshape(3, -1)
    offset[: c.size] = c * plane
    place[: c.size] = np.asarray(rows, np.int32)[p] << 16 | np.asarray(columns, np.int32)[q]
    return upload(np.concatenate([offset, place]))


def product_of(x: tuple[int, ...], filters: int, out: tuple[int, int], rows: Sequence[int], columns: Sequence[int],
               stride: tuple[int, int], pad: int, groups: int) -> Product:
    """The product that makes maps (N, filters, *out) of x (N, C, H, W) with windows of these rows and columns."""
    n, c, h, w = x
    pixels, cg, m = out[0] * out[1], c // groups, filters // groups
    k, wide = cg * len(rows) * len(columns), n * pixels
    chosen = tile.choose(m, wide, groups)
    k_full, m_full = filled(k, chosen.k), filled(m, chosen.m)
    fours = pixels % 4 == 0
    plain = fours and stride == ONCE and out == (h, w) and list(rows) == list(columns) == [pad]
    return Product(
        chosen, tile.product(chosen, PACKED, DENSE if plain else GATHER, VECTOR_MAP if fours else MAP),
        tile.product(chosen, PACKED, GATHER, MAP), (filled(wide, chosen.n) // chosen.n, m_full // chosen.m, groups),
        table(cg, h * w, rows, columns, k_full), (m, wide, k, 1, k_full // chosen.k, 1),
        (m_full, k_full * m_full, 0, 0), (c * h * w, cg * h * w, h, w, *out, *stride, pad, 0),
        (pixels, filters * pixels, m * pixels), (groups, k_full, m_full))


@lru_cache(maxsize=KEPT)
def layout(x: tuple[int, ...], y: tuple[int, ...], kernel: int, stride: tuple[int, int], pad: int, dilation: int,
           groups: int) -> Product:
    """The product that makes y of x."""
    taps = range(0, kernel * dilation, dilation)
    return product_of(x, y[1], (y[2], y[3]), taps, taps, stride, pad, groups)


@dataclass(frozen=True)
class Class:
    """Pixels of an input of which every so many rows and columns are one, and the product that makes their gradient."""

    product: Product
    first: tuple[int, int]  # the row and the column of the first pixel
    size: tuple[int, int]  # rows and columns of such pixels
    taps: tuple[list[int], list[int]]  # rows and columns of the kernel they meet


def meetings(first: int, kernel: int, stride: int, pad: int, dilation: int) -> dict[int, int]:
    """For each row of the kernel that pixels in row first, first + stride, ... meet: the row of the output that the
    first of them meets it in; the second meets it in the next."""
    return {p: (first + pad - p * dilation) // stride for p in range(kernel)
            if (first + pad - p * dilation) % stride == 0}


@lru_cache(maxsize=KEPT)
def classes(dy: tuple[int, ...], dx: tuple[int, ...], kernel: int, stride: tuple[int, int], pad: int, dilation: int,
            groups: int) -> list[Class]:
    """The classes of pixels that meet a weight, for dy (N, F, OH, OW) and dx (N, C, H, W)."""
    found = []
    _, c, h, w = dx
    for r in range(min(stride[0], h)):
        rows = meetings(r, kernel, stride[0], pad, dilation)
        for s in range(min(stride[1], w)):
            columns = meetings(s, kernel, stride[1], pad, dilation)
            if rows and columns:
                size = -(-(h - r) // stride[0]), -(-(w - s) // stride[1])
                above = max(0, -min((*rows.values(), *columns.values())))  # rows and columns before the output's first
                product = product_of(dy, c, size, [p + above for p in rows.values()],
                                     [q + above for q in columns.values()], ONCE, above, groups)
                found.append(Class(product, (r, s), size, (list(rows), list(columns))))
    return found


@kernel("FFT12i")
def _pack(packed, w, g, n):
    """packed (groups, K, M) of w, zeros where it has no number; K is (channels or filters, rows, columns)."""
    k_full, m_full, k_size, m_size, by_group, by_m, by_channel, taps, columns, first, down, right = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        rest = i // m_full
        m = i - rest * m_full
        group = rest // k_full
        k = rest - group * k_full
        v = ZERO
        if k < k_size and m < m_size:
            channel = k // taps
            tap = k - channel * taps
            row = tap // columns
            at = group * by_group + m * by_m + channel * by_channel
            v = w[at + first + row * down + (tap - row * columns) * right]
        packed[i] = v


def pack(product: Product, w: Array, taps: tuple[Sequence[int], Sequence[int]] | None = None,
         back: bool = False) -> Array:
    """Weights (F, C / groups, K, K) as a product takes them: those of some rows and columns, which lie equally far
    apart, or all; `back`: it makes channels of filters."""
    packed = Array(product.packed)
    m, _, k = product.sizes[:3]
    kernel = w.shape[2]
    rows, columns = taps or (range(kernel), range(kernel))
    down, right = (line[1] - line[0] if len(line) > 1 else 0 for line in (rows, columns))
    by_filter, by_channel = w.shape[1] * kernel * kernel, kernel * kernel
    strides = (by_channel, by_filter) if back else (by_filter, by_channel)
    _pack(packed.size, packed.data, w.data,
          (*product.packed[1:], k, m, w.size // product.packed[0], *strides, len(rows) * len(columns), len(columns),
           rows[0] * kernel + columns[0], down * kernel, right), packed.size)
    return packed

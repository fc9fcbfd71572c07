"""Convolutions and their gradients: as products (tile.py), or, where a group has few filters, a thread for each result.

For the product the weights are packed first: transposed, so that neighbouring filters lie side by side, and filled up
to whole tiles.  An inference plan packs once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from darkpy.cuda import TEAM, Kernel, cuda, kernel
from darkpy.ops.cuda import tile
from darkpy.ops.cuda.gemm import split
from darkpy.ops.cuda.memory import Array, upload
from darkpy.ops.cuda.reduce import add_parts, team_sum
from darkpy.ops.cuda.tile import (
    DENSE,
    GATHER,
    MAP,
    MATRIX,
    PACKED,
    SCATTER,
    STRIDED,
    UNFOLD,
    VECTOR_MAP,
    Tile,
    filled,
)

ZERO = np.float32(0)
FEW = 4  # filters of a group: fewer waste most of a tile
FAR = 1 << 14  # a window that reaches further does not fit the table of a product
KEPT = 4096  # layouts: several of each layer, for some sizes of the input


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


def table(channels: int, plane: int, kernel: int, dilation: int, length: int) -> Array:
    """For each weight (c, p, q) the offset of its channel, then row << 16 | column in the window; `length` of each."""
    offset = np.zeros(length, np.int32)
    place = np.full(length, tile.NOWHERE << 16 | tile.NOWHERE, np.int32)
    c, p, q = np.indices((channels, kernel, kernel), np.int32).reshape(3, -1)
    offset[: c.size] = c * plane
    place[: c.size] = (p * dilation) << 16 | q * dilation
    return upload(np.concatenate([offset, place]))


@lru_cache(maxsize=KEPT)
def layout(x: tuple[int, ...], y: tuple[int, ...], kernel: int, stride: tuple[int, int], pad: int, dilation: int,
           groups: int, back: bool = False) -> Product:
    """The product that makes y of x; `back`: x is the gradient of an output, y that of the input."""
    n, c, h, w = x
    _, f, oh, ow = y
    pixels, cg, m = oh * ow, c // groups, f // groups
    k, columns = cg * kernel * kernel, n * pixels
    chosen = tile.choose(m, columns, groups)
    k_full, m_full = filled(k, chosen.k), filled(m, chosen.m)
    fours = pixels % 4 == 0
    plain = kernel == 1 and stride == (1, 1) and pad == 0 and fours
    by_table = SCATTER if back else GATHER
    where = VECTOR_MAP if fours else MAP
    return Product(
        chosen, tile.product(chosen, PACKED, DENSE if plain else by_table, where),
        tile.product(chosen, PACKED, by_table, MAP),
        (filled(columns, chosen.n) // chosen.n, m_full // chosen.m, groups),
        table(cg, h * w, kernel, dilation, k_full), (m, columns, k, 1, k_full // chosen.k, 1),
        (m_full, k_full * m_full, 0, 0), (c * h * w, cg * h * w, h, w, oh, ow, *stride, pad, 0),
        (pixels, f * pixels, m * pixels), (groups, k_full, m_full))


@kernel("FFT6iii")
def _pack(packed, w, g, taps, back, n):
    """packed (groups, K, M) of w (F, C, taps), zeros where it has no number; `back`: K runs over filters, M over
    channels."""
    k_full, m_full, k_size, m_size, _, _ = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        rest = i // m_full
        m = i - rest * m_full
        group = rest // k_full
        k = rest - group * k_full
        v = ZERO
        if k < k_size and m < m_size:
            if back:
                f = k // taps
                v = w[((group * (k_size // taps) + f) * m_size + m) * taps + k - f * taps]
            else:
                v = w[(group * m_size + m) * k_size + k]
        packed[i] = v


def pack(product: Product, w: Array, back: bool = False) -> Array:
    """Weights (F, C / groups, K, K) as a product takes them."""
    packed = Array(product.packed)
    m, _, k = product.sizes[:3]
    _pack(packed.size, packed.data, w.data, (*product.packed[1:], k, m, 0, 0), w.shape[2] * w.shape[3], int(back),
          packed.size)
    return packed


def by_thread(few: int, kernel: int, dilation: int, groups: int) -> bool:
    """Whether a convolution is better, or only, done without a product; `few` results share an input."""
    return (groups > 1 and few < FEW) or dilation * kernel > FAR


@kernel("FFFT14i")
def _direct(y, x, w, g, n):
    c, h, width, f, oh, ow, kernel, sy, sx, pad, dilation, groups, cg, m = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        rest = i // ow
        plane = rest // oh
        image = plane // f
        filter_ = plane - image * f
        top, left = (rest - plane * oh) * sy - pad, (i - rest * ow) * sx - pad
        base = (image * c + filter_ // m * cg) * h
        total = ZERO
        for k in range(cg):
            for p in range(kernel):
                r = top + p * dilation
                if 0 <= r < h:
                    for q in range(kernel):
                        s = left + q * dilation
                        if 0 <= s < width:
                            total += (x[(base + k * h + r) * width + s]
                                      * w[((filter_ * cg + k) * kernel + p) * kernel + q])
        y[i] = total


@kernel("FFFT14i")
def _direct_dx(dx, dy, w, g, n):
    c, h, width, f, oh, ow, kernel, sy, sx, pad, dilation, groups, cg, m = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        rest = i // width
        plane = rest // h
        image = plane // c
        channel = plane - image * c
        group = channel // cg
        row, column = rest - plane * h + pad, i - rest * width + pad
        total = ZERO
        for k in range(m):
            filter_ = group * m + k
            for p in range(kernel):
                r = row - p * dilation
                if r >= 0 and r % sy == 0 and r // sy < oh:
                    for q in range(kernel):
                        s = column - q * dilation
                        if s >= 0 and s % sx == 0 and s // sx < ow:
                            total += (dy[((image * f + filter_) * oh + r // sy) * ow + s // sx]
                                      * w[((filter_ * cg + channel - group * cg) * kernel + p) * kernel + q])
        dx[i] = total


@kernel("FFFT14i", TEAM)
def _direct_dw(dw, dy, x, g, images):
    """A team for each weight."""
    c, h, width, f, oh, ow, kernel, sy, sx, pad, dilation, groups, cg, m = g
    scratch = cuda.shared.array(TEAM, np.float32)
    t = cuda.threadIdx.x
    q = cuda.blockIdx.x % kernel
    rest = cuda.blockIdx.x // kernel
    p, rest = rest % kernel, rest // kernel
    filter_ = rest // cg
    channel = filter_ // m * cg + rest - filter_ * cg
    total = ZERO
    for i in range(t, images * oh * ow, TEAM):
        line = i // ow
        image = line // oh
        r = (line - image * oh) * sy - pad + p * dilation
        s = (i - line * ow) * sx - pad + q * dilation
        if 0 <= r < h and 0 <= s < width:
            total += dy[(image * f + filter_) * oh * ow + i - image * oh * ow] * x[
                ((image * c + channel) * h + r) * width + s]
    total = team_sum(scratch, t, total)
    if t == 0:
        dw[cuda.blockIdx.x] = total


@kernel("FFFT10i")
def _local(y, x, w, g, n):
    c, h, width, f, oh, ow, kernel, stride, pad, _ = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        rest = i // ow
        plane = rest // oh
        image = plane // f
        row, column = rest - plane * oh, i - rest * ow
        base = ((row * ow + column) * f + plane - image * f) * c * kernel * kernel
        total = ZERO
        for k in range(c):
            for p in range(kernel):
                for q in range(kernel):
                    r, s = row * stride - pad + p, column * stride - pad + q
                    if 0 <= r < h and 0 <= s < width:
                        total += x[((image * c + k) * h + r) * width + s] * w[base + (k * kernel + p) * kernel + q]
        y[i] = total


@kernel("FFFT10i")
def _local_dx(dx, dy, w, g, n):
    c, h, width, f, oh, ow, kernel, stride, pad, _ = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        rest = i // width
        plane = rest // h
        image = plane // c
        row, column, channel = rest - plane * h + pad, i - rest * width + pad, plane - image * c
        total = ZERO
        for p in range(kernel):
            for q in range(kernel):
                r, s = row - p, column - q
                if r >= 0 and s >= 0 and r % stride == 0 and s % stride == 0 and r // stride < oh and s // stride < ow:
                    place = r // stride * ow + s // stride
                    for k in range(f):
                        total += dy[(image * f + k) * oh * ow + place] * w[
                            (((place * f + k) * c + channel) * kernel + p) * kernel + q]
        dx[i] = total


@kernel("FFFT10ii")
def _local_dw(dw, dy, x, g, images, n):
    c, h, width, f, oh, ow, kernel, stride, pad, _ = g
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        q, rest = i % kernel, i // kernel
        p, rest = rest % kernel, rest // kernel
        channel, rest = rest % c, rest // c
        filter_, place = rest % f, rest // f
        row = place // ow
        r, s = row * stride - pad + p, (place - row * ow) * stride - pad + q
        total = ZERO
        if 0 <= r < h and 0 <= s < width:
            for image in range(images):
                total += dy[(image * f + filter_) * oh * ow + place] * x[((image * c + channel) * h + r) * width + s]
        dw[i] = total


def geometry(x: Array, y: Array, kernel: int, stride: tuple[int, int], pad: int, dilation: int,
             groups: int) -> tuple[int, ...]:
    """What the kernels of a thread for each result take; x, y the shapes of the forward."""
    c, f = x.shape[1], y.shape[1]
    return (*x.shape[1:], *y.shape[1:], kernel, *stride, pad, dilation, groups, c // groups, f // groups)


def conv(y: Array, x: Array, w: Array, *, stride: tuple[int, int] = (1, 1), pad: int = 0, dilation: int = 1,
         groups: int = 1) -> None:
    kernel = w.shape[2]
    if by_thread(w.shape[0] // groups, kernel, dilation, groups):
        _direct(y.size, y.data, x.data, w.data, geometry(x, y, kernel, stride, pad, dilation, groups), y.size)
    else:
        product = layout(x.shape, y.shape, kernel, tuple(stride), pad, dilation, groups)
        product(y, x, pack(product, w))


def conv_dx(dx: Array, dy: Array, w: Array, *, size: tuple[int, int], stride: tuple[int, int] = (1, 1), pad: int = 0,
            dilation: int = 1, groups: int = 1) -> None:
    kernel = w.shape[2]
    if by_thread(w.shape[1], kernel, dilation, groups):
        _direct_dx(dx.size, dx.data, dy.data, w.data, geometry(dx, dy, kernel, stride, pad, dilation, groups), dx.size)
    else:
        product = layout(dy.shape, dx.shape, kernel, tuple(stride), pad, dilation, groups, back=True)
        product(dx, dy, pack(product, w, back=True))


@lru_cache(maxsize=KEPT)
def weight_table(channels: int, plane: int, kernel: int, dilation: int) -> Array:
    return table(channels, plane, kernel, dilation, channels * kernel * kernel)


def conv_dw(dw: Array, dy: Array, x: Array, *, kernel: int, stride: tuple[int, int] = (1, 1), pad: int = 0,
            dilation: int = 1, groups: int = 1) -> None:
    images, c, h, w = x.shape
    _, f, oh, ow = dy.shape
    cg, m = c // groups, f // groups
    if by_thread(min(m, cg), kernel, dilation, groups):
        _direct_dw.blocks(dw.size, dw.data, dy.data, x.data, geometry(x, dy, kernel, stride, pad, dilation, groups),
                          images)
        return
    n, pixels = cg * kernel * kernel, oh * ow
    chosen = tile.SMALL
    along = (filled(n, chosen.n) // chosen.n, filled(m, chosen.m) // chosen.m)
    pieces, splits = split(along[0] * along[1] * groups, images * (filled(pixels, chosen.k) // chosen.k))
    parts = dw if splits == 1 else Array((splits, dw.size))
    run = tile.product(chosen, STRIDED, UNFOLD, MATRIX, True, True)
    run.blocks((*along, groups * splits), parts.data, dy.data, x.data, weight_table(cg, h * w, kernel, dilation).data,
               dy.data, dy.data, (m, n, pixels, images, pieces, splits), (pixels, 1, f * pixels, m * pixels),
               (c * h * w, cg * h * w, h, w, oh, ow, *stride, pad, 0), (n, 1, dw.size, m * n, 0),
               np.float32(1), np.float32(1))
    if splits > 1:
        add_parts(dw, parts)


def deconv(y: Array, x: Array, w: Array, *, stride: int = 1, pad: int = 0) -> None:
    conv_dx(y, x, w, size=(y.shape[2], y.shape[3]), stride=(stride, stride), pad=pad)


def local_geometry(x: Array, y: Array, kernel: int, stride: int, pad: int) -> tuple[int, ...]:
    return (*x.shape[1:], *y.shape[1:], kernel, stride, pad, 0)


def local(y: Array, x: Array, w: Array, *, stride: int = 1, pad: int = 0, out: tuple[int, int]) -> None:
    _local(y.size, y.data, x.data, w.data, local_geometry(x, y, w.shape[3], stride, pad), y.size)


def local_dx(dx: Array, dy: Array, w: Array, *, size: tuple[int, int], stride: int = 1, pad: int = 0) -> None:
    _local_dx(dx.size, dx.data, dy.data, w.data, local_geometry(dx, dy, w.shape[3], stride, pad), dx.size)


def local_dw(dw: Array, dy: Array, x: Array, *, kernel: int, stride: int = 1, pad: int = 0) -> None:
    _local_dw(dw.size, dw.data, dy.data, x.data, local_geometry(x, dy, kernel, stride, pad), len(x), dw.size)


KERNELS = {"conv": conv, "conv_dx": conv_dx, "conv_dw": conv_dw, "deconv": deconv, "local": local,
           "local_dx": local_dx, "local_dw": local_dw}

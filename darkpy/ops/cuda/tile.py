"""The product under convolutions and connected layers: y (M, N) = sum over k of a(k, m) * b(k, n), tile by tile.

A block computes a tile of y.  In steps of a few k it brings a piece of a and one of b into shared memory; each thread
keeps a part of the tile (8 x 8 numbers) in registers and reads 16 numbers of the pieces for 64 multiplications.  While
it multiplies one piece, the next is already on its way from memory.

What a and b are decides how pieces are read; every way is a kernel of its own:

    a PACKED    a matrix (K, M), both filled up with zeros to whole pieces
      STRIDED   a[m * s + k * t]
    b GATHER    implicit unfolding: column n is a pixel of the output, k a weight; a table says for each weight how far
                its input lies from the pixel's window
      DENSE     the special case of a 1x1 convolution: whole rows of pixels
      UNFOLD    for the gradient of weights: n is a weight, k a pixel of the output
      STRIDED   b[k * s + n * t]

(See "CUTLASS: Fast Linear Algebra in CUDA C++" for the scheme, and Chetlur et al., "cuDNN", 2014, for the unfolding.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from darkpy.cuda import SIMULATED, Kernel, cuda, device, kernel, load4, store4
from darkpy.ops.cuda.memory import Array

PACKED, STRIDED, GATHER, DENSE, UNFOLD = range(5)
MAP, VECTOR_MAP, MATRIX = range(3)  # where y goes: a map (N, F, P), the same four pixels at a time, or any matrix
NOWHERE = 1 << 14  # a row and column outside of every map: for what fills up the table
ZERO = np.float32(0)


@dataclass(frozen=True)
class Tile:
    """m x n numbers of y a block, m_own x n_own of them a thread, k at a time."""

    m: int
    n: int
    k: int
    m_own: int
    n_own: int

    @property
    def threads(self) -> int:
        return self.m // self.m_own * self.n // self.n_own


LARGE = Tile(64, 8, 4, 8, 8) if SIMULATED else Tile(128, 128, 8, 8, 8)
SMALL = Tile(16, 16, 4, 4, 4) if SIMULATED else Tile(64, 64, 16, 4, 4)
REGISTERS = 128  # of a thread: so that two blocks of 256 fit one multiprocessor
ENOUGH = 200  # blocks that keep a large GPU busy


def filled(count: int, step: int) -> int:
    """The next multiple of a step."""
    return -(-count // step) * step


def choose(m: int, n: int, copies: int) -> Tile:
    """The larger tile where there is enough work for it, and little of it would be wasted."""
    blocks = -(-m // LARGE.m) * -(-n // LARGE.n) * copies
    return LARGE if m > SMALL.m and blocks >= ENOUGH else SMALL


@device
def store_to_matrix(own, i0, j0, m0, n0, y, bias, residual, sizes, gy, group, split, slope, after):
    """Write four by four of a thread's numbers, `own` from i0, j0 on, to row m0 and column n0 of y.

    The loops of this and the next two are short enough for the compiler to unroll them: only then `own` is registers.
    """
    for i in range(4):
        m = m0 + i
        if m < sizes[0]:
            shift = bias[m] if gy[4] else ZERO
            at = split * gy[2] + group * gy[3] + m * gy[0]
            for j in range(4):
                n = n0 + j
                if n < sizes[1]:
                    v = own[i0 + i, j0 + j] + shift
                    y[at + n * gy[1]] = v if v > ZERO else v * slope


@device
def store_to_map(own, i0, j0, m0, n0, y, bias, residual, sizes, gy, group, split, slope, after):
    for j in range(4):
        n = n0 + j
        if n < sizes[1]:
            image = n // gy[0]
            at = image * gy[1] + group * gy[2] + n - image * gy[0]
            for i in range(4):
                m = m0 + i
                if m < sizes[0]:
                    v = own[i0 + i, j0 + j]
                    if gy[3]:
                        v += bias[group * sizes[0] + m]
                    v = v if v > ZERO else v * slope
                    if gy[4]:
                        v += residual[at + m * gy[0]]
                        v = v if v > ZERO else v * after
                    y[at + m * gy[0]] = v


@device
def store_by_fours(own, i0, j0, m0, n0, y, bias, residual, sizes, gy, group, split, slope, after):
    if n0 < sizes[1]:
        image = n0 // gy[0]
        at = image * gy[1] + group * gy[2] + n0 - image * gy[0] + m0 * gy[0]
        for i in range(4):
            if m0 + i < sizes[0]:
                shift = bias[group * sizes[0] + m0 + i] if gy[3] else ZERO
                v0, v1, v2, v3 = (own[i0 + i, j0] + shift, own[i0 + i, j0 + 1] + shift, own[i0 + i, j0 + 2] + shift,
                                  own[i0 + i, j0 + 3] + shift)
                v0, v1 = v0 if v0 > ZERO else v0 * slope, v1 if v1 > ZERO else v1 * slope
                v2, v3 = v2 if v2 > ZERO else v2 * slope, v3 if v3 > ZERO else v3 * slope
                if gy[4]:
                    r0, r1, r2, r3 = load4(residual, at)
                    v0, v1, v2, v3 = v0 + r0, v1 + r1, v2 + r2, v3 + r3
                    v0, v1 = v0 if v0 > ZERO else v0 * after, v1 if v1 > ZERO else v1 * after
                    v2, v3 = v2 if v2 > ZERO else v2 * after, v3 if v3 > ZERO else v3 * after
                store4(y, at, v0, v1, v2, v3)
            at += gy[0]


@device
def quarter(y_is, own, i0, j0, m0, n0, y, bias, residual, sizes, gy, group, split, slope, after):
    if y_is == MATRIX:
        store_to_matrix(own, i0, j0, m0, n0, y, bias, residual, sizes, gy, group, split, slope, after)
    elif y_is == MAP:
        store_to_map(own, i0, j0, m0, n0, y, bias, residual, sizes, gy, group, split, slope, after)
    else:
        store_by_fours(own, i0, j0, m0, n0, y, bias, residual, sizes, gy, group, split, slope, after)


@cache
def product(tile: Tile, a_is: int, b_is: int, y_is: int, a_fast: bool = False, b_fast: bool = False) -> Kernel:
    """The kernel; `a_fast`, `b_fast`: neighbours along k lie side by side in memory, not those along m or n.

    Its arguments, in order: y, a, b, table (2, K) int32: offset, and row << 16 | column; bias (groups * M); residual
    (as y); and tuples of whole numbers

        (M, N, K, images, pieces of a split, splits)    pieces of k are those of all images, one after the other
        of a: PACKED  (pitch, numbers of a group, 0, 0)        STRIDED (s of m, t of k, of an image, of a group)
        of b: STRIDED (s of k, t of n, of an image, of a group, 0...)
              others  (of an image, of a group, H, W of b, OH, OW of the pixels, vertical, horizontal stride, pad,
                       whether the table's end is padded)
        of y: maps    (P, of an image, of a group, whether bias, whether residual)
              MATRIX  (s of m, t of n, of a split, of a group, whether bias)

    then the slope of the activation for y < 0, and that behind the residual.  Blocks: (along n, along m, groups *
    splits).
    """
    m_tile, n_tile, k_tile, m_own, n_own, threads = tile.m, tile.n, tile.k, tile.m_own, tile.n_own, tile.threads
    m_pitch, n_pitch = m_tile + 4, n_tile + 4  # rows of shared memory begin in different banks
    a_count, b_count = m_tile * k_tile // threads, n_tile * k_tile // threads  # numbers a thread brings
    across, half_m, half_n = n_tile // n_own, m_tile // 2, n_tile // 2
    quads_m, quads_n = m_tile // 4, n_tile // 4
    a_size, b_size = k_tile * m_pitch, k_tile * n_pitch
    a_both, b_both = 2 * a_size, 2 * b_size

    def multiply(y, a, b, table, bias, residual, sizes, ga, gb, gy, slope, after):
        sa = cuda.shared.array(a_both, np.float32, alignment=16)
        sb = cuda.shared.array(b_both, np.float32, alignment=16)
        own = cuda.local.array((m_own, n_own), np.float32)
        fa = cuda.local.array(m_own, np.float32)
        fb = cuda.local.array(n_own, np.float32)
        ra = cuda.local.array(a_count, np.float32)
        rb = cuda.local.array(b_count, np.float32)
        big_m, big_n, big_k, images, pieces, splits = sizes
        t = cuda.threadIdx.x
        m0, n0 = cuda.blockIdx.y * m_tile, cuda.blockIdx.x * n_tile
        group = cuda.blockIdx.z // splits
        split = cuda.blockIdx.z - group * splits
        tx, ty = t % across * 4, t // across * 4
        for i in range(m_own):
            for j in range(n_own):
                own[i, j] = ZERO

        pixels = gb[4] * gb[5]
        base = 0
        top, left = NOWHERE * 4, 0  # of the window of this thread's column
        if b_is == GATHER:
            column = n0 + t % n_tile
            if column < big_n:
                image = column // pixels
                rest = column - image * pixels
                row = rest // gb[5]
                base = image * gb[0] + group * gb[1]
                top, left = row * gb[6] - gb[8], (rest - row * gb[5]) * gb[7] - gb[8]
        elif b_is == DENSE:
            column = n0 + t % quads_n * 4
            image = column // pixels
            base = image * gb[0] + group * gb[1] + column - image * pixels

        each = (big_k + k_tile - 1) // k_tile  # pieces of an image
        first = split * pieces
        last = min(first + pieces, each * images)
        for piece in range(first, last + 1):
            if piece < last:
                image = piece // each
                k0 = (piece - image * each) * k_tile
                # a's next numbers into registers
                if a_is == PACKED:
                    for i in range(a_count // 4):
                        e = t + i * threads
                        v = load4(a, group * ga[1] + (k0 + e // quads_m) * ga[0] + m0 + e % quads_m * 4)
                        ra[i * 4], ra[i * 4 + 1], ra[i * 4 + 2], ra[i * 4 + 3] = v
                else:
                    for i in range(a_count):
                        e = t + i * threads
                        k, m = (e % k_tile, e // k_tile) if a_fast else (e // m_tile, e % m_tile)
                        k, m = k0 + k, m0 + m
                        ra[i] = ZERO
                        if k < big_k and m < big_m:
                            ra[i] = a[image * ga[2] + group * ga[3] + m * ga[0] + k * ga[1]]
                # b's
                if b_is == GATHER:
                    for i in range(b_count):
                        k = k0 + t // n_tile + i * (threads // n_tile)
                        place = table[each * k_tile + k]  # the table is as long as all pieces
                        r, c = top + (place >> 16), left + (place & 0xFFFF)
                        rb[i] = ZERO
                        if 0 <= r < gb[2] and 0 <= c < gb[3]:
                            rb[i] = b[base + table[k] + r * gb[3] + c]
                elif b_is == DENSE:
                    for i in range(b_count // 4):
                        k = k0 + t // quads_n + i * (threads // quads_n)
                        rb[i * 4], rb[i * 4 + 1], rb[i * 4 + 2], rb[i * 4 + 3] = ZERO, ZERO, ZERO, ZERO
                        if k < big_k and n0 + t % quads_n * 4 < big_n:
                            v = load4(b, base + k * pixels)
                            rb[i * 4], rb[i * 4 + 1], rb[i * 4 + 2], rb[i * 4 + 3] = v
                else:
                    for i in range(b_count):
                        e = t + i * threads
                        k, n = (e % k_tile, e // k_tile) if b_fast else (e // n_tile, e % n_tile)
                        k, n = k0 + k, n0 + n
                        rb[i] = ZERO
                        if k < big_k and n < big_n:
                            if b_is == STRIDED:
                                rb[i] = b[image * gb[2] + group * gb[3] + k * gb[0] + n * gb[1]]
                            else:
                                place = table[big_n + n]
                                row = k // gb[5]
                                r = row * gb[6] - gb[8] + (place >> 16)
                                c = (k - row * gb[5]) * gb[7] - gb[8] + (place & 0xFFFF)
                                if 0 <= r < gb[2] and 0 <= c < gb[3]:
                                    rb[i] = b[image * gb[0] + group * gb[1] + table[n] + r * gb[3] + c]
            if piece > first:
                at_a, at_b = (piece - 1) % 2 * a_size, (piece - 1) % 2 * b_size
                for k in range(k_tile):
                    for i in range(m_own // 4):
                        v = load4(sa, at_a + k * m_pitch + ty + i * half_m)
                        fa[i * 4], fa[i * 4 + 1], fa[i * 4 + 2], fa[i * 4 + 3] = v
                    for j in range(n_own // 4):
                        v = load4(sb, at_b + k * n_pitch + tx + j * half_n)
                        fb[j * 4], fb[j * 4 + 1], fb[j * 4 + 2], fb[j * 4 + 3] = v
                    for i in range(m_own):
                        for j in range(n_own):
                            own[i, j] += fa[i] * fb[j]
            if piece < last:
                at_a, at_b = piece % 2 * a_size, piece % 2 * b_size
                if a_is == PACKED:
                    for i in range(a_count // 4):
                        e = t + i * threads
                        store4(sa, at_a + e // quads_m * m_pitch + e % quads_m * 4,
                               ra[i * 4], ra[i * 4 + 1], ra[i * 4 + 2], ra[i * 4 + 3])
                else:
                    for i in range(a_count):
                        e = t + i * threads
                        k, m = (e % k_tile, e // k_tile) if a_fast else (e // m_tile, e % m_tile)
                        sa[at_a + k * m_pitch + m] = ra[i]
                if b_is == GATHER:
                    for i in range(b_count):
                        sb[at_b + (t // n_tile + i * (threads // n_tile)) * n_pitch + t % n_tile] = rb[i]
                elif b_is == DENSE:
                    for i in range(b_count // 4):
                        store4(sb, at_b + (t // quads_n + i * (threads // quads_n)) * n_pitch + t % quads_n * 4,
                               rb[i * 4], rb[i * 4 + 1], rb[i * 4 + 2], rb[i * 4 + 3])
                else:
                    for i in range(b_count):
                        e = t + i * threads
                        k, n = (e % k_tile, e // k_tile) if b_fast else (e // n_tile, e % n_tile)
                        sb[at_b + k * n_pitch + n] = rb[i]
            cuda.syncthreads()

        m, n = m0 + ty, n0 + tx
        quarter(y_is, own, 0, 0, m, n, y, bias, residual, sizes, gy, group, split, slope, after)
        if n_own == 8:
            quarter(y_is, own, 0, 4, m, n + half_n, y, bias, residual, sizes, gy, group, split, slope, after)
        if m_own == 8:
            quarter(y_is, own, 4, 0, m + half_m, n, y, bias, residual, sizes, gy, group, split, slope, after)
        if m_own == 8 and n_own == 8:
            quarter(y_is, own, 4, 4, m + half_m, n + half_n, y, bias, residual, sizes, gy, group, split, slope, after)

    multiply.__qualname__ = f"product_{tile.m}x{tile.n}_{a_is}{b_is}{y_is}{int(a_fast)}{int(b_fast)}"
    return kernel("FFFIFFT6T4T10T5ff", threads, REGISTERS)(multiply)


@lru_cache(maxsize=1)
def no_table() -> Array:
    """What a product without a table is given for it."""
    return Array((1,), "int32")

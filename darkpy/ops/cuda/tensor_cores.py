"""Convolutions in half precision on tensor cores: products of halves, sums in float32.

A map of halves is (N, H, W, words): the channels of a pixel lie side by side, filled up with zeros to a multiple of 8
(ops/halves.py).  So eight neighbouring numbers of a window are one move of 16 bytes, as are eight weights.  The
convolution is y (pixels, filters) = x (pixels, K) @ w (K, filters), K running over the window's rows, its columns and,
innermost, channels; x is never unfolded: a table says for each eight of K how far they lie from the window's corner.

A block computes a tile of y.  32 of K at a time come into shared memory by copies that run beside the products; three
or four such pieces are there at once, one in use, the others on their way.  Each warp multiplies its part of a piece by
`mma` (instructions.py).  In shared memory a row has 64 bytes, and its four parts are exchanged so that eight rows which
are read at once lie in different banks.

Filters are packed in an order by which a thread, which `mma` gives columns 0 1, 8 9, 16 17, 24 25 of 32, has eight
neighbouring filters at the end.  Bias, activation and shortcut are float32, before anything leaves the registers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from darkpy.cuda import SIMULATED, Kernel, cuda, device, kernel, load4, store4
from darkpy.ops.cuda.instructions import (
    LARGEST,
    bring,
    end_of_group,
    join,
    matrices,
    multiply,
    split,
    wait_for_group,
)
from darkpy.ops.cuda.memory import Array, upload
from darkpy.ops.cuda.tile import ENOUGH, NOWHERE, filled
from darkpy.ops.cuda.unfold import KEPT
from darkpy.ops.halves import EIGHT, WORD, words

PIECE = 32  # of K at a time
WORDS = PIECE // 2
WARP = 32  # threads; as many filters are a warp's
BAND = 16 * WORDS  # words of 16 rows of a piece
ZERO = np.float32(0)


@dataclass(frozen=True)
class Tile:
    """pixels x filters of y a block; a warp has `bands` times 16 pixels of 32 filters.  `stages` pieces are in shared
    memory, of which a block may have 48 kB."""

    pixels: int
    filters: int
    bands: int
    stages: int

    @property
    def threads(self) -> int:
        return self.pixels // (16 * self.bands) * self.filters


# the largest first; the last also where there is little to do
TILES = (Tile(32, 64, 2, 3), Tile(16, 32, 1, 4)) if SIMULATED else (
    Tile(128, 128, 4, 3), Tile(128, 64, 2, 4), Tile(64, 64, 2, 4), Tile(64, 32, 2, 4))
REGISTERS = 128  # of a thread: two blocks of 256 fit one multiprocessor


def choose(pixels: int, filters: int) -> Tile:
    """The largest tile that leaves enough work for all multiprocessors and is not wider than the filters need."""
    for tile in TILES[:-1]:
        blocks = filled(pixels, tile.pixels) // tile.pixels * (filled(filters, tile.filters) // tile.filters)
        if tile.filters < filters + tile.filters // 2 and blocks >= ENOUGH:
            return tile
    return TILES[-1]


@device
def spot(row, part):
    """Where four words, part 0 to 3 of a row, are in shared memory."""
    return row * WORDS + ((part ^ (row >> 1 & 3)) << 2)


@device
def of_pixels(row, lane, step):
    """Where the row of four words is that a thread names to `matrices` for a (16 pixels, 16 of the piece): the matrices
    left above, left below, right above, right below."""
    return spot(row + lane % 16, lane // 16) ^ (step * 8)


@device
def of_filters(row, lane, step):
    """The same for two b (16 of the piece, 8 filters), which lie as (filters, numbers): left above, right above, left
    below, right below, so that the two words of a b are neighbours."""
    return spot(row + lane % 8 + lane // 16 * 8, lane // 8 % 2) ^ (step * 8)


@device
def add_product(own, at, a, b0, b1):
    v = multiply((own[at], own[at + 1], own[at + 2], own[at + 3]), a, b0, b1)
    own[at], own[at + 1], own[at + 2], own[at + 3] = v


@device
def warp_product(own, bands, sa, sb, at_a, at_b, row_a, row_b, lane):
    """Add the product of a piece to a warp's sums: `own[16 * band + 4 * j + k]` is number k of those that `mma` gives
    this thread, of band `band` and filters 8 j to 8 j + 7 as they are packed."""
    for step in range(2):
        p = matrices(sb, at_b + of_filters(row_b, lane, step))
        q = matrices(sb, at_b + of_filters(row_b, lane, step) + BAND)
        for band in range(bands):
            a = matrices(sa, at_a + of_pixels(row_a, lane, step) + band * BAND)
            add_product(own, band * 16, a, p[0], p[1])
            add_product(own, band * 16 + 4, a, p[2], p[3])
            add_product(own, band * 16 + 8, a, q[0], q[1])
            add_product(own, band * 16 + 12, a, q[2], q[3])


def simulated_product(own, bands, sa, sb, at_a, at_b, row_a, row_b, lane):
    """The same by one thread alone, which reads what `matrices` would give the whole warp."""
    lanes, four = np.arange(WARP), np.arange(4)

    def read(shared, at, place, row, order):
        """16 rows of the piece: 32 numbers each."""
        steps = [shared[(at + place(row, lanes, step))[:, None] + four] for step in range(2)]
        return np.concatenate([a.view(np.float16).reshape(2, 2, 8, 8).transpose(order).reshape(16, 16) for a in steps],
                              axis=1).astype(np.float32)

    b = np.concatenate([read(sb, at_b + k * BAND, of_filters, row_b, (0, 2, 1, 3)) for k in range(2)])
    for band in range(bands):
        full = read(sa, at_a + band * BAND, of_pixels, row_a, (1, 2, 0, 3)) @ b.T
        for j in range(4):
            for k in range(4):
                own[band * 16 + j * 4 + k] += full[lane // 4 + k // 2 * 8, j * 8 + lane % 4 * 2 + k % 2]


add_piece = simulated_product if SIMULATED else warp_product


@device
def finish(own, band, y, z, bias, residual, pixel, first, g, slope, after):
    """Write a thread's numbers of a band: eight filters, from `first` on, of `pixel` and of the pixel eight further."""
    filters, plane, y_words, to_half, joined = g[1], g[3], g[11], g[12], g[13]
    v = cuda.local.array(8, np.float32)
    for k in range(0, 4, 2):
        if pixel < g[0]:
            for j in range(4):
                v[j * 2] = own[band * 16 + j * 4 + k] + bias[first + j * 2]
                v[j * 2 + 1] = own[band * 16 + j * 4 + k + 1] + bias[first + j * 2 + 1]
            for f in range(8):
                v[f] = v[f] if v[f] > ZERO else v[f] * slope
            at = pixel * y_words + first // 2
            if joined and first < y_words * 2:
                r = load4(residual, at)
                for j in range(4):
                    low, high = split(r[j])
                    v[j * 2] += low
                    v[j * 2 + 1] += high
                for f in range(8):
                    v[f] = v[f] if v[f] > ZERO else v[f] * after
            if to_half:
                if first < y_words * 2:
                    store4(y, at, join(v[0], v[1]), join(v[2], v[3]), join(v[4], v[5]), join(v[6], v[7]))
            else:
                image = pixel // plane
                place = (image * filters + first) * plane + pixel - image * plane
                for f in range(8):
                    if first + f < filters:
                        z[place + f * plane] = v[f]
        pixel += 8


@cache
def product(tile: Tile) -> Kernel:
    """The kernel.  Its arguments: y, a map of halves, or z, a planar map of float32; x, w, the table, bias, residual (a
    map of halves); whole numbers

        (pixels, filters, pieces, OH * OW, OW, H, W, vertical, horizontal stride, pad, words of a pixel of x, of y,
         whether y is written, not z, whether there is a residual)

    and the slopes of the activation and of that behind the residual.  Blocks: (along pixels, along filters).
    """
    pixels, filters, bands, threads = tile.pixels, tile.filters, tile.bands, tile.threads
    a_size, b_size = pixels * WORDS, filters * WORDS
    a_all, b_all = tile.stages * a_size, tile.stages * b_size
    a_count, b_count, apart = pixels * 4 // threads, filters * 4 // threads, threads // 4
    sums, across, ahead = bands * 16, filters // WARP, tile.stages - 1
    still = ahead - 1  # groups that may be on their way when a piece is used

    def convolve(y, z, x, w, table, bias, residual, g, slope, after):
        sa = cuda.shared.array(a_all, np.uint32, alignment=16)
        sb = cuda.shared.array(b_all, np.uint32, alignment=16)
        own = cuda.local.array(sums, np.float32)
        base = cuda.local.array(a_count, np.int64)
        top = cuda.local.array(a_count, np.int32)
        left = cuda.local.array(a_count, np.int32)
        t = cuda.threadIdx.x
        lane, warp = t % WARP, t // WARP
        row_a, row_b = warp // across * (bands * 16), warp % across * WARP
        part, line = t % 4, t // 4  # of the rows this thread brings
        pieces, height, width, x_words = g[2], np.uint32(g[5]), np.uint32(g[6]), g[10]
        for i in range(sums):
            own[i] = ZERO
        for i in range(a_count):
            pixel = cuda.blockIdx.x * pixels + line + i * apart
            base[i], top[i], left[i] = 0, NOWHERE * 4, 0
            if pixel < g[0]:
                image = pixel // g[3]
                rest = pixel - image * g[3]
                row = rest // g[4]
                top[i], left[i] = row * g[7] - g[9], (rest - row * g[4]) * g[8] - g[9]
                base[i] = ((image * g[5] + top[i]) * g[6] + left[i]) * x_words
        mine = spot(line, part)  # and the same in every eighth row
        k = part
        start = cuda.blockIdx.y * pieces * b_size + t * 4
        empty, full = 0, 0  # the pieces of shared memory to be written and read next
        for piece in range(-ahead, pieces):
            if piece >= 0:
                wait_for_group(still)
                cuda.syncthreads()
            if piece < pieces - ahead:
                offset, place = table[k], table[pieces * 4 + k]
                for i in range(a_count):
                    # a negative one is a very large one without sign
                    r, c = np.uint32(top[i] + (place >> 16)), np.uint32(left[i] + (place & 0xFFFF))
                    bring(sa, empty * a_size + mine + i * apart * WORDS, x, base[i] + offset,
                          (r < height) & (c < width))
                for i in range(b_count):
                    bring(sb, empty * b_size + mine + i * apart * WORDS, w, start + i * threads * 4, True)
                k += 4
                start += b_size
                empty = empty + 1 if empty < ahead else 0
            end_of_group()
            if piece >= 0:
                add_piece(own, bands, sa, sb, full * a_size, full * b_size, row_a, row_b, lane)
                full = full + 1 if full < ahead else 0

        first = cuda.blockIdx.y * filters + row_b + lane % 4 * 8
        pixel = cuda.blockIdx.x * pixels + row_a + lane // 4
        finish(own, 0, y, z, bias, residual, pixel, first, g, slope, after)
        if bands > 1:
            finish(own, 1, y, z, bias, residual, pixel + 16, first, g, slope, after)
        if bands > 2:
            finish(own, 2, y, z, bias, residual, pixel + 32, first, g, slope, after)
            finish(own, 3, y, z, bias, residual, pixel + 48, first, g, slope, after)

    convolve.__qualname__ = f"product_{pixels}x{filters}"
    return kernel("UFUUIFUT14ff", threads, REGISTERS)(convolve)


@dataclass(frozen=True)
class Product:
    """A convolution laid out for certain shapes: everything but the arrays."""

    tile: Tile
    grid: tuple[int, int]
    table: Array
    geometry: tuple[int, ...]

    def __call__(self, y: Array, x: Array, weights: Array, bias: Array, slope: float = 1.0,
                 residual: Array | None = None, after: float = 1.0) -> None:
        """y = f(w * x + bias), f(v) = v or slope * v; then y = f(y + residual) with the slope `after`.  x and the
        residual are maps of halves, y is one or a planar map; weights and bias come from `pack`."""
        to_half = y.dtype == WORD
        product(self.tile).blocks(
            self.grid, (y if to_half else x).data, (bias if to_half else y).data, x.data, weights.data,
            self.table.data, bias.data, (residual or x).data,
            (*self.geometry, int(to_half), int(residual is not None)), np.float32(slope), np.float32(after))

    def pack(self, w: np.ndarray, bias: np.ndarray | None) -> tuple[Array, Array]:
        """Weights (F, C, K, K), rounded to halves, and bias (F,) as the kernel takes them."""
        f, c, kernel, _ = w.shape
        wide, pieces = self.grid[1] * self.tile.filters, self.geometry[2]
        by_taps = np.zeros((wide, kernel * kernel, filled(c, EIGHT)), np.float16)
        by_taps[:f, :, :c] = np.clip(w, -LARGEST, LARGEST).reshape(f, c, -1).swapaxes(1, 2)
        rows = np.zeros((wide, pieces * PIECE), np.float16)
        rows[:, : by_taps[0].size] = by_taps.reshape(wide, -1)
        # filter 8 t + 2 j + r of 32 becomes row 8 j + 2 t + r
        rows = rows.reshape(-1, 4, 4, 2, pieces * PIECE).swapaxes(1, 2)
        tiles = rows.reshape(self.grid[1], self.tile.filters, pieces, PIECE).swapaxes(1, 2)
        full = np.zeros(wide, np.float32)
        if bias is not None:
            full[:f] = bias
        return upload(np.ascontiguousarray(tiles).reshape(-1).view(np.uint32)), upload(full)


@lru_cache(maxsize=KEPT)
def layout(x: tuple[int, ...], w: tuple[int, ...], out: tuple[int, int], stride: tuple[int, int], pad: int,
           dilation: int, tile: Tile | None = None) -> Product:
    """The convolution of a map (N, H, W, words) with weights (F, C, K, K) to maps of size `out`, in the tile that fits
    best or this one."""
    n, height, width, x_words = x
    f, _, kernel, _ = w
    plane = out[0] * out[1]
    chosen = tile or choose(n * plane, f)
    parts = x_words // 4
    pieces = filled(kernel * kernel * parts, PIECE // EIGHT) * EIGHT // PIECE
    table = np.zeros((2, pieces * PIECE // EIGHT), np.int32)
    table[1] = NOWHERE << 16 | NOWHERE
    p, q, part = np.indices((kernel, kernel, parts), np.int32).reshape(3, -1)
    table[0, : p.size] = (p * width + q) * dilation * x_words + part * 4
    table[1, : p.size] = p * dilation << 16 | q * dilation
    grid = filled(n * plane, chosen.pixels) // chosen.pixels, filled(f, chosen.filters) // chosen.filters
    return Product(chosen, grid, upload(table.reshape(-1)),
                   (n * plane, f, pieces, plane, out[1], height, width, *stride, pad, x_words, words(f)))

"""XNOR convolution on packed bits: signs of 32 channels in a word, products by xor, sums by counting ones.

With a, w in {-1, +1} and a bit for each +1, n products sum up to  n - 2 popcount(a ^ w)  (Rastegari et al., "XNOR-Net",
2016, section 3.2).  Maps of bits are those of bitmaps.py.  A tile keeps the counts of several neighbouring pixels for
16 or 32 filters in registers, 16 filters a vector, and walks over taps and channels: half a word of the map, in all
lanes, against a vector of weights, packed as (filters/(16 vectors), turns, halves, vectors, 16) words of 32 bits.  A
turn takes both halves of a word, or one where the number of halves is odd.

A zero of the padding is neither +1 nor -1.  In the map it looks like -1, so that a tap outside adds the number of its
positive weights to the count, which is known beforehand: the sum is  base - 2 count,  where `base` depends on the
filter and on which taps of the pixel lie inside (plan/binary.py makes the table).  All of this is exact in float32.

Chains: of three words the majority says which places have two ones or more, their xor which have an odd number, so
popcount(x) + popcount(y) + popcount(z) = 2 popcount(majority) + popcount(x ^ y ^ z).  A chain adds words of a pixel two
at a time to the parity of those before, and counts the majorities only; the last parity is counted by itself.  With p
the parity, the majority of p, x, y is  p ^ ((p ^ x) & (p ^ y)),  and parities of a ^ w are parities of a, xor those of
w: where p, p ^ x and p ^ y are at hand of both, a majority takes three instructions where xor takes one for each word:
with its count, 5 for two words instead of 6.  Of the map all three are stored (`chain` in bitmaps.py).  Weights keep
one bit each: p ^ x and p ^ y of every link, links in reverse, and the last parity, from which the one before follows,
p = parity ^ (p ^ x) ^ (p ^ y).

Counting: where the CPU counts the ones of words (AVX512_VPOPCNTDQ) a vector of 16 counters; elsewhere ones of bytes, by
looking up their halves, added up in bytes for as long as these cannot overflow.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from darkpy.jit import intrinsic
from darkpy.ops.cpu.bitmaps import PIXEL, WORD, clear_words, store_signs
from darkpy.ops.cpu.direct import clear_edges
from darkpy.ops.cpu.tasks import call, compiled, ints, number, task
from darkpy.ops.cpu.tile import WIDE, has
from darkpy.ops.cpu.vector import BYTES, I8, I32, LANES, SIGNS, VECTOR, Emit

COUNTERS = ir.VectorType(I32, LANES)
POPCOUNT_CPUS = re.compile(r"avx512vpopcntdq|icelake|sapphirerapids|emeraldrapids|graniterapids|tigerlake|rocketlake|"
                           r"knm|znver[4-9]")
LONGEST = 31  # halves whose ones, at most 8 in each byte, a byte can count
COUNTS_WORDS = has("avx512vpopcntdq", POPCOUNT_CPUS)  # the ones of 16 words in one instruction
ROWS = (14, 13, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1) if WIDE else (4, 3, 2, 1)
CHAIN_ROWS = 14 if WIDE else 3  # at most: a link of a chain keeps more weights in registers


class Shape(NamedTuple):
    """What a tile is compiled for.  `halves` of a word in a turn; `step` counts input pixels from one output pixel to
    the next; `scaled`: a factor for each pixel; `signs`: the result is stored as bits; `chained`: the input is chained;
    `rectified`: the slope is not 1; `words`: ones are counted in words, not in bytes."""

    rows: int
    vectors: int
    halves: int = 2
    step: int = 1
    scaled: int = 0
    signs: int = 0
    chained: int = 0
    rectified: int = 1
    words: int = int(COUNTS_WORDS)


class EmitBits(Emit):
    """Emit with vectors of counters."""

    def words(self, address: Any, kind: Any = COUNTERS) -> Any:
        value = self.b.load(self.b.inttoptr(address, kind.as_pointer()))
        value.align = 4
        return value

    def broadcast(self, address: Any, kind: Any = COUNTERS) -> Any:
        """The 32-bit word at an address in all lanes of a vector, seen as `kind`."""
        word = self.b.load(self.b.inttoptr(address, I32.as_pointer()))
        undefined = ir.Constant(COUNTERS, ir.Undefined)
        first = self.b.insert_element(undefined, word, ir.Constant(I32, 0))
        return self.b.bitcast(self.b.shuffle_vector(first, undefined, ir.Constant(COUNTERS, [0] * LANES)), kind)

    def ones(self, x: Any) -> Any:
        """Counts of ones in each lane."""
        name = f"llvm.ctpop.v{x.type.count}i{x.type.element.width}"
        function = cgutils.get_or_insert_function(self.b.module, ir.FunctionType(x.type, [x.type]), name)
        return self.b.call(function, [x])

    def together(self, values: list[Any]) -> list[Any]:
        """The same two or more vectors of AVX-512, and no load behind them is moved before them."""
        kind = ir.FunctionType(ir.LiteralStructType([v.type for v in values]), [v.type for v in values])
        places = ",".join(["=v"] * len(values) + [str(i) for i in range(len(values))])
        same = self.b.asm(kind, "", places, values, side_effect=True)
        return [self.b.extract_value(same, i) for i in range(len(values))]

    def widened(self, counts: Any) -> Any:
        """Counters of 64 bytes added up to 16 of 32 bits."""
        b, x = self.b, self.b.bitcast(counts, COUNTERS)
        for shift, mask in ((8, 0x00FF00FF), (16, 0x0000FFFF)):
            low = ir.Constant(COUNTERS, [mask] * LANES)
            high = b.lshr(x, ir.Constant(COUNTERS, [shift] * LANES))
            x = b.add(b.and_(x, low), b.and_(high, low))
        return x


def _emit_counts(e: EmitBits, shape: Shape, links: Any, n: Any, offsets: Any, a: Any, b: Any) -> list[list[Any]]:
    """popcount(a ^ w) of each pixel (row) and filter (lane of a vector)."""
    rows, vectors, halves = shape.rows, shape.vectors, shape.halves
    kind = COUNTERS if shape.words else ir.VectorType(I8, 4 * LANES)
    pixel = shape.step * PIXEL

    def vectors_at(address: Any) -> list[Any]:
        return [e.words(e.at(address, v * BYTES), kind) for v in range(vectors)]

    def tap(t: Any, counts: list[Any]) -> list[Any]:
        """The majorities of a tap, from its last parity back to the first."""

        def link(j: Any, carried: list[Any]) -> list[Any]:
            j = e.b.add(first, j)
            counts, parities = list(carried[:-vectors]), carried[-vectors:]
            at = [e.b.add(a, e.integer(e.at(e.scaled(offsets, j, 24), 8 * i))) for i in range(3)]
            weights = e.scaled(b, j, 2 * vectors * BYTES)
            w = [vectors_at(e.at(weights, i * vectors * BYTES)) for i in range(2)]
            w.append([e.b.xor(p, e.b.xor(x, y)) for p, x, y in zip(parities, *w, strict=True)])
            for start in range(0, rows, 2):
                pair, ones = slice(start * vectors, min(start + 2, rows) * vectors), []
                for p in range(start, min(start + 2, rows)):
                    x = [e.broadcast(e.at(at[i], p * pixel), kind) for i in range(3)]
                    for v in range(vectors):
                        one, other, parity = (e.b.xor(x[i], w[i][v]) for i in range(3))
                        ones.append(e.ones(e.b.xor(parity, e.b.and_(one, other))))
                # in pairs they leave no unit of a Zen 4 idle: 3 % faster
                keep = COUNTS_WORDS and shape.words and len(ones) > 1
                ones = e.together(ones) if keep else ones
                sums = [e.b.add(count, new) for count, new in zip(counts[pair], ones, strict=True)]
                counts[pair] = e.together(sums) if keep else sums
            return counts + w[2]

        first = e.b.mul(t, links)
        parities = vectors_at(e.scaled(e.scaled(b, chained, 2 * vectors * BYTES), t, halves * vectors * BYTES))
        return e.loop(links, [*counts, *parities], link)[:-vectors]

    def turn(j: Any, counts: list[Any]) -> list[Any]:
        counts = list(counts)
        at = e.b.add(a, e.integer(e.scaled(offsets, j, 8)))
        weights = e.scaled(b, j, halves * vectors * BYTES)
        for half in range(halves):
            w = vectors_at(e.at(weights, half * vectors * BYTES))
            for p in range(rows):
                x = e.broadcast(e.at(at, p * pixel + 4 * half), kind)
                for v in range(vectors):
                    k = p * vectors + v
                    counts[k] = e.b.add(counts[k], e.ones(e.b.xor(x, w[v])))
        return counts

    def counted(body: Any, longest: Any, sums: list[Any]) -> list[Any]:
        """`sums` and what n turns add to them, of which `longest` fit into bytes."""
        if shape.words:
            return e.loop(n, sums, body)
        zeros = [ir.Constant(kind, [0] * kind.count)] * len(sums)

        def run(r: Any, sums: list[Any]) -> list[Any]:
            first = e.b.mul(r, longest)
            left = e.b.sub(n, first)
            some = e.b.select(e.b.icmp_signed("<", left, longest), left, longest)
            counts = e.loop(some, zeros, lambda i, c: body(e.b.add(first, i), c))
            return [e.b.add(s, e.widened(c)) for s, c in zip(sums, counts, strict=True)]

        return e.loop(e.b.sdiv(e.b.add(n, e.b.sub(longest, e.whole(1))), longest), sums, run)

    flat = [ir.Constant(COUNTERS, [0] * LANES)] * (rows * vectors)
    if shape.chained:
        chained = e.b.mul(n, links)  # of all taps
        flat = [e.b.add(s, s) for s in counted(tap, e.b.sdiv(e.whole(LONGEST), links), flat)]
        offsets, b = e.scaled(offsets, chained, 24), e.scaled(b, chained, 2 * vectors * BYTES)
    flat = counted(turn, e.whole(LONGEST // halves), flat)
    return [flat[p * vectors : (p + 1) * vectors] for p in range(rows)]


@intrinsic(prefer_literal=True)
def _tiles(context, rows, vectors, halves, step, scaled, signs, chained, rectified, words, links, n, offsets, down,
           across, a, arow, b, base, row_classes, classes, factors, frow, scale, bias, slope, residual, rblock, rrow,
           after, out, oblock, orow):
    """`across` tiles side by side in each of `down` rows of pixels:
    y = rectify(rectify(factor * scale * (base - 2 count) + bias, slope) + residual, after).

    Addresses are bytes as int64, steps between rows too: `a` the first pixel's input, `b` weights; `base` a table of
    16*vectors floats, base / 2, for each class of pixels, `row_classes` and `classes` the offsets in it of each row and
    column; `factors` one float a pixel, if `scaled`; `scale` (times -2) and `bias` 16*vectors floats; `residual` (0:
    none) and `out` the first pixel of the first block, blocks `rblock` and `oblock` bytes apart.  With `signs` the
    result is a bit for each filter instead, whether y >= after[filter] (then an address), and there is no residual."""
    constants = (rows, vectors, halves, step, scaled, signs, chained, rectified, words)
    shape = Shape(*(c.literal_value for c in constants))
    rows, vectors, _, step, scaled, signs, _, rectified, _ = shape
    integer = types.int64
    last = integer if signs else types.float32
    signature = types.void(*constants, *[integer] * 15, types.float32, *[integer] * 3, last, *[integer] * 3)

    def generate(cx, builder, _, args):
        (links, n, offsets, down, across, a, arow, b, base, row_classes, classes, factors, frow, scale, bias, slope,
         residual, rblock, rrow, after, out, oblock, orow) = args[len(constants) :]
        e = EmitBits(builder)
        pixel = PIXEL if signs else BYTES

        def moved(start: Any, row: Any, i: Any, j: Any, size: int) -> Any:
            """Address of tile j in row i."""
            return builder.add(builder.add(start, builder.mul(i, row)), builder.mul(j, e.whole(rows * size)))

        def results(i: Any, j: Any) -> list[list[Any]]:
            counts = _emit_counts(e, shape, links, n, offsets, moved(a, arow, i, j, step * PIXEL), b)
            sums = builder.add(base, e.integer(builder.add(row_classes, builder.mul(i, e.whole(8)))))
            columns = builder.add(classes, builder.mul(j, e.whole(8 * rows)))
            first = e.splat(slope)
            scales, biases = ([e.load(e.at(base, v * BYTES)) for v in range(vectors)] for base in (scale, bias))
            found = []
            for p in range(rows):
                table = builder.add(sums, e.integer(e.at(columns, 8 * p)))
                row = []
                for v in range(vectors):
                    y = builder.fsub(builder.sitofp(counts[p][v], VECTOR), e.load(e.at(table, v * BYTES)))  # exact
                    if scaled:
                        y = builder.fmul(y, e.splat(e.scalar(e.at(moved(factors, frow, i, j, 4), 4 * p))))
                    y = e.fma(y, scales[v], biases[v])
                    row.append(e.larger(y, builder.fmul(y, first)) if rectified else y)  # as no slope is above 1
                found.append(row)
            return found

        def tile(i: Any, j: Any) -> None:
            found, target = results(i, j), moved(out, orow, i, j, pixel)
            places = [(p, v) for v in range(vectors) for p in range(rows)]
            if signs:
                limits = [e.load(e.at(after, v * BYTES)) for v in range(vectors)]
                for p, v in places:
                    store_signs(e, found[p][v], limits[v], e.at(e.scaled(target, oblock, v), p * PIXEL))
                return
            with builder.if_else(builder.icmp_signed("!=", residual, e.whole(0))) as (added, plain):
                with added:
                    slope2, extra = e.splat(after), moved(residual, rrow, i, j, BYTES)
                    for p, v in places:
                        y = builder.fadd(found[p][v], e.load(e.at(e.scaled(extra, rblock, v), p * BYTES)))
                        e.store(e.larger(y, builder.fmul(y, slope2)), e.at(e.scaled(target, oblock, v), p * BYTES))
                with plain:
                    for p, v in places:
                        e.store(found[p][v], e.at(e.scaled(target, oblock, v), p * BYTES))

        def row(i: Any, _: list[Any]) -> list[Any]:
            def one(j: Any, _: list[Any]) -> list[Any]:
                tile(i, j)
                return []

            return e.loop(across, [], one)

        e.loop(down, [], row)
        return cx.get_dummy_value()

    return signature, generate


@cache
def bit_tiles(shape: Shape) -> Any:
    """The C function of tiles of a shape; the arguments are those of `_tiles` behind it."""
    rows, vectors, halves, step, scaled, signs, chained, rectified, words = shape
    whole, last = ", ".join(["int64"] * 15), "int64" if signs else "float32"

    @compiled(f"void({whole}, float32, int64, int64, int64, {last}, int64, int64, int64)")
    def tiles(links, n, offsets, down, across, a, arow, b, base, row_classes, classes, factors, frow, scale, bias,
              slope, residual, rblock, rrow, after, out, oblock, orow):
        _tiles(rows, vectors, halves, step, scaled, signs, chained, rectified, words, links, n, offsets, down, across,
               a, arow, b, base, row_classes, classes, factors, frow, scale, bias, slope, residual, rblock, rrow, after,
               out, oblock, orow)

    return tiles


@intrinsic(prefer_literal=True)
def _spread(context, vectors, target, bits, factors, count):
    """`count` times `vectors` vectors to `target`: the factor of each lane where its bit is 1, else its negative."""

    def generate(cx, builder, signature, args):
        target, bits, factors, count = args[1:]
        e, number = Emit(builder), signature.args[0].literal_value
        plus = [e.load(e.at(factors, v * BYTES)) for v in range(number)]
        minus = [builder.fneg(x) for x in plus]

        def turn(i: Any, _: list[Any]) -> list[Any]:
            source, place = e.scaled(bits, i, SIGNS * number), e.scaled(target, i, BYTES * number)
            for v in range(number):
                e.store(e.choose(e.at(source, SIGNS * v), plus[v], minus[v]), e.at(place, BYTES * v))
            return []

        e.loop(count, [], turn)
        return cx.get_dummy_value()

    return types.void(vectors, *[types.int64] * 4), generate


@cache
def spread(vectors: int) -> Any:
    """The C function that makes floats of weights of one bit: (target, bits, 16 * vectors factors, turns)."""

    @compiled("void(int64, int64, int64, int64)")
    def unpack(target, bits, factors, count):
        _spread(vectors, target, bits, factors, count)

    return unpack


@cache
def xnor() -> Any:
    """Rows `band` of `bands` of the blocks `group` of `groups` of one image.

    Arguments: weights, bytes of a block of them; table of input offsets (bytes), n; half the base sums; classes of the
    rows, of the columns (offsets in those); factor for each pixel (0: none); scale, times -2; bias; src, dst and res
    (0: none); input pixels from one output row, and column, to the next; OH, OW, blocks of filters; bands and groups
    the work is cut in; border (lead, trail) of dst; bytes of a pixel of dst; limits (0: the output is floats); the two
    slopes; the tile function, its rows and vectors; that of the last tile in a row; of chained input the links of a
    tap.
    """

    @task
    def xnor(t, thread, p):
        weights, wbytes, offsets, n, base, row_classes, classes, factors, scale, bias = ints(p, 0, 10)
        src, src_image, _, src_row = ints(p, 10, 4)
        dst, dst_image, dst_block, dst_row = ints(p, 14, 4)
        res, res_image, res_block, res_row = ints(p, 18, 4)
        sy, sx, oh, ow, blocks, bands, groups, lead, trail, limits = ints(p, 22, 10)
        slope, after = number(p, 32), number(p, 33)
        tile, rows, vectors, last_tile = ints(p, 34, 4)
        (links,) = ints(p, 38, 1)
        image, group, band = t // (groups * bands), t // bands % groups, t % bands
        row0, row1 = oh * band // bands, oh * (band + 1) // bands
        width = vectors * BYTES  # of the floats of a block of filters
        four = WORD // LANES
        for block in range(blocks * group // groups, blocks * (group + 1) // groups):
            first = block * vectors
            panel = weights + block * wbytes
            if limits != 0:  # each tile writes a part of the words
                plane = dst + image * dst_image + first // four * dst_block + first % four * 2
                if first % four == 0:
                    clear_words(plane, dst_row, ow, lead, trail, row0, row1, oh)
            else:
                plane = dst + image * dst_image + first * dst_block
                for v in range(vectors):
                    clear_edges(plane + v * dst_block, dst_row, ow, lead, trail, row0, row1, oh)
            if row0 == row1:
                continue
            sums = base + block * width
            extra = res + image * res_image + first * res_block + row0 * res_row if res != 0 else 0
            whole = ow // rows * rows
            for start in (0, whole):  # the last tile of the rows may be smaller
                across = whole // rows if start == 0 else 1
                function = tile if start == 0 else last_tile
                if start == ow or across == 0:
                    continue
                a = src + image * src_image + row0 * sy * src_row + start * sx * PIXEL
                f = factors + ((image * oh + row0) * ow + start) * 4
                if limits != 0:
                    call(function, (links, n, offsets, row1 - row0, across, a, sy * src_row, panel, sums,
                                    row_classes + row0 * 8, classes + start * 8, f, ow * 4, scale + block * width,
                                    bias + block * width, slope, np.int64(0), np.int64(0), np.int64(0),
                                    limits + block * width, plane + row0 * dst_row + start * PIXEL, np.int64(2),
                                    dst_row))
                else:
                    call(function, (links, n, offsets, row1 - row0, across, a, sy * src_row, panel, sums,
                                    row_classes + row0 * 8, classes + start * 8, f, ow * 4, scale + block * width,
                                    bias + block * width, slope, extra + start * BYTES if extra != 0 else 0, res_block,
                                    res_row, after, plane + row0 * dst_row + start * BYTES, dst_block, dst_row))

    return xnor

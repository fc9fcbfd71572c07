"""XNOR convolution on packed bits: signs of 32 channels in a word, products by xor, sums by counting ones.

With a, w in {-1, +1} and a bit for each +1, n products sum up to  n - 2 popcount(a ^ w)  (Rastegari et al., "XNOR-Net",
2016, section 3.2).  Maps of bits are those of bitmaps.py.  A tile keeps the counts of several neighbouring pixels for
16 or 32 filters in registers, 16 filters a vector, and walks over taps and channels: half a word of the map, in all
lanes, against a vector of weights, packed as (filters/(16 vectors), turns, halves, vectors, 16) words of 32 bits.  A
turn takes both halves of a word, or one where the number of halves is odd.

A zero of the padding is neither +1 nor -1.  In the map it looks like -1, so that a tap outside adds the number of its
positive weights to the count, which is known beforehand: the sum is  base - 2 count,  where `base` depends on the
filter and on which taps of the pixel lie inside (plan/binary.py makes the table).  All of this is exact in float32.

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
from darkpy.ops.cpu.bitmaps import PIXEL, SHORT, WORD, clear_words, get_word, store_signs
from darkpy.ops.cpu.direct import clear_edges
from darkpy.ops.cpu.tasks import call, compiled, ints, number, task
from darkpy.ops.cpu.tile import WIDE, has
from darkpy.ops.cpu.vector import BYTES, I8, I32, LANES, VECTOR, Emit

COUNTERS = ir.VectorType(I32, LANES)
POPCOUNT_CPUS = re.compile(r"avx512vpopcntdq|icelake|sapphirerapids|emeraldrapids|graniterapids|tigerlake|rocketlake|"
                           r"knm|znver[4-9]")
LONGEST = 31  # halves whose ones, at most 8 in each byte, a byte can count
COUNTS_WORDS = has("avx512vpopcntdq", POPCOUNT_CPUS)  # the ones of 16 words in one instruction
ROWS = (14, 13, 10, 7, 4, 2, 1) if WIDE else (4, 3, 2, 1)


class Shape(NamedTuple):
    """What a tile is compiled for.  `halves` of a word in a turn; `step` counts input pixels from one output pixel to
    the next; `scaled`: a factor for each pixel; `signs`: the result is stored as bits; `words`: ones are counted in
    words, not in bytes."""

    rows: int
    vectors: int
    halves: int = 2
    step: int = 1
    scaled: int = 0
    signs: int = 0
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

    def widened(self, counts: Any) -> Any:
        """Counters of 64 bytes added up to 16 of 32 bits."""
        b, x = self.b, self.b.bitcast(counts, COUNTERS)
        for shift, mask in ((8, 0x00FF00FF), (16, 0x0000FFFF)):
            low = ir.Constant(COUNTERS, [mask] * LANES)
            high = b.lshr(x, ir.Constant(COUNTERS, [shift] * LANES))
            x = b.add(b.and_(x, low), b.and_(high, low))
        return x


def _emit_counts(e: EmitBits, shape: Shape, n: Any, offsets: Any, a: Any, b: Any) -> list[list[Any]]:
    """popcount(a ^ w) of each pixel (row) and filter (lane of a vector)."""
    rows, vectors, halves = shape.rows, shape.vectors, shape.halves
    longest = LONGEST // halves
    kind = COUNTERS if shape.words else ir.VectorType(I8, 4 * LANES)
    zeros = [ir.Constant(kind, [0] * kind.count)] * (rows * vectors)

    def turns(first: Any, count: Any) -> list[Any]:
        def turn(i: Any, counts: list[Any]) -> list[Any]:
            counts, j = list(counts), e.b.add(first, i)
            at = e.b.add(a, e.integer(e.scaled(offsets, j, 8)))
            weights = e.scaled(b, j, halves * vectors * BYTES)
            for half in range(halves):
                w = [e.words(e.at(weights, (half * vectors + v) * BYTES), kind) for v in range(vectors)]
                for p in range(rows):
                    x = e.broadcast(e.at(at, p * shape.step * PIXEL + 4 * half), kind)
                    for v in range(vectors):
                        k = p * vectors + v
                        counts[k] = e.b.add(counts[k], e.ones(e.b.xor(x, w[v])))
            return counts

        return e.loop(count, zeros, turn)

    if shape.words:
        flat = turns(e.whole(0), n)
    else:
        def run(r: Any, sums: list[Any]) -> list[Any]:
            first = e.b.mul(r, e.whole(longest))
            left = e.b.sub(n, first)
            some = e.b.select(e.b.icmp_signed("<", left, e.whole(longest)), left, e.whole(longest))
            return [e.b.add(s, e.widened(c)) for s, c in zip(sums, turns(first, some), strict=True)]

        runs = e.b.sdiv(e.b.add(n, e.whole(longest - 1)), e.whole(longest))
        flat = e.loop(runs, [ir.Constant(COUNTERS, [0] * LANES)] * (rows * vectors), run)
    return [flat[p * vectors : (p + 1) * vectors] for p in range(rows)]


@intrinsic(prefer_literal=True)
def _tile(context, rows, vectors, halves, step, scaled, signs, words, n, offsets, a, b, base, classes, factors, scale,
          bias, slope, residual, rblock, after, out, oblock):
    """One tile of y = rectify(rectify(factor * scale * (base - 2 count) + bias, slope) + residual, after).

    Addresses are bytes as int64: `a` the first pixel's input, `b` its weights; `base` a table of 16*vectors floats for
    each class of pixels and `classes` the offset of each pixel in it; `factors` one float a pixel, if `scaled`; `scale`
    and `bias` 16*vectors floats; `residual` (0: none) and `out` the first pixel of the first block, blocks `rblock` and
    `oblock` bytes apart.  With `signs` the result is a bit for each filter instead, whether y >= after[filter] (then an
    address), and there is no residual."""
    constants = (rows, vectors, halves, step, scaled, signs, words)
    shape = Shape(*(c.literal_value for c in constants))
    rows, vectors, _, _, scaled, signs, _ = shape
    integer = types.int64
    last = integer if signs else types.float32
    signature = types.void(*constants, *[integer] * 9, types.float32, integer, integer, last, integer, integer)

    def generate(cx, builder, _, args):
        n, offsets, a, b, base, classes, factors, scale, bias, slope, residual, rblock, after, out, oblock = args[7:]
        e = EmitBits(builder)
        counts = _emit_counts(e, shape, n, offsets, a, b)
        first, two = e.splat(slope), e.constant(-2)
        scales = [e.load(e.at(scale, v * BYTES)) for v in range(vectors)]
        biases = [e.load(e.at(bias, v * BYTES)) for v in range(vectors)]
        results = []
        for p in range(rows):
            table = builder.add(base, e.integer(e.at(classes, 8 * p)))
            row = []
            for v in range(vectors):
                y = e.fma(builder.sitofp(counts[p][v], VECTOR), two, e.load(e.at(table, v * BYTES)))
                if scaled:
                    y = builder.fmul(y, e.splat(e.scalar(e.at(factors, 4 * p))))
                row.append(e.rectify(e.fma(y, scales[v], biases[v]), first))
            results.append(row)
        if signs:
            for v in range(vectors):
                limit = e.load(e.at(after, v * BYTES))
                for p in range(rows):
                    store_signs(e, results[p][v], limit, e.at(e.scaled(out, oblock, v), p * PIXEL))
            return cx.get_dummy_value()
        plain = [y for row in results for y in row]
        before = builder.block
        with builder.if_then(builder.icmp_signed("!=", residual, e.whole(0))):
            slope2 = e.splat(after)
            added = []
            for p in range(rows):
                for v in range(vectors):
                    extra = e.load(e.at(e.scaled(residual, rblock, v), p * BYTES))
                    added.append(e.rectify(builder.fadd(results[p][v], extra), slope2))
            then = builder.block
        for k, (p, v) in enumerate((p, v) for p in range(rows) for v in range(vectors)):
            y = builder.phi(VECTOR)
            y.add_incoming(plain[k], before)
            y.add_incoming(added[k], then)
            results[p][v] = y
        for p in range(rows):
            for v in range(vectors):
                e.store(results[p][v], e.at(e.scaled(out, oblock, v), p * BYTES))
        return cx.get_dummy_value()

    return signature, generate


@cache
def bit_tile(shape: Shape) -> Any:
    """The C function of a tile; the arguments are those of `_tile` behind its shape."""
    rows, vectors, halves, step, scaled, signs, words = shape
    whole, last = ", ".join(["int64"] * 9), "int64" if signs else "float32"

    @compiled(f"void({whole}, float32, int64, int64, {last}, int64, int64)")
    def tile(n, offsets, a, b, base, classes, factors, scale, bias, slope, residual, rblock, after, out, oblock):
        _tile(rows, vectors, halves, step, scaled, signs, words, n, offsets, a, b, base, classes, factors, scale, bias,
              slope, residual, rblock, after, out, oblock)

    return tile


@intrinsic(prefer_literal=True)
def _spread(context, vectors, target, bits, factors, count):
    """`count` times `vectors` vectors to `target`: the factor of each lane where its bit is 1, else its negative."""

    def generate(cx, builder, signature, args):
        target, bits, factors, count = args[1:]
        e, number = Emit(builder), signature.args[0].literal_value
        plus = [e.load(e.at(factors, v * BYTES)) for v in range(number)]
        minus = [builder.fneg(x) for x in plus]

        def turn(i: Any, _: list[Any]) -> list[Any]:
            for v in range(number):
                at = e.at(builder.add(bits, builder.mul(i, e.whole(2 * number))), 2 * v)
                word = builder.load(builder.inttoptr(at, SHORT.as_pointer()))
                chosen = builder.select(builder.bitcast(word, ir.VectorType(ir.IntType(1), LANES)), plus[v], minus[v])
                e.store(chosen, e.at(builder.add(target, builder.mul(i, e.whole(number * BYTES))), v * BYTES))
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

    Arguments: weights, bytes of a block of them; table of n input offsets (bytes), n; base sums, bytes of the sums of
    a class of rows; classes of the rows, of the columns (offsets in base); factor for each pixel (0: none); scale;
    bias; src, dst and res (0: none); input pixels from one output row, and column, to the next; OH, OW, blocks of
    filters; bands and groups the work is cut in; border (lead, trail) of dst; bytes of a pixel of dst; limits (0: the
    output is floats); the two slopes; the tile function, its rows and vectors.
    """

    @task
    def xnor(t, thread, p):
        weights, wbytes, offsets, n, base, row_classes, classes, factors, scale, bias = ints(p, 0, 10)
        src, src_image, _, src_row = ints(p, 10, 4)
        dst, dst_image, dst_block, dst_row = ints(p, 14, 4)
        res, res_image, res_block, res_row = ints(p, 18, 4)
        sy, sx, oh, ow, blocks, bands, groups, lead, trail, limits = ints(p, 22, 10)
        slope, after = number(p, 32), number(p, 33)
        tile, rows, vectors = ints(p, 34, 3)
        image, group, band = t // (groups * bands), t // bands % groups, t % bands
        row0, row1 = oh * band // bands, oh * (band + 1) // bands
        width = vectors * BYTES  # of the floats of a block of filters
        four = WORD // LANES
        for block in range(blocks * group // groups, blocks * (group + 1) // groups):
            first = block * vectors
            if limits != 0:  # each tile writes a part of the words
                plane = dst + image * dst_image + first // four * dst_block + first % four * 2
                if first % four == 0:
                    clear_words(plane, dst_row, ow, lead, trail, row0, row1, oh)
            else:
                plane = dst + image * dst_image + first * dst_block
                for v in range(vectors):
                    clear_edges(plane + v * dst_block, dst_row, ow, lead, trail, row0, row1, oh)
            for i in range(row0, row1):
                a = src + image * src_image + i * sy * src_row
                sums = base + get_word(row_classes + i * 8) + block * width
                out = plane + i * dst_row
                extra = res + image * res_image + first * res_block + i * res_row if res != 0 else 0
                for start in range(0, ow, rows):
                    j = min(start, ow - rows)  # the last tile overlaps the one before
                    f = factors + ((image * oh + i) * ow + j) * 4
                    if limits != 0:
                        call(tile, (n, offsets, a + j * sx * PIXEL, weights + block * wbytes, sums, classes + j * 8, f,
                                    scale + block * width, bias + block * width, slope, np.int64(0), np.int64(0),
                                    limits + block * width, out + j * PIXEL, np.int64(2)))
                    else:
                        call(tile, (n, offsets, a + j * sx * PIXEL, weights + block * wbytes, sums, classes + j * 8, f,
                                    scale + block * width, bias + block * width, slope,
                                    extra + j * BYTES if extra != 0 else 0, res_block, after, out + j * BYTES,
                                    dst_block))

    return xnor

"""Maps of bits: (N, C/64, H, W) words of 64 channels with a border of zeros, one word a pixel.

Here they are made, from the signs of blocked maps, and pooled; bits.py convolves them.  Who writes a map also clears
its border.  The means of |x| that XNOR-Net scales inputs with are taken here, too.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from darkpy.jit import intrinsic, njit
from darkpy.ops.cpu.tasks import get_float, get_word, ints, number, put_float, put_word, task
from darkpy.ops.cpu.vector import BYTES, F32, I32, LANES, VECTOR, Emit

WORD = 64  # channels in a word
HALF = 32  # channels in a half of it, a lane of a vector in bits.py
PIXEL = WORD // 8  # bytes
SHORT = ir.IntType(16)


def store_signs(e: Emit, y: Any, limit: Any, address: Any) -> None:
    """16 bits at an address: whether each lane is at least its limit."""
    bits = e.b.bitcast(e.b.fcmp_ordered(">=", y, limit), SHORT)
    e.b.store(bits, e.b.inttoptr(address, SHORT.as_pointer())).align = 2


@intrinsic
def put_half(context, address, value):
    """Store the lower 32 bits at an address."""

    def generate(cx, builder, _, args):
        builder.store(builder.trunc(args[1], I32), builder.inttoptr(args[0], I32.as_pointer()))
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def sign_row(context, target, source, limits, pixels):
    """Bits x >= limit of the 16 channels of a block, 2 bytes for each of a row's pixels (at least 1)."""

    def generate(cx, builder, _, args):
        target, source, limits, pixels = args
        e = Emit(builder)
        limit = e.load(limits)

        def run(start: Any, count: Any, each: int) -> None:
            def some(i: Any, _: list[Any]) -> list[Any]:
                first = builder.add(start, builder.mul(i, e.whole(each)))
                x = builder.add(source, builder.mul(first, e.whole(BYTES)))
                y = builder.add(target, builder.mul(first, e.whole(PIXEL)))
                for k in range(each):
                    store_signs(e, e.load(e.at(x, k * BYTES)), limit, e.at(y, k * PIXEL))
                return []

            with builder.if_then(builder.icmp_signed(">", count, e.whole(0))):
                e.loop(count, [], some)

        fours = builder.sdiv(pixels, e.whole(4))
        done = builder.mul(fours, e.whole(4))
        run(e.whole(0), fours, 4)
        run(done, builder.sub(pixels, done), 1)
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


@intrinsic
def mean_row(context, target, source, block, blocks, pixels, share):
    """A float for each of a row's pixels (at least 1): `share` times the sum of |x| over its blocks."""

    def generate(cx, builder, _, args):
        target, source, block, blocks, pixels, share = args
        e = Emit(builder)
        size = cgutils.get_or_insert_function(builder.module, ir.FunctionType(VECTOR, [VECTOR]), "llvm.fabs.v16f32")
        total = cgutils.get_or_insert_function(builder.module, ir.FunctionType(F32, [F32, VECTOR]),
                                               "llvm.vector.reduce.fadd.v16f32")

        def pixel(i: Any, _: list[Any]) -> list[Any]:
            first = builder.add(source, builder.mul(i, e.whole(BYTES)))
            (sums,) = e.loop(blocks, [e.constant(0)], lambda j, s: [
                builder.fadd(s[0], builder.call(size, [e.load(builder.add(first, builder.mul(j, block)))]))])
            y = builder.call(total, [ir.Constant(F32, 0.0), sums], fastmath=("reassoc",))
            place = builder.inttoptr(builder.add(target, builder.mul(i, e.whole(4))), F32.as_pointer())
            builder.store(builder.fmul(y, share), place)
            return []

        e.loop(pixels, [], pixel)
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 5, types.float32), generate


@njit
def clear_words(base, row, width, lead, trail, first, last, height):
    """Zero the border of one plane of words beside rows first..last, and above and below it where these rows touch its
    ends.  `base` is the address of pixel (0, 0), `row` the bytes of a row; `lead` pixels before, `trail` behind."""
    for i in range(-lead if first == 0 else first, height + trail if last == height else last):
        inside = 0 <= i < height
        for j in range(-lead, 0 if inside else width + trail):
            put_word(base + i * row + j * PIXEL, 0)
        if inside:
            for j in range(width, width + trail):
                put_word(base + i * row + j * PIXEL, 0)


# Arguments of the tasks below begin with maps: (address of pixel 0,0; bytes from image to image, block to block, row to
# row), four slots each; border (lead, trail) is that of the output.


@cache
def pack_signs() -> Any:
    """Band `band` of `bands` of rows of one word of an image, from a blocked map: dst, src; H, W; words; blocks of src;
    border; bands; limits of the channels (floats)."""

    @task
    def pack_signs(t, thread, p):
        dst, dst_image, dst_block, dst_row = ints(p, 0, 4)
        src, src_image, src_block, src_row = ints(p, 4, 4)
        h, w, words, blocks, lead, trail, bands, limits = ints(p, 8, 8)
        image, word, band = t // (words * bands), t // bands % words, t % bands
        row0, row1 = h * band // bands, h * (band + 1) // bands
        plane = dst + image * dst_image + word * dst_block
        four = WORD // LANES
        for i in range(row0, row1):
            out = plane + i * dst_row
            if blocks < (word + 1) * four:
                for j in range(w):
                    put_word(out + j * PIXEL, 0)
            for block in range(word * four, min(blocks, (word + 1) * four)):
                sign_row(out + block % four * 2, src + image * src_image + block * src_block + i * src_row,
                         limits + block * BYTES, w)
        clear_words(plane, dst_row, w, lead, trail, row0, row1, h)

    return pack_signs


@cache
def mean_sizes() -> Any:
    """One row of an image's means of |x| over the channels, with a border of zeros: address of y (N, H', W'); src; H,
    W, blocks; H', W', lead; 1 / channels."""

    @task
    def mean_sizes(t, thread, p):
        y, src, src_image, src_block, src_row = ints(p, 0, 5)
        h, w, blocks, high, wide, lead = ints(p, 5, 6)
        image, i = t // high, t % high - lead
        for j in range(wide):
            put_float(y + (t * wide + j) * 4, np.float32(0))
        if 0 <= i < h:
            mean_row(y + (t * wide + lead) * 4, src + image * src_image + i * src_row, src_block, blocks, w,
                     number(p, 11))

    return mean_sizes


@cache
def box_means() -> Any:
    """One row of an image of means over a window: addresses of y (N, OH, OW) and x (N, H', W'); OH, OW; H', W'; window;
    dilation; strides; 1 / window**2."""

    @task
    def box_means(t, thread, p):
        y, x, oh, ow, high, wide, window, dilation, sy, sx = ints(p, 0, 10)
        source = x + (t // oh * high + t % oh * sy) * wide * 4
        for j in range(ow):
            total = np.float32(0)
            for a in range(window):
                for b in range(window):
                    total += get_float(source + (a * dilation * wide + j * sx + b * dilation) * 4)
            put_float(y + (t * ow + j) * 4, total * number(p, 10))

    return box_means


@cache
def pool_bits() -> Any:
    """One word of an image, 1 where any pixel of a window has 1: dst, src; OH, OW; words; border; H, W; window;
    strides; pixels added in front."""

    @task
    def pool_bits(t, thread, p):
        dst, dst_image, dst_block, dst_row = ints(p, 0, 4)
        src, src_image, src_block, src_row = ints(p, 4, 4)
        oh, ow, words, lead, trail = ints(p, 8, 5)
        h, w, window, sy, sx, front = ints(p, 13, 6)
        image, word = t // words, t % words
        source = src + image * src_image + word * src_block
        plane = dst + image * dst_image + word * dst_block
        pairs = min(ow, w // 2) if window == sx == 2 and front == 0 else 0
        for i in range(oh):
            top, bottom = max(i * sy - front, 0), min(i * sy - front + window, h)
            above, below = source + top * src_row, source + (bottom - 1) * src_row
            for j in range(pairs):  # the usual window, in vectors
                at = 2 * j * PIXEL
                put_word(plane + i * dst_row + j * PIXEL, get_word(above + at) | get_word(above + at + PIXEL)
                         | get_word(below + at) | get_word(below + at + PIXEL))
            for j in range(pairs, ow):
                left, right = max(j * sx - front, 0), min(j * sx - front + window, w)
                ones = np.int64(0)
                for y in range(top, bottom):
                    for x in range(left, right):
                        ones |= get_word(source + y * src_row + x * PIXEL)
                put_word(plane + i * dst_row + j * PIXEL, ones)
        clear_words(plane, dst_row, ow, lead, trail, 0, oh, oh)

    return pool_bits


@cache
def chain() -> Any:
    """One row, with its borders, of an image of chained words (see bits.py): dst without border; src; H, W; border
    (lead, trail) of dst; halves of words.

    Word 3 i + k of a pixel is part k of link i, two words lie in each plane; then comes the last parity.  If the number
    of halves is even, it begins a plane, and the last half shares it.
    """

    @task
    def chain(t, thread, p):
        dst, dst_image, dst_block, dst_row = ints(p, 0, 4)
        src, src_image, src_block, src_row = ints(p, 4, 4)
        h, w, lead, trail, halves = ints(p, 8, 5)
        high, wide = lead + h + trail, lead + w + trail
        image, i = t // high, t % high - lead
        links = (halves - 1) // 2
        rest = 2 - halves % 2
        at = (3 * links + rest - 1) // rest * rest
        out = dst + image * dst_image + (i + lead) * dst_row
        inside = 0 <= i < h
        for plane in range((at + rest + 1) // 2):
            for j in range(lead if inside else wide):
                put_word(out + plane * dst_block + j * PIXEL, 0)
            for j in range(lead + w, wide):
                put_word(out + plane * dst_block + j * PIXEL, 0)
        for j in range(w if inside else 0):
            source, target = src + image * src_image + i * src_row + j * PIXEL, out + (lead + j) * PIXEL
            word = get_word(source)
            parity = word  # of upper halves nothing is stored
            for link in range(links):
                following, k = get_word(source + (link + 1) * src_block), 3 * link
                first, second = parity ^ word >> 32, parity ^ following
                put_half(target + (k >> 1) * dst_block + (k & 1) * 4, first)
                put_half(target + (k + 1 >> 1) * dst_block + (k + 1 & 1) * 4, second)
                put_half(target + (k + 2 >> 1) * dst_block + (k + 2 & 1) * 4, parity)
                parity, word = parity ^ first ^ second, following
            put_half(target + (at >> 1) * dst_block + (at & 1) * 4, parity)
            if rest == 2:
                put_half(target + (at >> 1) * dst_block + 4, word >> 32)

    return chain

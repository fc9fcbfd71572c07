"""Blocked maps (N, C/16, H, W, 16): conversion from and to planar arrays, pooling, upsampling, sums, copies.

A map is named by (address of pixel 0,0; bytes from image to image, block to block, row to row).  Lanes past the last
channel hold zeros, and so do the borders; every kernel here leaves its output that way.

Maps hold float32, bfloat16 or uint8 (see vector.py); a function that takes types compiles a task for them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import types

from darkpy.jit import intrinsic
from darkpy.ops.cpu.direct import clear_edges
from darkpy.ops.cpu.functions import Functions
from darkpy.ops.cpu.tasks import call, get_float, ints, number, put_float, task
from darkpy.ops.cpu.tile import BYTES, LANES, copy_vector
from darkpy.ops.cpu.vector import SIZES, Emit


@intrinsic(prefer_literal=True)
def largest(context, kind, target, source, rows, columns, row):
    """Largest vector (lane by lane) of a window of rows x columns pixels, each at least 1, to `target`."""
    stored = kind.literal_value

    def generate(cx, builder, _, args):
        _, target, source, rows, columns, row = args
        e = Emit(builder)

        def line(i, best):
            start = builder.add(source, builder.mul(i, row))
            return e.loop(columns, best, lambda j, b: [
                e.larger(e.load(builder.add(start, builder.mul(j, e.whole(LANES * SIZES[stored]))), stored), b[0])])

        (best,) = e.loop(rows, [e.constant(float(np.finfo(np.float32).min))], line)
        e.store(best, target, stored)
        return cx.get_dummy_value()

    return types.void(kind, *[types.int64] * 5), generate


@intrinsic
def add_vectors(context, target, x, y, slope):
    """rectify(x + y) of the vectors at two addresses."""

    def generate(cx, builder, _, args):
        e = Emit(builder)
        e.store(e.rectify(builder.fadd(e.load(args[1]), e.load(args[2])), e.splat(args[3])), args[0])
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.float32), generate


@intrinsic
def rectify_vector(context, target, source, slope):
    """rectify(x) of the vector at an address."""

    def generate(cx, builder, _, args):
        e = Emit(builder)
        e.store(e.rectify(e.load(args[1]), e.splat(args[2])), args[0])
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64, types.float32), generate


@intrinsic(prefer_literal=True)
def convert_vector(context, x, y, target, source, factor, summand):
    """A vector of type x times a number plus another, as type y."""
    stored_x, stored_y = x.literal_value, y.literal_value

    def generate(cx, builder, _, args):
        _, _, target, source, factor, summand = args
        e = Emit(builder)
        value = builder.fmul(e.load(source, stored_x), e.splat(factor))
        if "uint8" in (stored_x, stored_y):
            value = builder.fadd(value, e.splat(summand))
        e.store(value, target, stored_y)
        return cx.get_dummy_value()

    return types.void(x, y, types.int64, types.int64, types.float32, types.float32), generate


@intrinsic
def transpose_in(context, target, source, plane):
    """16 pixels of 16 planes (`plane` bytes apart) to 16 vectors of channels."""

    def generate(cx, builder, _, args):
        target, source, plane = args
        e = Emit(builder)
        rows = [e.load(e.scaled(source, plane, c)) for c in range(LANES)]
        for vector, row in enumerate(e.transposed(rows)):
            e.store(row, e.at(target, vector * BYTES))
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def transpose_out(context, target, source, plane, channels, pixels, table):
    """Vectors of channels of up to 16 pixels to rows of up to 16 planes (`plane` bytes apart).

    `table` (0: none) is the address of three vectors: where the first is 1 the logistic is taken; the others are a
    factor and a summand.  Vectors of more pixels than there are may be read."""

    def generate(cx, builder, _, args):
        target, source, plane, channels, pixels, table = args
        e = Functions(builder)

        def put(rows: list[Any]) -> None:
            mask = e.below(pixels)
            for c, row in enumerate(e.transposed(rows)):
                with builder.if_then(builder.icmp_signed(">", channels, e.whole(c))):
                    e.store_some(row, e.scaled(target, plane, c), mask)

        rows = [e.load(e.at(source, p * BYTES)) for p in range(LANES)]
        with builder.if_else(builder.icmp_signed("!=", table, e.whole(0))) as (activated, plain):
            with activated:
                some, factor, summand = (e.load(e.at(table, i * BYTES)) for i in range(3))
                taken = builder.fcmp_ordered(">", some, e.constant(0))
                put([e.fma(builder.select(taken, e.logistic(x), x), factor, summand) for x in rows])
            with plain:
                put(rows)
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 6), generate


# Arguments of the tasks below begin with maps: (address of pixel 0,0; bytes from image to image, block to block, row to
# row), four slots each.  All but from_blocked are given the border (lead, trail) of their output, and those for several
# types last of all what stands for 0 in it.


@cache
def to_blocked() -> Any:
    """One block of an image, from planar: dst; address of x; C, H, W; blocks; border."""

    @task
    def to_blocked(t, thread, p):
        dst, dst_image, dst_block, dst_row = ints(p, 0, 4)
        x, c, h, w, blocks, lead, trail = ints(p, 4, 7)
        image, block = t // blocks, t % blocks
        plane = dst + image * dst_image + block * dst_block
        source = x + (image * c + block * LANES) * h * w * 4
        full = block * LANES + LANES <= c
        for i in range(h):
            j = 0
            while full and j + LANES <= w:
                transpose_in(plane + i * dst_row + j * BYTES, source + (i * w + j) * 4, h * w * 4)
                j += LANES
            for k in range(j, w):
                for lane in range(LANES):
                    v = np.float32(0)
                    if block * LANES + lane < c:
                        v = get_float(source + (lane * h * w + i * w + k) * 4)
                    put_float(plane + i * dst_row + k * BYTES + 4 * lane, v)
        clear_edges(plane, dst_row, w, lead, trail, 0, h, h)

    return to_blocked


@cache
def from_blocked() -> Any:
    """One block of an image, to planar: src; address of y; C, H, W; blocks; tables of `transpose_out`, one for each
    block (0: none)."""

    @task
    def from_blocked(t, thread, p):
        src, src_image, src_block, src_row = ints(p, 0, 4)
        y, c, h, w, blocks, tables = ints(p, 4, 6)
        image, block = t // blocks, t % blocks
        plane = src + image * src_image + block * src_block
        target = y + (image * c + block * LANES) * h * w * 4
        table = tables + block * 3 * BYTES if tables != 0 else 0
        for i in range(h):
            for j in range(0, w, LANES):
                transpose_out(target + (i * w + j) * 4, plane + i * src_row + j * BYTES, h * w * 4, c - block * LANES,
                              w - j, table)

    return from_blocked


@cache
def pad_planar() -> Any:
    """One row of a padded planar array (P, H', W'): addresses of y and x; H, W; H', W'; lead."""

    @task
    def pad_planar(t, thread, p):
        y, x, h, w, high, wide, lead = ints(p, 0, 7)
        plane, i = t // high, t % high - lead
        target = y + t * wide * 4
        inside = w if 0 <= i < h else 0  # pixels of the image in this row
        before = lead if inside else wide
        source = x + (plane * h + i) * w * 4
        for j in range(before):
            put_float(target + j * 4, np.float32(0))
        whole = inside - inside % LANES
        for j in range(0, whole, LANES):
            copy_vector(target + (lead + j) * 4, source + j * 4)
        for j in range(whole, inside):
            put_float(target + (lead + j) * 4, get_float(source + j * 4))
        for j in range(before + inside, wide):
            put_float(target + j * 4, np.float32(0))

    return pad_planar


@cache
def maxpool(kind: str) -> Any:
    """One block of an image: dst, src; OH, OW; blocks; border; H, W; window; strides; pixels added in front;
    zero."""
    pixel = LANES * SIZES[kind]

    @task
    def maxpool(t, thread, p):
        dst, dst_image, dst_block, dst_row = ints(p, 0, 4)
        src, src_image, src_block, src_row = ints(p, 4, 4)
        oh, ow, blocks, lead, trail = ints(p, 8, 5)
        h, w, window, sy, sx, front, zero = ints(p, 13, 7)
        image, block = t // blocks, t % blocks
        source = src + image * src_image + block * src_block
        plane = dst + image * dst_image + block * dst_block
        for i in range(oh):
            top, bottom = max(i * sy - front, 0), min(i * sy - front + window, h)
            for j in range(ow):
                left, right = max(j * sx - front, 0), min(j * sx - front + window, w)
                largest(kind, plane + i * dst_row + j * pixel, source + top * src_row + left * pixel, bottom - top,
                        right - left, src_row)
        clear_edges(plane, dst_row, ow, lead, trail, 0, oh, oh, pixel, zero)

    return maxpool


@cache
def upsample(x: str, y: str) -> Any:
    """One block of an image: dst, src; OH, OW; blocks; border; stride; factor, summand; zero."""
    xpixel, ypixel = LANES * SIZES[x], LANES * SIZES[y]

    @task
    def upsample(t, thread, p):
        dst, dst_image, dst_block, dst_row = ints(p, 0, 4)
        src, src_image, src_block, src_row = ints(p, 4, 4)
        oh, ow, blocks, lead, trail, stride = ints(p, 8, 6)
        factor, summand, zero = number(p, 14), number(p, 15), ints(p, 16, 1)[0]
        image, block = t // blocks, t % blocks
        source = src + image * src_image + block * src_block
        plane = dst + image * dst_image + block * dst_block
        for i in range(oh):
            for j in range(ow):
                convert_vector(x, y, plane + i * dst_row + j * ypixel,
                               source + i // stride * src_row + j // stride * xpixel, factor, summand)
        clear_edges(plane, dst_row, ow, lead, trail, 0, oh, oh, ypixel, zero)

    return upsample


@cache
def add() -> Any:
    """One row of a block of an image of dst = rectify(a + b): dst, a, b; H, W; blocks; border; how many blocks, rows
    and columns of a have a partner, and b's pixels from one partner to the next; slope."""

    @task
    def add(t, thread, p):
        dst, dst_image, dst_block, dst_row = ints(p, 0, 4)
        a, a_image, a_block, a_row = ints(p, 4, 4)
        b, b_image, b_block, b_row = ints(p, 8, 4)
        h, w, blocks, lead, trail = ints(p, 12, 5)
        shared, rows, columns, stride = ints(p, 17, 4)
        slope = number(p, 21)
        image, block, i = t // (blocks * h), t // h % blocks, t % h
        x = a + image * a_image + block * a_block + i * a_row
        y = b + image * b_image + block * b_block + i * stride * b_row
        plane = dst + image * dst_image + block * dst_block
        out = plane + i * dst_row
        end = columns if block < shared and i < rows else 0
        for j in range(end):
            add_vectors(out + j * BYTES, x + j * BYTES, y + j * stride * BYTES, slope)
        for j in range(end, w):
            rectify_vector(out + j * BYTES, x + j * BYTES, slope)
        clear_edges(plane, dst_row, w, lead, trail, i, i + 1, h)

    return add


@cache
def activate() -> Any:
    """One row of a block of an image: dst, src; H, W; blocks; border; the function."""

    @task
    def activate(t, thread, p):
        dst, dst_image, dst_block, dst_row = ints(p, 0, 4)
        src, src_image, src_block, src_row = ints(p, 4, 4)
        h, w, blocks, lead, trail, function = ints(p, 8, 6)
        image, block, i = t // (blocks * h), t // h % blocks, t % h
        plane = dst + image * dst_image + block * dst_block
        call(function, (plane + i * dst_row, src + image * src_image + block * src_block + i * src_row, w))
        clear_edges(plane, dst_row, w, lead, trail, i, i + 1, h)

    return activate


@cache
def copy(x: str, y: str) -> Any:
    """One row of a block of an image: dst, src; H, W; blocks; border; factor, summand; zero."""
    xpixel, ypixel = LANES * SIZES[x], LANES * SIZES[y]

    @task
    def copy(t, thread, p):
        dst, dst_image, dst_block, dst_row = ints(p, 0, 4)
        src, src_image, src_block, src_row = ints(p, 4, 4)
        h, w, blocks, lead, trail = ints(p, 8, 5)
        factor, summand, zero = number(p, 13), number(p, 14), ints(p, 15, 1)[0]
        image, block, i = t // (blocks * h), t // h % blocks, t % h
        source = src + image * src_image + block * src_block + i * src_row
        plane = dst + image * dst_image + block * dst_block
        for j in range(w):
            convert_vector(x, y, plane + i * dst_row + j * ypixel, source + j * xpixel, factor, summand)
        clear_edges(plane, dst_row, w, lead, trail, i, i + 1, h, ypixel, zero)

    return copy

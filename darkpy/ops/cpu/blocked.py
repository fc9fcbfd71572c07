"""Blocked maps (N, C/16, H, W, 16): conversion from and to planar arrays, pooling, upsampling, sums, copies.

A map is named by (address of pixel 0,0; bytes from image to image, block to block, row to row).  Lanes past the last
channel hold zeros, and so do the borders; every kernel here leaves its output that way.
"""

from __future__ import annotations

import numpy as np
from numba import types

from darkpy.jit import intrinsic, njit, prange
from darkpy.ops.cpu.direct import clear_edges
from darkpy.ops.cpu.tile import BYTES, LANES, copy_vector
from darkpy.ops.cpu.vector import F32, Emit


@intrinsic
def get_float(context, address):
    """The float at an address."""

    def generate(cx, builder, _, args):
        return Emit(builder).scalar(args[0])

    return types.float32(types.int64), generate


@intrinsic
def put_float(context, address, value):
    """Store a float at an address."""

    def generate(cx, builder, _, args):
        builder.store(args[1], builder.inttoptr(args[0], F32.as_pointer())).align = 4
        return cx.get_dummy_value()

    return types.void(types.int64, types.float32), generate


@intrinsic
def largest(context, target, source, rows, columns, row):
    """Largest vector (lane by lane) of a window of rows x columns pixels, each at least 1, to `target`."""

    def generate(cx, builder, _, args):
        target, source, rows, columns, row = args
        e = Emit(builder)

        def line(i, best):
            start = builder.add(source, builder.mul(i, row))
            return e.loop(columns, best, lambda j, b: [
                e.larger(e.load(builder.add(start, builder.mul(j, e.whole(BYTES)))), b[0])])

        (best,) = e.loop(rows, [e.constant(float(np.finfo(np.float32).min))], line)
        e.store(best, target)
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


@intrinsic
def add_vectors(context, target, x, y, slope):
    """rectify(x + y) of the vectors at two addresses."""

    def generate(cx, builder, _, args):
        e = Emit(builder)
        e.store(e.rectify(builder.fadd(e.load(args[1]), e.load(args[2])), e.splat(args[3])), args[0])
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.float32), generate


@intrinsic
def scale_vector(context, target, source, factor):
    """A vector times a number."""

    def generate(cx, builder, _, args):
        e = Emit(builder)
        e.store(builder.fmul(e.load(args[1]), e.splat(args[2])), args[0])
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64, types.float32), generate


@intrinsic
def transpose_in(context, target, source, plane):
    """16 pixels of 16 planes (`plane` bytes apart) to 16 vectors of channels."""

    def generate(cx, builder, _, args):
        from llvmlite import ir

        target, source, plane = args
        e = Emit(builder)
        rows = [e.load(e.scaled(source, plane, c)) for c in range(LANES)]
        for vector, row in enumerate(_transposed(builder, ir, rows)):
            e.store(row, e.at(target, vector * BYTES))
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def transpose_out(context, target, source, plane):
    """16 vectors of channels to 16 pixels of 16 planes (`plane` bytes apart)."""

    def generate(cx, builder, _, args):
        from llvmlite import ir

        target, source, plane = args
        e = Emit(builder)
        rows = [e.load(e.at(source, p * BYTES)) for p in range(LANES)]
        for c, row in enumerate(_transposed(builder, ir, rows)):
            e.store(row, e.scaled(target, plane, c))
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


def _transposed(builder, ir, rows):
    """16 vectors transposed, by exchanging ever larger halves between pairs."""
    distance = 1
    while distance < LANES:
        mask = [(i, LANES + i - distance)[bool(i & distance)] for i in range(LANES)]
        other = [(i + distance, LANES + i)[bool(i & distance)] for i in range(LANES)]
        kind = ir.VectorType(ir.IntType(32), LANES)
        new = list(rows)
        for i in range(LANES):
            if not i & distance:
                a, b = rows[i], rows[i + distance]
                new[i] = builder.shuffle_vector(a, b, ir.Constant(kind, mask))
                new[i + distance] = builder.shuffle_vector(a, b, ir.Constant(kind, other))
        rows = new
        distance *= 2
    return rows


@njit(parallel=True)
def to_blocked(x, shape, dst, border):
    """Planar x (address) of `shape` (N, C, H, W) to a blocked map."""
    n, c, h, w = shape
    blocks = (c + LANES - 1) // LANES
    for task in prange(n * blocks):
        t = np.int64(task)
        image, block = t // blocks, t % blocks
        plane = dst[0] + image * dst[1] + block * dst[2]
        source = x + (image * c + block * LANES) * h * w * 4
        full = block * LANES + LANES <= c
        for i in range(h):
            j = 0
            while full and j + LANES <= w:
                transpose_in(plane + i * dst[3] + j * BYTES, source + (i * w + j) * 4, h * w * 4)
                j += LANES
            for k in range(j, w):
                for lane in range(LANES):
                    v = np.float32(0)
                    if block * LANES + lane < c:
                        v = get_float(source + (lane * h * w + i * w + k) * 4)
                    put_float(plane + i * dst[3] + k * BYTES + 4 * lane, v)
        clear_edges(plane, dst[3], w, border[0], border[1], 0, h, h)


@njit(parallel=True)
def from_blocked(y, shape, src):
    """A blocked map to planar y (address) of `shape` (N, C, H, W)."""
    n, c, h, w = shape
    blocks = (c + LANES - 1) // LANES
    for task in prange(n * blocks):
        t = np.int64(task)
        image, block = t // blocks, t % blocks
        plane = src[0] + image * src[1] + block * src[2]
        target = y + (image * c + block * LANES) * h * w * 4
        full = block * LANES + LANES <= c
        for i in range(h):
            j = 0
            while full and j + LANES <= w:
                transpose_out(target + (i * w + j) * 4, plane + i * src[3] + j * BYTES, h * w * 4)
                j += LANES
            for k in range(j, w):
                for lane in range(min(LANES, c - block * LANES)):
                    put_float(target + (lane * h * w + i * w + k) * 4,
                              get_float(plane + i * src[3] + k * BYTES + 4 * lane))


@njit(parallel=True)
def pad_planar(y, x, lead):
    """y (P, H+..., W+...) <- x (P, H, W) at (lead, lead), zeros around it."""
    planes, h, w = x.shape
    for task in prange(planes * y.shape[1]):
        t = np.int64(task)
        p, i = t // y.shape[1], t % y.shape[1] - lead
        y[p, i + lead, :] = 0
        if 0 <= i < h:
            y[p, i + lead, lead : lead + w] = x[p, i]


@njit(parallel=True)
def maxpool(src, dst, images, blocks, in_size, size, window, stride, front, border):
    h, w = in_size
    oh, ow = size
    for task in prange(images * blocks):
        t = np.int64(task)
        image, block = t // blocks, t % blocks
        source = src[0] + image * src[1] + block * src[2]
        plane = dst[0] + image * dst[1] + block * dst[2]
        for i in range(oh):
            top, bottom = max(i * stride[0] - front, 0), min(i * stride[0] - front + window, h)
            for j in range(ow):
                left, right = max(j * stride[1] - front, 0), min(j * stride[1] - front + window, w)
                largest(plane + i * dst[3] + j * BYTES, source + top * src[3] + left * BYTES, bottom - top,
                        right - left, src[3])
        clear_edges(plane, dst[3], ow, border[0], border[1], 0, oh, oh)


@njit(parallel=True)
def upsample(src, dst, images, blocks, size, stride, factor, border):
    """size (H, W) of the input."""
    h, w = size
    for task in prange(images * blocks):
        t = np.int64(task)
        image, block = t // blocks, t % blocks
        source = src[0] + image * src[1] + block * src[2]
        plane = dst[0] + image * dst[1] + block * dst[2]
        for i in range(h * stride):
            for j in range(w * stride):
                scale_vector(plane + i * dst[3] + j * BYTES, source + i // stride * src[3] + j // stride * BYTES,
                             np.float32(factor))
        clear_edges(plane, dst[3], w * stride, border[0], border[1], 0, h * stride, h * stride)


@njit(parallel=True)
def add(a, b, dst, images, blocks, size, slope, border):
    """dst = rectify(a + b)."""
    h, w = size
    for task in prange(images * blocks * h):
        t = np.int64(task)
        image, block, i = t // (blocks * h), t // h % blocks, t % h
        x = a[0] + image * a[1] + block * a[2] + i * a[3]
        y = b[0] + image * b[1] + block * b[2] + i * b[3]
        plane = dst[0] + image * dst[1] + block * dst[2]
        for j in range(w):
            add_vectors(plane + i * dst[3] + j * BYTES, x + j * BYTES, y + j * BYTES, np.float32(slope))
        clear_edges(plane, dst[3], w, border[0], border[1], i, i + 1, h)


@njit(parallel=True)
def copy(src, dst, images, blocks, size, border):
    """Blocks of one map into another."""
    h, w = size
    for task in prange(images * blocks * h):
        t = np.int64(task)
        image, block, i = t // (blocks * h), t // h % blocks, t % h
        source = src[0] + image * src[1] + block * src[2] + i * src[3]
        plane = dst[0] + image * dst[1] + block * dst[2]
        for j in range(w):
            copy_vector(plane + i * dst[3] + j * BYTES, source + j * BYTES)
        clear_edges(plane, dst[3], w, border[0], border[1], i, i + 1, h)



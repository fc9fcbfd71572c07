"""Between planar maps (N, C, H, W) and strips: a few rows of 16 channels, a pixel's channels side by side.

The kernels of training read and write planar arrays, but compute on vectors of 16 channels.  Each takes the rows it
needs into a strip that stays in its cache.  Reads and writes are masked: they touch nothing outside the array.
"""

from __future__ import annotations

from numba import types

from darkpy.jit import intrinsic, njit
from darkpy.ops.cpu.direct import clear_row
from darkpy.ops.cpu.tile import BYTES, LANES
from darkpy.ops.cpu.vector import Emit


@intrinsic
def load_pixels(context, target, apart, source, plane, pixels, channels):
    """`pixels` (at most 16) floats of `channels` (at most 16) planes, `plane` bytes apart, to 16 vectors of a pixel's
    channels, `apart` bytes apart; what is missing is 0."""

    def generate(cx, builder, _, args):
        target, apart, source, plane, pixels, channels = args
        e = Emit(builder)
        rows = []
        for c in range(LANES):
            there = builder.select(builder.icmp_signed("<", e.whole(c), channels), pixels, e.whole(0))
            rows.append(e.load_some(e.scaled(source, plane, c), e.below(there)))
        for p, row in enumerate(e.transposed(rows)):
            e.store(row, e.scaled(target, apart, p))
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 6), generate


@intrinsic
def store_pixels(context, target, source, plane, pixels, channels):
    """The first `channels` lanes of `pixels` vectors to planes, `plane` bytes apart: the way back of load_pixels."""

    def generate(cx, builder, _, args):
        target, source, plane, pixels, channels = args
        e = Emit(builder)
        rows = e.transposed([e.load(e.at(source, p * BYTES)) for p in range(LANES)])
        for c, row in enumerate(rows):
            there = builder.select(builder.icmp_signed("<", e.whole(c), channels), pixels, e.whole(0))
            e.store_some(row, e.scaled(target, plane, c), e.below(there))
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


@njit
def load_rows(strip, pitch, x, channels, height, width, first, rows, left):
    """Rows first..first+rows of at most 16 channels of a planar map at x to a strip with `pitch` pixels a row, behind
    `left` pixels of zeros.  Pixels outside the map are 0.  Up to 15 pixels behind the strip are written to."""
    for i in range(rows):
        out = strip + i * pitch * BYTES
        if 0 <= first + i < height:
            source = x + (first + i) * width * 4
            clear_row(out, left)
            for j in range(0, width, LANES):
                load_pixels(out + (left + j) * BYTES, BYTES, source + j * 4, height * width * 4, min(LANES, width - j),
                            channels)
            clear_row(out + (left + width) * BYTES, pitch - left - width)
        else:
            clear_row(out, pitch)


@njit
def store_rows(y, channels, height, width, first, rows, strip, pitch):
    """Rows first..first+rows of at most 16 channels of a planar map at y from a strip; reads up to 15 pixels behind
    its rows."""
    for i in range(rows):
        for j in range(0, width, LANES):
            store_pixels(y + ((first + i) * width + j) * 4, strip + (i * pitch + j) * BYTES, height * width * 4,
                         min(LANES, width - j), channels)

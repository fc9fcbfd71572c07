"""Weights for words of several channels: bfloat16, or int8 with a scale for each filter.

Packed as (blocks of 16*vectors filters, taps, groups of 4 words of channels, 4, 16*vectors, channels in a word).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from darkpy.jit import intrinsic
from darkpy.ops.cpu.tasks import arguments, get_float, ints, run, task
from darkpy.ops.cpu.tile import DEPTH
from darkpy.ops.cpu.vector import F32, I8, I64, SIZES, BFloat

LARGEST = 127  # of an int8 weight
PER_WORD = {kind: 4 // size for kind, size in SIZES.items()}  # channels


@intrinsic(prefer_literal=True)
def put_weight(context, kind, address, value):
    """Store a float as a weight: as it is, as bfloat16 or as int8; gives the whole number that was stored, else 0."""
    stored = kind.literal_value

    def generate(cx, builder, _, args):
        _, address, value = args
        number, whole = value, ir.Constant(I64, 0)
        if stored == "bfloat16":
            number = builder.fptrunc(value, BFloat())
        elif stored == "uint8":
            near = builder.call(builder.module.declare_intrinsic("llvm.nearbyint", [F32]), [value])
            whole = builder.fptosi(near, I64)
            number = builder.trunc(whole, I8)
        builder.store(number, builder.inttoptr(address, number.type.as_pointer())).align = 1
        return whole

    return types.int64(kind, types.int64, types.float32), generate


@cache
def pack_task(kind: str) -> Any:
    """One block of filters: addresses of packed, w, factor and the sums of each filter's weights (int32); F, C, taps,
    groups, width of a block."""
    per, size = PER_WORD[kind], SIZES[kind]

    @task
    def pack(t, thread, p):
        packed, w, factor, sums, filters, channels, taps, groups, width = ints(p, 0, 9)
        for lane in range(width):
            o = t * width + lane
            scale = get_float(factor + o * 4) if o < filters else np.float32(0)
            total = 0
            for tap in range(taps):
                for i in range(groups * DEPTH * per):
                    v = np.float32(0)
                    if o < filters and i < channels:
                        v = get_float(w + ((o * channels + i) * taps + tap) * 4) * scale
                        if size == 1:  # no whole number stands for a NaN
                            v = min(max(v, np.float32(-LARGEST)), np.float32(LARGEST)) if v == v else np.float32(0)
                    word = ((t * taps + tap) * groups * DEPTH + i // per) * width + lane
                    total += put_weight(kind, packed + (word * per + i % per) * size, v)
            put_sum(sums + o * 4, total)

    return pack


@intrinsic
def put_sum(context, address, value):
    """Store a whole number as int32."""

    def generate(cx, builder, _, args):
        whole = ir.IntType(32)
        builder.store(builder.trunc(args[1], whole), builder.inttoptr(args[0], whole.as_pointer())).align = 4
        return cx.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def groups_of(channels: int, kind: str) -> int:
    """Groups of 4 words that hold so many channels."""
    return -(-channels // (DEPTH * PER_WORD[kind]))


def scales(w: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Unit (F,) of the int8 weights of each filter of w (F, C, K, K) times its factor; the largest is 127 of them."""
    largest = np.abs(w.reshape(len(w), -1)).max(axis=1) * np.abs(factor)
    return np.where((largest > 0) & np.isfinite(largest), largest / LARGEST, 1).astype(np.float32)


def pack(packed: np.ndarray, w: np.ndarray, factor: np.ndarray, kind: str) -> np.ndarray:
    """Weights w (F, C, K, K) times a factor per filter, rounded; missing filters and channels are 0.

    packed: (blocks, K*K, groups, 4, filters in a block, channels in a word), uint16 or int8.  Returns the sum of the
    int8 weights of each filter."""
    f, c, k, _ = w.shape
    blocks, _, groups, _, width, _ = packed.shape
    sums = np.zeros(blocks * width, np.int32)
    factor = np.ascontiguousarray(factor, np.float32)
    slots = arguments(packed.ctypes.data, w.ctypes.data, factor.ctypes.data, sums.ctypes.data, f, c, k * k, groups,
                      width)
    run(blocks, pack_task(kind).address, slots.ctypes.data)
    return sums

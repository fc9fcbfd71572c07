"""2x2 pools of what a convolution has just computed, while it is in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from darkpy.jit import intrinsic
from darkpy.ops.cpu.vector import BYTES, Emit


@intrinsic
def pool_pairs(context, target, source, row, pixels):
    """`pixels` vectors at `target`: each the largest, lane by lane, of 2x2 at `source`, rows `row` bytes apart.

    As in the max pool of a map, a NaN gives way."""

    def generate(cx, builder, _, args):
        target, source, row, pixels = args
        e = Emit(builder)
        below = builder.add(source, row)

        def pixel(j: Any, _: list[Any]) -> list[Any]:
            best = e.constant(float(np.finfo(np.float32).min))
            for line in (source, below):
                for k in range(2):
                    best = e.larger(e.load(e.at(e.scaled(line, j, 2 * BYTES), k * BYTES)), best)
            e.store(best, e.scaled(target, j, BYTES))
            return []

        e.loop(pixels, [], pixel)
        return cx.get_dummy_value()

    return types.void(*[types.int64] * 4), generate

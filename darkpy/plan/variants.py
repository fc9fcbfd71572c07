"""All kernels a plan may be made of, so that they can be compiled beforehand.

A plan asks for a kernel by its constants; these are all a plan in float32 asks for, binary layers of unusual
widths aside, as long as no convolution has a stride above 2, and the first one is 3x3, 7x7 with stride 2, 11x11 with
stride 4, or direct.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from darkpy.ops.cpu import bitmaps, bits, blocked, direct, functions, heads, stem, transforms, winograd
from darkpy.ops.cpu.tile import DEPTH, ROWS, VECTORS, WIDE, Shape, tile_function
from darkpy.plan.choose import FRESH, TILES

PLAIN = (direct.direct, direct.pack_task, winograd.by_tiles, winograd.by_filters, winograd.by_fresh_filters,
         winograd.expand, winograd.pack_task, blocked.activate, blocked.add, blocked.copy, blocked.from_blocked,
         blocked.maxpool, blocked.pad_planar, blocked.to_blocked, blocked.upsample, bitmaps.box_means, bitmaps.chain,
         bitmaps.mean_sizes, bitmaps.pack_signs, bitmaps.pool_bits, bits.xnor, heads.softmax_groups, stem.stem)
TYPES: dict[Any, int] = {winograd.pack_task: 1, blocked.maxpool: 1, blocked.copy: 2, blocked.upsample: 2}  # they take


def variants() -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    """(group, function, arguments): the call gives the kernel, compiled or found in the cache."""
    for rows in ROWS:
        group = f"convolutions in tiles of {rows}"
        for vectors, (depth, step) in product(sorted({1, VECTORS}), ((1, 1), (1, 2), (1, 4), (DEPTH, 1), (DEPTH, 2))):
            yield group, tile_function, (Shape(rows, vectors, depth, step),)
        for step, taps in ((1, 1), (1, 9), (2, 9), (1, 25)):
            yield group, tile_function, (Shape(rows, 1, 1, step, depthwise=taps),)
    for vectors in sorted({1, VECTORS}):
        yield "binary weights", bits.spread, (vectors,)
    for (tile, strided), vectors in product([*((m, 0) for m in {*TILES, *FRESH}), (4, 1)], sorted({1, VECTORS})):
        yield "binary weights", transforms.fresh_weights, (tile, strided, vectors, 1)
    group = "binary convolutions"  # the usual ones: maps of 13, 14, 26 ... pixels a row
    usual = ((7, VECTORS, 0), (13, VECTORS, 0), (14, VECTORS, 0), (3, 1, 1), (7, 1, 1), (13, 1, 1), (14, 1, 1))
    for (rows, vectors, chained), halves, signs, bent in product(usual, (1, 2), (0, 1), (0, 1)):
        shape = bits.Shape(rows, vectors, halves, signs=signs, chained=chained, rectified=bent)
        yield group, bits.bit_tiles, (shape,)
    group = "Winograd's algorithm"
    for rows, vectors in product(ROWS, sorted({1, VECTORS})):
        yield group, tile_function, (Shape(rows, vectors, epilogue=0),)
    for tile in {*TILES, *FRESH}:
        yield group, transforms.tile_transforms, (tile, 0, *["float32"] * 3)
    yield group, transforms.tile_transforms, (4, 1, *["float32"] * 3)
    for tile, vectors in product(FRESH, sorted({1, VECTORS})):
        yield group, transforms.fresh_weights, (tile, 0, vectors, 0)
    for (size, stride), pooled in product(((3, 1), (7, 2), (11, 4)), (0, 1) if WIDE else ()):
        yield "first convolutions", stem.functions, (size, stride, pooled, "float32")
    for function in PLAIN:
        yield "other layers", function, ("float32",) * TYPES.get(function, 0)
    for kind in functions.FUNCTIONS:
        yield "activations", functions.function, (kind,)

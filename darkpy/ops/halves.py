"""The layout of a map in half precision on a GPU: (N, H, W, words), two channels in each word, eight moved at once."""

from __future__ import annotations

WORD = "uint32"  # the dtype of such a map
EIGHT = 8  # channels of a pixel are filled up with zeros to a multiple of it


def words(channels: int) -> int:
    """Of a pixel."""
    return -(-channels // EIGHT) * EIGHT // 2


def map_shape(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """That of a planar map (N, C, H, W) in halves."""
    n, c, h, w = shape
    return n, h, w, words(c)

"""Sizes and counts: as the user writes and reads them, and as the library takes them."""

from __future__ import annotations

from darkpy import cfg
from darkpy.netconfig import SIDE


def side(text: str) -> int | tuple[int, int]:
    """`416` as a side, `640x384` (width x height, as people write it) as (height, width).  Raises ValueError."""
    parts = [cfg.convert(part, int, {"low": 1, "high": SIDE}) for part in text.lower().split("x")]
    if len(parts) > 2:
        raise ValueError("must be a side as in 416, or width x height as in 640x384")
    return (parts[1], parts[0]) if len(parts) == 2 else parts[0]


def count(n: int, what: str) -> str:
    """`no errors`, `1 error`, `2 errors`."""
    return f"{n or 'no'} {what}{'' if n == 1 else 's'}"

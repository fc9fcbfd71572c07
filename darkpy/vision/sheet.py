"""A contact sheet: pictures in a grid on white, each with a line of text under it, and a title."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK, FAINT, FRAME = (30, 30, 30), (110, 110, 110), (200, 200, 200)
GAP = 12  # pixels between tiles


def sheet(tiles: Sequence[np.ndarray], labels: Sequence[str], columns: int, title: str = "", note: str = "",
          font_size: int = 13) -> np.ndarray:
    """One picture uint8 (H, W, 3) of `tiles`, each uint8 (h, w, 3).  Smaller tiles stand on the text, centred."""
    columns = max(1, min(columns, len(tiles)))
    heights = [max(t.shape[0] for t in tiles[at : at + columns]) for at in range(0, len(tiles), columns)]
    small, large = ImageFont.load_default(font_size), ImageFont.load_default(round(font_size * 1.5))
    line = round(font_size * 1.5) if any(labels) else 0
    across = max([t.shape[1] for t in tiles] + [round(small.getlength(text)) for text in labels])
    head = (round(font_size * 2.2) if title else 0) + (line or font_size if note else 0)
    width = max(columns * (across + GAP) + GAP, round(max(large.getlength(title), small.getlength(note))) + 2 * GAP)
    page = Image.new("RGB", (width, head + sum(h + line + GAP for h in heights) + GAP), "white")
    draw = ImageDraw.Draw(page)
    if title:
        draw.text((GAP, GAP / 2), title, INK, large)
    if note:
        draw.text((GAP, GAP / 2 + font_size * 2), note, FAINT, small)
    for i, (tile, text) in enumerate(zip(tiles, labels, strict=True)):
        x = GAP + i % columns * (across + GAP)
        down = heights[i // columns]
        y = head + GAP + sum(h + line + GAP for h in heights[: i // columns])
        h, w = tile.shape[:2]
        left, top = x + (across - w) // 2, y + down - h
        draw.rectangle((left - 1, top - 1, left + w, top + h), outline=FRAME)
        page.paste(Image.fromarray(tile), (left, top))
        draw.text((x + across / 2, y + down + line / 2), text, FAINT, small, anchor="mm")
    return np.asarray(page)

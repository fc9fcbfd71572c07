"""The chart of a training: loss by batch and, where the net was validated, its score."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

from darkpy.atomic import replacing
from darkpy.errors import DataError

POINTS = 2000  # drawn at most of a curve


def draw(path: str | Path, title: str, curve: Sequence[tuple[int, float, float]],
         scores: Sequence[tuple[int, float]], score: str = "score") -> None:
    """`curve`: batch, loss, average; `scores`: batch, score from 0 to 1.  Raises DataError."""
    from matplotlib.figure import Figure

    figure = Figure((8, 4.5), layout="constrained")
    axes = figure.subplots()
    some = curve[:: math.ceil(len(curve) / POINTS)] if curve else []
    batches = [batch for batch, _, _ in some]
    axes.plot(batches, [loss for _, loss, _ in some], color="#9db4d3", linewidth=0.8, label="loss")
    axes.plot(batches, [average for _, _, average in some], color="#30507a", linewidth=1.8, label="average")
    high = sorted(loss for _, loss, _ in some)
    if high and high[0] > 0 and high[-1] > 20 * high[len(high) // 2]:
        axes.set_yscale("log")  # the first batches would flatten all others
    axes.set(xlabel="batch", ylabel="loss", title=title)
    axes.grid(alpha=0.3)
    lines = list(axes.lines)
    if scores:
        right = axes.twinx()
        lines += right.plot(*zip(*((b, 100 * s) for b, s in scores), strict=True), "o-", color="#d1495b", markersize=4,
                            label=f"{score} [%]")
        best = max(scores, key=lambda point: point[1])
        right.annotate(f"{100 * best[1]:.1f} %", (best[0], 100 * best[1]), (0, 6), textcoords="offset points",
                       ha="center", color="#d1495b")
        right.set(ylabel=f"{score} [%]", ylim=(0, 105))
    axes.legend(handles=lines, frameon=False, loc="center right")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    with replacing(path, DataError) as file:
        file.write(content.getbuffer())

"""Pictures of an evaluation: precision against recall, the confusion matrix, kinds of errors."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkpy.atomic import replacing
from darkpy.errors import DataError
from darkpy.evaluation.breakdown import KINDS
from darkpy.evaluation.curves import envelope
from darkpy.tasks.detect import make_folder
from darkpy.tasks.evaluate import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 30  # classes drawn each; of more, those with the most objects
COLOURS = ("#3b8c5a", "#e0a52e", "#7a6fb0", "#4f7fb5", "#c8553d")  # of the KINDS


def save(report: Report, folder: str | Path, points: int = 0) -> list[Path]:
    """Write pr_curves.png, confusion.png and errors.png into a folder, made where needed.  Raises DataError."""
    make_folder(Path(folder))
    written = []
    for name, draw in (("pr_curves", curves), ("confusion", confusion), ("errors", errors)):
        target = Path(folder) / f"{name}.png"
        content = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in letters the font lacks shows as boxes
            draw(report, points).savefig(content, format="png", dpi=110)
        with replacing(target, DataError) as file:
            file.write(content.getbuffer())
        written.append(target)
    return written


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    return figure, figure.subplots()


def drawn(report: Report) -> list[int]:
    """The classes with objects, in order; of many those with the most."""
    order = np.argsort(-report.objects, kind="stable")[:MOST]
    return sorted(int(k) for k in order if report.objects[k])


def label(text: str) -> str:
    """A class name as it is: without matplotlib's formulas between dollars, and not too long."""
    return (text if len(text) <= 24 else text[:23] + "…").replace("$", r"\$")


def curves(report: Report, points: int) -> Figure:
    """Best precision at each recall, by class, and the mean."""
    from matplotlib import colormaps

    figure, axes = canvas(8.5, 5.5)
    chosen = drawn(report)
    levels = np.linspace(0, 1, 501)
    heights = []
    for i, k in enumerate(chosen):
        c = report.voc.curves[k]
        colour = colormaps["turbo"](0.06 + 0.88 * i / max(len(chosen) - 1, 1))
        best = envelope(c.precision)
        x, y = np.r_[0, c.recall], np.r_[best[:1] if len(best) else 0, best]
        axes.step(x, y, where="pre", color=colour, linewidth=1.3, label=f"{c.ap(points):.3f}  {label(report.names[k])}")
        heights.append(np.r_[best, 0][np.searchsorted(c.recall, levels)])
    if heights:
        axes.plot(levels, np.mean(heights, axis=0), color="black", linewidth=2.4,
                  label=f"{report.voc.mean_ap(points):.3f}  mean")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8, frameon=False,
                    ncols=1 + len(chosen) // 20)
    axes.set(xlim=(0, 1.005), ylim=(0, 1.02), xlabel="recall", ylabel="precision",
             title=f"Average precision at an IoU of {report.iou_thresh:g}, {report.images:,} images")
    axes.grid(alpha=0.3)
    return figure


def confusion(report: Report, points: int) -> Figure:
    """Each row in parts of its objects; background has none, so its row shows parts of all that was found there."""
    chosen = [*drawn(report), len(report.names)]
    part = report.confusion[np.ix_(chosen, chosen)]
    share = part / np.maximum(part.sum(axis=1, keepdims=True), 1)
    n = len(chosen)
    figure, axes = canvas(3.2 + 0.42 * n, 2.6 + 0.42 * n)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = [*(label(report.names[k]) for k in chosen[:-1]), "background"]
    axes.set(xticks=range(n), yticks=range(n), yticklabels=names, xlabel="found", ylabel="true",
             title=f"confidence > {report.thresh:g}, IoU ≥ {report.iou_thresh:g}")
    axes.set_xticks(range(n), names, rotation=45, ha="right", rotation_mode="anchor")
    for i in range(n):
        for j in range(n):
            if part[i, j]:
                axes.text(j, i, f"{part[i, j]}", ha="center", va="center", fontsize=8 if n < 12 else 6,
                          color="white" if share[i, j] > 0.55 else "black")
    return figure


def errors(report: Report, points: int) -> Figure:
    """Kinds of the most confident detections, by class and for all."""
    chosen = [k for k in drawn(report) if report.errors[k].sum()]
    rows = np.stack([*(report.errors[k] for k in chosen), report.errors.sum(axis=0)])
    share = 100 * rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    names = [*(label(report.names[k]) for k in chosen), "all classes"]
    figure, axes = canvas(8.5, 1.8 + 0.32 * len(names))
    left = np.zeros(len(names))
    for kind, colour, width in zip(KINDS, COLOURS, share.T, strict=True):
        axes.barh(range(len(names)), width, left=left, color=colour, label=kind, height=0.74)
        for i, w in enumerate(width):
            if w >= 6:
                axes.text(left[i] + w / 2, i, f"{w:.0f}", ha="center", va="center", fontsize=8, color="white")
        left += width
    axes.set(yticks=range(len(names)), yticklabels=names, xlim=(0, 100), xlabel="% of the most confident detections")
    axes.invert_yaxis()
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=5, fontsize=8, frameon=False)
    return figure

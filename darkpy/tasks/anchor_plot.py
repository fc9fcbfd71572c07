"""The clusters of anchors as a picture, after Figure 2 of the YOLOv2 paper."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from darkpy.atomic import replacing
from darkpy.errors import DataError, UsageError
from darkpy.tasks.anchors import Clusters

ENDINGS = (".png", ".svg", ".pdf")
DOTS = 20_000  # boxes drawn at most


def draw(path: str | Path, shapes: np.ndarray, ious: dict[int, float], found: Clusters, width: int, height: int
         ) -> None:
    """Mean IoU against the number of clusters, the boxes coloured by cluster, and the anchors on each other.

    `ious` are means by k; `shapes` (n, 2) the boxes of `found`.  Raises UsageError for an unknown ending, DataError.
    """
    ending = check_ending(path)
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    k = len(found.shapes)
    colours = [colormaps["turbo"](0.06 + 0.88 * i / max(k - 1, 1)) for i in range(k)]
    figure = Figure((13, 4.2), layout="constrained")
    curve, cloud, frames = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))

    curve.plot(list(ious), [100 * v for v in ious.values()], "o-", color="#30507a", markersize=4)
    curve.plot([k], [100 * found.iou], "o", color="#d1495b", markersize=9, zorder=3)
    curve.annotate(f"k={k}: {100 * found.iou:.1f} %", (k, 100 * found.iou), (8, -14), textcoords="offset points")
    curve.set(xlabel="number of clusters", ylabel="average IoU [%]", title=f"{len(shapes):,} boxes")
    curve.xaxis.get_major_locator().set_params(integer=True)
    curve.grid(alpha=0.3)

    some = np.random.default_rng(0).permutation(len(shapes))[:DOTS]
    sizes, anchors = shapes * (width, height), found.shapes * (width, height)
    cloud.scatter(*sizes[some].T, s=5, c=[colours[m] for m in found.members[some].tolist()], alpha=0.45, linewidths=0)
    cloud.scatter(*anchors.T, s=70, marker="X", c=colours, edgecolors="black", linewidths=0.8)
    cloud.set(xlabel="width [pixels]", ylabel="height [pixels]", title="boxes and their clusters", xlim=0, ylim=0)
    cloud.grid(alpha=0.3)

    for (w, h), colour in reversed(list(zip(anchors.tolist(), colours, strict=True))):
        frames.add_patch(Rectangle((-w / 2, -h / 2), w, h, facecolor=(*colour[:3], 0.12), edgecolor=colour,
                                   linewidth=2.2, label=f"{w:.0f} x {h:.0f}"))
    reach = 0.55 * anchors.max()
    frames.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=f"anchors at {width} x {height}",
               xticks=[], yticks=[])
    frames.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))

    content = io.BytesIO()
    figure.savefig(content, format=ending[1:], dpi=120)
    with replacing(path, DataError) as file:
        file.write(content.getbuffer())


def check_ending(path: str | Path) -> str:
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"{path}: a plot is written as {', '.join(ENDINGS)}")
    return ending

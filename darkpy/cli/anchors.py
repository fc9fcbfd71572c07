"""`darkpy anchors`, `darkpy detector calc_anchors`: box shapes to begin with, from a data set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from darkpy import cfg
from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.sizes import side
from darkpy.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from darkpy.build import Graph

MAX_K = 1000


def run(args: Args) -> int:
    size = args.size or 416
    height, width = size if isinstance(size, tuple) else (size, size)
    graph = None
    if args.cfg:
        from darkpy.build import build

        graph = build(cfg.read(args.cfg), size=args.size, lax=True)
        if len(graph.input_shape) != 3:
            raise UsageError(f"{args.cfg}: its input is not an image")
        _, height, width = graph.input_shape
    return cluster(args, width, height, graph)


def calc(args: Args) -> int:
    args.cfg, args.k, args.upto = None, args.num_of_clusters, args.num_of_clusters
    args.stride, args.starts, args.seed, args.stretch, args.plot, args.json = 32, 10, 0, True, None, False
    return cluster(args, args.width, args.height, None)


def cluster(args: Args, width: int, height: int, graph: Graph | None) -> int:
    from darkpy.tasks import anchors as task
    from darkpy.tasks.anchor_plot import check_ending, draw

    if args.plot:
        check_ending(args.plot)

    def progress(parts: Iterable[np.ndarray], total: int) -> Iterable[np.ndarray]:
        return console.progress(parts, total, "reading labels")

    shapes = task.read_shapes(args.data, width, height, fit=not args.stretch, progress=progress)
    found = task.kmeans(shapes, args.k, args.seed, args.starts)
    ious = {args.k: found.iou}
    upto = min(max(args.upto, args.k), len({tuple(shape) for shape in shapes.tolist()}))
    for k in console.progress(range(1, upto + 1), upto, "clustering"):
        if k != args.k:
            ious[k] = task.kmeans(shapes, k, args.seed, args.starts).iou
    ious = dict(sorted(ious.items()))
    own = task.anchors_of(graph) if graph else None
    own_iou = None if own is None else task.mean_iou(shapes, own)
    if args.plot:
        draw(args.plot, shapes, ious, found, width, height)
    if args.json:
        print(json.dumps({"boxes": len(shapes), "width": width, "height": height, "iou": found.iou,
                          "anchors": (found.shapes * (width, height)).round(3).tolist(), "by_k": ious,
                          "cfg_iou": own_iou}, indent=1))
        return 0
    print(f"{len(shapes)} boxes in an input of {width}x{height}")
    if len(ious) > 1:
        print("  k  average IoU")
        for k, iou in ious.items():
            print(f"{k:3}  {100 * iou:.2f} %")
    if own is not None and own_iou is not None:
        print(f"{args.cfg}: its {len(own)} anchors have an average IoU of {100 * own_iou:.2f} %")
    print(f"{args.k} anchors, average IoU {100 * found.iou:.2f} %")
    print(f"[yolo]    num={args.k}  {found.pixels(width, height)}")
    print(f"[region]  num={args.k}  {found.cells(width, height, args.stride)}")
    return 0


K = "anchors to find"
DATA = Arg("data", ".data file; the boxes of train= count")
COMMANDS = [
    Command(("anchors",), "find anchors for a data set: k-means with 1 - IoU as distance", run, [DATA],
            [Opt("-k", K, int, 5, low=1, high=MAX_K),
             Opt("-size", "the net's input in pixels, 416 by default: a side, or WIDTHxHEIGHT", side, metavar="N|WxH"),
             Opt("-cfg", "take the size from this network, and compare with its anchors", str, metavar="FILE"),
             Opt("-upto", "also print the average IoU of 1, 2 ... so many anchors", int, 15, low=1, high=MAX_K),
             Opt("-stride", "pixels in one cell of [region]'s map", int, 32, low=1, high=1024),
             Opt("-starts", "of how many random starts the best counts", int, 10, low=1, high=1000),
             Opt("-seed", "for these", int, 0, low=0),
             Opt("-stretch", "images are stretched to the input, as in forks, not letterboxed"),
             Opt("-plot", "draw the clusters (.png, .svg, .pdf)", str, metavar="FILE"), Opt("-json", "all as JSON")],
            group="Train and measure",
            more="Prints the line for [yolo], in pixels of the input, and for [region], in cells of its map."),
    Command(("detector", "calc_anchors"), "as anchors, in the words of a fork, which stretches images", calc, [DATA],
            [Opt("-num_of_clusters", K, int, 5, low=1, high=MAX_K),
             Opt("-width", "of the input", int, 416, low=1, high=1 << 16),
             Opt("-height", "of the input", int, 416, low=1, high=1 << 16),
             Opt("-show", "no window is opened", accepted=True)],
            group="As in Darknet"),
]

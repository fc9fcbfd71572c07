"""`darkpy visualize` and `darkpy imtest`: pictures of filters and of image operations."""

from __future__ import annotations

from darkpy.cli.args import Arg, Args, Command, Opt


def run_visualize(args: Args) -> int:
    from darkpy.tasks.visualize import visualize

    visualize(args.cfg, args.weights, args.out, args.layer)
    print(args.out)
    return 0


def run_imtest(args: Args) -> int:
    from darkpy.tasks.detect import check_outputs
    from darkpy.tasks.imtest import imtest

    check_outputs([args.out], [args.image])
    imtest(args.image, args.out)
    print(args.out)
    return 0


COMMANDS = [
    Command(("visualize",), "the filters of a convolutional layer as a picture", run_visualize,
            [Arg("cfg", "network description"),
             Arg("weights", "its weights; without them the starting values are shown", required=False)],
            [Opt("-out", "picture to write, .png or .jpg", str, "filters.png", metavar="FILE"),
             Opt("-layer", "number of the layer; by default the first convolution", int, low=0)],
            group="Networks and weights"),
    Command(("imtest",), "what the image operations make of a picture, as one sheet", run_imtest,
            [Arg("image", "a picture")],
            [Opt("-out", "picture to write, .png or .jpg", str, "imtest.png", metavar="FILE")],
            group="As in Darknet"),
]

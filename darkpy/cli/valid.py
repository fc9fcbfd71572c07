"""`detector valid`: result files for VOC, COCO and ImageNet.  `classifier valid` and, with other views of the images,
`validmulti` and so on: top-1 and top-k accuracy.  `classifier csv`, `label`, `test`, `fout`: a classifier's answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from darkpy import cfg
from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.classify import top_of
from darkpy.cli.detect import CFG, Failures
from darkpy.cli.map import DARKNET, FIT, MODEL, fit_of, open_for, watch
from darkpy.cli.models import open_model
from darkpy.cli.sizes import count
from darkpy.errors import DataError


def detector(args: Args) -> int:
    from darkpy import datafile
    from darkpy.datasets.paths import images_of
    from darkpy.tasks.evaluate import NMS, THRESH
    from darkpy.tasks.result_files import KINDS, open_results

    data = datafile.read(args.data, lax=args.lax)
    kind = args.eval or data.config.eval
    if kind not in KINDS:
        raise DataError(f"{data.section.place('eval')}: eval={cfg.clip(kind)}: unknown form of results: "
                        f"{', '.join(KINDS)} are known")
    fit = fit_of(args)
    images = list(dict.fromkeys(images_of(data, "valid").images))
    model, names, nodes = open_for(args, data)
    files = open_results(kind, data.config.results, args.out, names)
    failed = Failures()
    number = {image: i for i, image in enumerate(images, 1)}
    thresh, nms = args.thresh if args.thresh is not None else THRESH, args.nms if args.nms is not None else NMS
    results = model.detect(images, thresh, nms, batch=args.batch, letterbox=fit, on_error=failed, nodes=nodes)
    done = 0
    for result in watch(results, len(images)):
        files.add(number[result.path or ""], result)
        done += 1
    written = files.write()
    more = f" and {len(written) - 1} more" if len(written) > 1 else ""
    console.note(f"detections in {count(done, 'image')}: {written[0]}{more}")
    return failed.status


def classifier(view: str, resizes: bool = False) -> Callable[[Args], int]:
    """The command that measures by a view of `tasks.views`."""
    return lambda args: accuracy(args, view, resizes)


def accuracy(args: Args, view: str, resizes: bool) -> int:
    from darkpy import datafile
    from darkpy.classifier import Classifier
    from darkpy.tasks import views
    from darkpy.tasks.top_k import TopK, top_k

    data = datafile.read(args.data, lax=args.lax)
    model = open_model(partial(Classifier, resizes=resizes), args)
    failed = Failures()
    total, states = top_k(model, data, top_of(args), args.batch, failed, getattr(views, view))
    state = TopK(0)
    for latest in watch(states, total):
        state = latest
    if not state.images:
        raise DataError("none of the images could be read: nothing can be measured")
    found = state.to_dict()
    if args.json:
        print(json.dumps(found))
    else:
        more = f", top {state.k}: {100 * found['topk_accuracy']:.2f} %" if state.k > 1 else ""
        print(f"{count(state.images, 'image')}: top 1: {100 * found['top1_accuracy']:.2f} %{more}")
    return failed.status


def answers(view: str, form: str) -> Callable[[Args], int]:
    """The command that writes a line for each image of test=, or of a list."""
    return lambda args: lines(args, view, form)


def lines(args: Args, view: str, form: str) -> int:
    from darkpy import datafile
    from darkpy.classifier import Classifier, likeliest
    from darkpy.datasets.paths import images_of, read_list
    from darkpy.tasks import views

    data = datafile.read(args.data, lax=args.lax)
    listed = getattr(args, "list", None)
    images = (read_list(listed) if listed else images_of(data, "test")).images
    model = open_model(Classifier, args)
    failed = Failures()
    top = top_of(args) if form == "indexes" else 0
    for i, p in watch(views.predict(model, images, getattr(views, view), args.batch, failed), len(images)):
        if form == "name":
            print(model.names[likeliest(p, 1)[0]])
        else:
            cells = likeliest(p, top) if form == "indexes" else [f"{v:g}" for v in p]
            print(images[i], *cells, sep="\t")
    return failed.status


DATA = Arg("data", ".data file with valid=, eval= and results=")
DETECTOR = [
    Opt("-out", "what names of files begin with, in place of comp4_det_test_, coco_results, imagenet-detection; with "
                "a / in it also the folder, in place of results=", str, metavar="NAME"),
    Opt("-eval", "form of the files, in place of eval= (voc)", str, words=("voc", "coco", "imagenet"),
        metavar="voc|coco|imagenet"),
    Opt("-thresh", "least confidence of a detection, .005 by default", float, low=0, high=1),
    Opt("-nms", "of two boxes of a class that overlap more only the better stays, .45 by default; 0: all", float, low=0,
        high=1),
    *FIT, *MODEL, *DARKNET,
]
CLASSIFIER = [
    Opt("-top", "the true class may be among so many: 5 by default, or the top= of the .data file", int, low=1,
        high=1 << 20, also=("-t",)),
    Opt("--json", "as JSON"), *MODEL,
]
ANSWERS = [o for o in CLASSIFIER if o.name != "--json"]
MEASURED = "Where a net sees several views of an image, its answers are added up."
COMMANDS = [
    Command(("detector", "valid"), "write detections in the files that VOC, COCO or ImageNet evaluate", detector,
            [DATA, *CFG], DETECTOR, "As in Darknet",
            "An image that cannot be read is reported, the others are still done, and the exit status is 4."),
    *(Command(("classifier", word), help, classifier(view, resizes),
              [Arg("data", ".data file with valid= and labels="), *CFG], CLASSIFIER, "As in Darknet", MEASURED)
      for word, view, resizes, help in (
          ("valid", "middle", False, "top-1 and top-k accuracy"),
          ("validcrop", "stretched", False, "as valid, images stretched to the net's input"),
          ("valid10", "ten", False, "as valid, by ten windows of each image"),
          ("validfull", "whole", True, "as valid, by whole images, their shorter side as long as the input's"),
          ("validmulti", "scales", True, "as valid, by whole images at four sizes, also mirrored"))),
    *(Command(("classifier", word), help, answers(view, form),
              [Arg("data", ".data file with test="), *CFG], ANSWERS if form == "indexes" else MODEL, "As in Darknet")
      for word, view, form, help in (
          ("csv", "letterbox", "indexes", "for each image of test= its path and likeliest classes, by number"),
          ("label", "cut", "name", "for each image of test= the name of its likeliest class"),
          ("test", "stretched", "all", "for each image of test= its path and the probabilities of all classes"))),
    Command(("classifier", "fout"), "for each image of a list its path and the probabilities of all classes",
            answers("cut", "all"), [Arg("data", ".data file"), *CFG, Arg("list", "file with a path a line")], MODEL,
            "As in Darknet"),
]

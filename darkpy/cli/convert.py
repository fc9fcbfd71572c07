"""`darkpy convert`: annotations of VOC, COCO or CSV, and CIFAR's files, into Darknet's labels, lists and .data file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.sizes import count
from darkpy.errors import UsageError

if TYPE_CHECKING:
    from darkpy.datasets.annotations import Annotated


def voc(args: Args) -> int:
    from darkpy.datasets.voc import read

    return finish(args, read(args.folder))


def coco(args: Args) -> int:
    from darkpy.datasets.coco import read

    files = {"train": (args.file, args.images)}
    if args.valid:
        files["valid"] = (args.valid, args.valid_images or args.images)
    return finish(args, read(files))


def table(args: Args) -> int:
    from darkpy.datasets.tables import read

    return finish(args, read(args.file, args.images))


def cifar(args: Args) -> int:
    from darkpy.tasks.convert import convert_cifar

    data, counts = convert_cifar(args.folder, args.out)
    for name, images in counts.items():
        print(f"{name}.txt: {count(images, 'image')}")
    print(data)
    return 0


def finish(args: Args, found: Annotated) -> int:
    from darkpy.tasks.convert import VALID, Options, convert, names_from

    names = names_from(args.names) if args.names else None
    options = Options(names, args.difficult, args.copy, args.relative, args.valid_share or 0.0, args.seed)
    if args.relative and not args.copy:
        raise UsageError("--relative is for folders that can be moved: it needs --copy")
    made = convert(found, args.out, options)
    for name, images in made.lists.items():
        use = " (train=)" if name == made.train else " (valid=)" if name == made.test else ""
        print(f"{name}.txt: {count(images, 'image')}{use}")
    for name in made.names:
        print(f"{name}: {made.objects[name]}")
    for reason, objects in made.left_out.items():
        console.note(f"left out: {count(objects, 'object')} {reason}")
    if made.test is None:
        console.note(f"no list to measure on ({', '.join(VALID)}): --valid-share .1 takes a tenth of the images")
    if made.misleading:
        console.note(f"{made.data.parent}: the path contains {made.misleading!r}: the original Darknet would not find "
                     "the labels (darkpy does)")
    print(made.data)
    return 0


OUT = Arg("out", "folder to be made")
OPTIONS = [
    Opt("-names", "file of class names: these classes in this order, others are left out", str, metavar="FILE"),
    Opt("-difficult", "what becomes of objects marked as difficult (COCO: crowds): drop or keep", str, "drop",
        words=("drop", "keep")),
    Opt("--copy", "copy the images instead of linking to them"),
    Opt("--relative", "lists relative to the folder, which can then be moved (with --copy)"),
    Opt("--valid-share", "where there is one list only: the share of images to measure on", float, low=0, high=1),
    Opt("-seed", "for the choice of these images", int, 0, low=0),
]
IMAGES = Opt("-images", "folder of the images, if they do not lie beside the file", str, metavar="FOLDER")
MORE = ("Makes OUT/images, OUT/labels, lists, OUT.names and OUT.data, complete or not at all. The original Darknet "
        "can use them too. Prints the number of objects of each class, and the .data file.")
GROUP = "Train and measure"

COMMANDS = [
    Command(("convert", "voc"), "a data set in Pascal VOC's form into Darknet's", voc,
            [Arg("folder", "folder with Annotations, JPEGImages and perhaps ImageSets/Main"), OUT], OPTIONS, GROUP,
            MORE + " Of the lists in ImageSets/Main, trainval or train is learned from, test or val measured on."),
    Command(("convert", "coco"), "a data set in COCO's form into Darknet's", coco,
            [Arg("file", "annotations in JSON"), OUT],
            [IMAGES, Opt("-valid", "annotations to measure on", str, metavar="FILE"),
             Opt("-valid-images", "folder of their images, if it is another", str, metavar="FOLDER"), *OPTIONS],
            GROUP, MORE),
    Command(("convert", "csv"), "a table of boxes, or of images and classes, into Darknet's form", table,
            [Arg("file", "image,xmin,ymin,xmax,ymax,class in pixels; a first row may name columns in any order"), OUT],
            [IMAGES, *OPTIONS], GROUP,
            MORE + " With columns image and class alone, a classifier's data set is made."),
    Command(("convert", "cifar"), "the binary files of CIFAR-10 into images and lists", cifar,
            [Arg("folder", "cifar-10-batches-bin"), OUT], [], GROUP,
            "Makes OUT/images with the class in each name, train.txt, test.txt, labels.txt and OUT.data, for darkpy "
            "train OUT/OUT.data cfg/cifar.cfg."),
]

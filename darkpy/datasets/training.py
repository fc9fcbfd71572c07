"""What a network is to be trained on: its loss layer says which truth it takes, its [net] how images are changed."""

from __future__ import annotations

from darkpy.build import Graph
from darkpy.datafile import DataFile
from darkpy.datasets.augment import Colours, Windows
from darkpy.datasets.classification import ByFile, ByPath, ClassificationSet, check_labels
from darkpy.datasets.detection import BoxTruth, DetectionSet, GridTruth
from darkpy.datasets.loader import Loader, Samples
from darkpy.datasets.paths import ImageList, images_of
from darkpy.datasets.regression import RegressionSet
from darkpy.datasets.segmentation import ClassMaps, Instances, SegmentationSet
from darkpy.datasets.sizes import Sizes
from darkpy.errors import DataError, ModelError
from darkpy.layers import Layer
from darkpy.layers.base import flat
from darkpy.network import Network
from darkpy.vision.names import read_names
from darkpy.vision.textfile import show
from darkpy.vision.tree import Tree

HEADS = ("yolo", "region", "detection")


def heads_of(net: Network | Graph) -> list[Layer]:
    return [layer for layer in net.layers if layer.kind in HEADS]


def is_detector(net: Network | Graph) -> bool:
    return bool(heads_of(net))


def last_loss(net: Network | Graph) -> Layer | None:
    return next((layer for layer in reversed(net.layers) if layer.is_loss), None)


def is_segmenter(net: Network | Graph, data: DataFile | None = None) -> bool:
    """Whether the net learns from masks: it ends in [iseg], or its loss is that of a map (whose classes `data` does
    not look for in paths or label files)."""
    loss = last_loss(net)
    if loss is None or is_detector(net):
        return False
    if loss.kind == "iseg":
        return True
    if data is not None and (data.config.labels or data.config.tag):
        return False
    shape = loss.in_shapes[0]
    by_pixel = loss.kind in ("cost", "logistic") or getattr(loss.config, "spatial", False)
    return by_pixel and len(shape) == 3 and shape[1:] != (1, 1)


def training_set(net: Network, data: DataFile, key: str = "train", chance: bool = True, numbers: bool = False
                 ) -> Samples:
    """The images of `train=` (or another key) with the truth this network takes.

    `chance`: images are changed at random as [net] and the head ask for; False gives each as it is.  `numbers`: the
    net learns the numbers of label files.
    Raises DataError, and ModelError for a net that cannot be trained on images with labels.
    """
    if len(net.input_shape) != 3:
        raise ModelError(f"{net.graph.path}: its input is {net.input_shape[0]} numbers, not an image")
    images = images_of(data, key)
    if numbers:
        return regression_set(net, data, images, chance)
    if is_detector(net):
        return detection_set(net, images, chance)
    if is_segmenter(net, data):
        return segmentation_set(net, data, images, chance)
    return classification_set(net, data, images, chance)


def colours_of(net: Network) -> Colours:
    return Colours(net.config.hue, net.config.saturation, net.config.exposure)


def detection_set(net: Network, images: ImageList, chance: bool) -> DetectionSet:
    heads = heads_of(net)
    c = heads[-1].config
    kinds = {head.kind for head in heads}
    if len(kinds) > 1:
        raise ModelError(f"{net.graph.path}: it has {' and '.join(sorted(kinds))} heads, which take different truths")
    truth: BoxTruth | GridTruth
    if heads[-1].kind == "detection":
        truth = GridTruth(c.side, c.classes)
    else:
        truth = BoxTruth(max(head.config.max for head in heads), getattr(c, "coords", 4))
    # a map= leads from the classes of the label files to those of the head
    classes = len(getattr(heads[-1], "labels", ())) or c.classes
    return DetectionSet(images, classes, truth, c.jitter if chance else None, colours_of(net),
                        net.config.flip)


def classification_set(net: Network, data: DataFile, images: ImageList, chance: bool) -> ClassificationSet:
    loss = need_loss(net)
    classes = flat(loss.in_shapes[0])
    check_classes(net, data, classes, "numbers")
    labels: ByPath | ByFile = ByFile(classes)
    if not data.config.tag:
        path = data.find("labels")
        names = read_names(path)[:classes]
        if len(names) < classes:
            raise DataError(f"{show(path)}: {len(names)} labels for {classes} classes: give one for each")
        check_labels(names, show(path))
        labels = ByPath(names)
    tree = Tree.read(data.find("tree")) if data.config.tree else getattr(loss, "tree", None)
    if tree is not None and len(tree) != classes:
        raise DataError(f"{data.section.place('tree')}: the tree has {len(tree)} nodes, but {net.graph.path} ends with "
                        f"{classes} numbers")
    return ClassificationSet(images, classes, labels, windows_of(net) if chance else None, colours_of(net), tree)


def need_loss(net: Network) -> Layer:
    loss = last_loss(net)
    if loss is None:
        raise ModelError(f"{net.graph.path}: it has no loss layer: it cannot be trained on a list of images")
    return loss


def check_classes(net: Network, data: DataFile, classes: int, what: str) -> None:
    if data.config.classes not in (None, classes):
        raise DataError(f"{data.section.place('classes')}: classes={data.config.classes}, but {net.graph.path} ends "
                        f"with {classes} {what}")


def segmentation_set(net: Network, data: DataFile, images: ImageList, chance: bool) -> SegmentationSet:
    loss = need_loss(net)
    c, map_h, map_w = loss.in_shapes[0]
    _, h, w = net.input_shape
    shrink = w // map_w
    if (shrink * map_w, shrink * map_h) != (w, h):
        raise ModelError(f"{net.graph.path}: its output of {map_w}x{map_h} does not divide its input of {w}x{h}: "
                         "change width= and height= so that it does")
    truth: ClassMaps | Instances = ClassMaps(c, shrink)
    if loss.kind == "iseg":
        truth = Instances(loss.config.classes, shrink)
    check_classes(net, data, truth.classes, "maps of classes")
    return SegmentationSet(images, truth, (h, w), windows_of(net) if chance else None, colours_of(net))


def regression_set(net: Network, data: DataFile, images: ImageList, chance: bool) -> RegressionSet:
    count = flat(need_loss(net).in_shapes[0])
    check_classes(net, data, count, "numbers")
    return RegressionSet(images, count, windows_of(net) if chance else None, colours_of(net))


def windows_of(net: Network) -> Windows:
    c = net.config
    return Windows(c.min_ratio or 1.0, c.max_ratio or 1.0, c.angle, c.aspect, c.center, c.flip)


def sizes_of(net: Network, seed: int = 0) -> Sizes:
    """Input sizes of a training: `random=1` of the last head, or in [net] for classifiers, varies them."""
    heads = heads_of(net)
    config = heads[-1].config if heads else net.config
    random = config.random and not (heads and heads[-1].kind == "detection")  # which has another use for the word
    random = random and not is_segmenter(net)  # whose truth has the size of the input
    height, width = net.input_shape[1:]
    return Sizes((height, width), random, not heads, net.config.max_batches, seed)


def training_loader(net: Network, data: DataFile, seed: int = 0, start: int = 0, workers: int | None = None,
                    chance: bool = True, numbers: bool = False) -> Loader:
    """Batches of `net.batch` images for `net.train_step`; where sizes vary, the net must be resized to the batch's.

    `start`: images given before (the `cursor` of a loader), as a training that goes on begins there.
    """
    sizes = sizes_of(net, seed)
    images = net.batch * net.config.subdivisions
    samples = training_set(net, data, chance=chance, numbers=numbers)
    return Loader(samples, net.input_shape[0], lambda p: sizes(p // images), net.batch, seed, start, workers=workers)

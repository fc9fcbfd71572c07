"""The published weights that belong to the stock networks: where they lie and how a copy is known to be whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

# The author's site under its present name, then the old one, which most texts still name
SITES = ("https://data.pjreddie.com/files/", "https://pjreddie.com/media/files/")
HEADERS = (16, 20)  # bytes before the numbers: the count of images had 4 bytes before version 0.2 of Darknet, then 8


@dataclass(frozen=True)
class Model:
    """One .weights file.

    `numbers`: parameters in it, which follow from `cfg` (of its first `layers` layers, where not all).  `sha256` stands
    only where independent sources agree on it; the other files are known by their exact size.
    """

    file: str  # below a site
    cfg: str
    numbers: int
    what: str
    sha256: str = ""
    layers: int | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes the file may have."""
        return tuple(header + 4 * self.numbers for header in HEADERS)

    @property
    def urls(self) -> list[str]:
        return [site + self.file for site in SITES]


_COCO = "detector, COCO, 80 classes"
_VOC = "detector, PASCAL VOC, 20 classes"
_IMAGENET = "classifier, ImageNet, 1000 classes"

_ALL = [
    Model("yolov3.weights", "yolov3.cfg", 62001757, _COCO,
          "523e4e69e1d015393a1b0a441cef1d9c7659e3eb2d7e15f793f060a21b32f297"),
    Model("yolov3-spp.weights", "yolov3-spp.cfg", 63052381, _COCO,
          "87a1e8c85c763316f34e428f2295e1db9ed4abcec59dd9544f8052f50de327b4"),
    Model("yolov3-tiny.weights", "yolov3-tiny.cfg", 8858734, _COCO,
          "dccea06f59b781ec1234ddf8d1e94b9519a97f4245748a7d4db75d5b7080a42c"),
    Model("yolov3-openimages.weights", "yolov3-openimages.cfg", 64807342, "detector, Open Images, 601 classes"),
    Model("yolov2.weights", "yolov2.cfg", 50983561, _COCO,
          "d9945162ed6f54ce1a901e3ec537bdba4d572ecae7873087bd730e5a7942df3f"),
    Model("yolov2-tiny.weights", "yolov2-tiny.cfg", 11237145, _COCO),
    Model("yolov2-voc.weights", "yolov2-voc.cfg", 50676061, _VOC),
    Model("yolov2-tiny-voc.weights", "yolov2-tiny-voc.cfg", 15867885, _VOC),
    Model("yolo9000.weights", "yolo9000.cfg", 48807501, "detector, 9418 classes"),
    Model("yolov1/yolov1.weights", "yolov1.cfg", 197328243, _VOC),
    Model("yolov1/tiny-yolov1.weights", "yolov1-tiny.cfg", 27099950, _VOC),
    Model("alexnet.weights", "alexnet.cfg", 62378344, _IMAGENET),
    Model("vgg-16.weights", "vgg-16.cfg", 138357544, _IMAGENET),
    Model("extraction.weights", "extraction.cfg", 23455400, _IMAGENET),
    Model("darknet.weights", "darknet.cfg", 7323480, _IMAGENET),
    Model("tiny.weights", "tiny.cfg", 1046488, _IMAGENET),
    Model("darknet19.weights", "darknet19.cfg", 20856776, _IMAGENET),
    Model("darknet19_448.weights", "darknet19_448.cfg", 20856776, _IMAGENET),
    Model("darknet53.weights", "darknet53.cfg", 41645640, _IMAGENET),
    Model("darknet53_448.weights", "darknet53_448.cfg", 41645640, _IMAGENET),
    Model("resnet18.weights", "resnet18.cfg", 11523496, _IMAGENET),
    Model("resnet34.weights", "resnet34.cfg", 21639080, _IMAGENET),
    Model("resnet50.weights", "resnet50.cfg", 22825896, _IMAGENET),
    Model("resnet101.weights", "resnet101.cfg", 41870248, _IMAGENET),
    Model("resnet152.weights", "resnet152.cfg", 57559976, _IMAGENET),
    Model("resnext50.weights", "resnext50.cfg", 22312872, _IMAGENET),
    Model("resnext101-32x4d.weights", "resnext101-32x4d.cfg", 41639208, _IMAGENET),
    Model("resnext152-32x4d.weights", "resnext152-32x4d.cfg", 56730920, _IMAGENET),
    Model("densenet201.weights", "densenet201.cfg", 17206440, _IMAGENET),
    Model("darknet53.conv.74", "darknet53.cfg", 40620640, "to train YOLOv3 from", layers=74),
    Model("darknet19_448.conv.23", "darknet19_448.cfg", 19831776, "to train YOLOv2 from", layers=23),
    Model("jnet-conv.weights", "jnet-conv.cfg", 18870048, "for nightmare"),
    Model("vgg-conv.weights", "vgg-conv.cfg", 14714688, "for nightmare"),
    Model("go.weights", "go.cfg", 7093761, "plays Go"),
    Model("grrm.weights", "rnn.cfg", 8950016, "writes like a novelist"),
]

KNOWN = {PurePosixPath(m.file).name.removesuffix(".weights"): m for m in _ALL}

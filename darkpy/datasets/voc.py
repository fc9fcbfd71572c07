"""Pascal VOC: one XML file of annotations for each image.

    Annotations/007.xml    <object><name>dog</name><bndbox><xmin>48</xmin> ... (pixels, counted from 1)
    JPEGImages/007.jpg
    ImageSets/Main/train.txt, val.txt, test.txt ...    names without ending

Edges become pixels counted from 0 by subtracting 1 from each, as the script does whose labels Darknet was trained on.
"""

from __future__ import annotations

import os
import xml.parsers.expat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from darkpy.datasets.annotations import Annotated, Box, Picture, class_name, image_file, number, refuse, side
from darkpy.errors import DataError
from darkpy.vision.textfile import PathLike, read_bytes, read_lines, show

XML_BYTES = 1 << 24
MAX_DEPTH = 50
ENDINGS = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp")


@dataclass
class Element:
    """An XML element: its tag, text, children, and line."""

    tag: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> Iterator[Element]:
        return (child for child in self.children if child.tag == tag)

    def find(self, tag: str) -> Element | None:
        return next(self.all(tag), None)

    def value(self, tag: str) -> str | None:
        found = self.find(tag)
        return found.text.strip() if found else None


def read_xml(path: PathLike) -> Element:
    """The root element of an XML file.

    A document type is refused: nothing that VOC needs stands in one, and it is where entities are declared that expand
    without end or read other files.  Raises DataError with the line.
    """
    content = read_bytes(path, "an annotation in XML", XML_BYTES)
    parser = xml.parsers.expat.ParserCreate()
    stack = [Element("", 0)]

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(stack) > MAX_DEPTH:
            raise DataError(f"{show(path)}:{parser.CurrentLineNumber}: elements are nested too deeply: this is no "
                            "annotation of Pascal VOC")
        element = Element(tag, parser.CurrentLineNumber)
        stack[-1].children.append(element)
        stack.append(element)

    def end(tag: str) -> None:
        stack.pop()

    def text(data: str) -> None:
        stack[-1].text += data

    def doctype(*_: object) -> None:
        raise DataError(f"{show(path)}:{parser.CurrentLineNumber}: a DOCTYPE is not accepted: remove it")

    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(content, True)
    except xml.parsers.expat.ExpatError as e:
        reason = xml.parsers.expat.ErrorString(e.code)
        raise DataError(f"{show(path)}:{e.lineno}: this is not XML ({reason})") from None
    except (LookupError, ValueError):  # an encoding Python does not know
        raise DataError(f"{show(path)}:1: an encoding that cannot be read: save the file as UTF-8") from None
    return stack[0].children[0]


def read_annotation(path: PathLike, image: str) -> Picture:
    """The boxes of one XML file; `image` is the picture they belong to.  Raises DataError with the line."""
    root = read_xml(path)
    if root.tag != "annotation":
        raise DataError(f"{show(path)}:{root.line}: <{ascii(root.tag[:40])[1:-1]}> is no <annotation> of Pascal VOC")
    picture = Picture(image, show(path))
    size = root.find("size")
    if size:
        place = f"{show(path)}:{size.line}"
        picture.width = side(size.value("width"), "width", place)
        picture.height = side(size.value("height"), "height", place)
    for found in root.all("object"):
        place = f"{show(path)}:{found.line}"
        frame = found.find("bndbox")
        if frame is None:
            raise DataError(f"{place}: an <object> without <bndbox>: add one with xmin, ymin, xmax, ymax")
        left, top, right, bottom = (number(frame.value(edge), edge, f"{show(path)}:{frame.line}") - 1
                                    for edge in ("xmin", "ymin", "xmax", "ymax"))
        difficult = (found.value("difficult") or "0") not in ("0", "false", "False")
        picture.boxes.append(Box(class_name(found.value("name"), place), left, top, right, bottom, place, difficult))
    return picture


def read(root: PathLike) -> Annotated:
    """A folder with Annotations and JPEGImages, and its lists where it has any, else one list "train" of all.

    Raises DataError with a line for each thing that is wrong.
    """
    folder = Path(root)
    annotations, images = folder / "Annotations", folder / "JPEGImages"
    if not annotations.is_dir():
        raise DataError(f"{show(root)}: has no folder Annotations: name the folder it lies in (VOCdevkit/VOC2007)")
    images = images if images.is_dir() else folder
    problems: list[str] = []
    pictures: dict[str, Picture] = {}

    def picture(stem: str, place: str) -> Picture | None:
        """The image of that name, read once; None, and a problem, where it cannot be."""
        if stem not in pictures:
            try:
                names = [stem + ending for ending in ENDINGS]
                name = next((n for n in names if (images / n).is_file()), names[0])
                pictures[stem] = read_annotation(annotations / f"{stem}.xml", image_file(str(images), name, place))
            except DataError as e:
                problems.append(str(e))
                return None
        return pictures[stem]

    lists: dict[str, list[Picture]] = {}
    for path in sorted((folder / "ImageSets" / "Main").glob("*.txt")):
        if "_" not in path.stem:  # aeroplane_train.txt lists one class
            stems = [(n, line.split()[0]) for n, line in enumerate(read_lines(path, "a list of images"), 1)
                     if line.strip()]
            found = [picture(os.path.basename(stem), f"{show(path)}:{n}") for n, stem in stems]
            lists[path.stem] = [p for p in found if p]
    if not lists:
        found = [picture(path.stem, show(path)) for path in sorted(annotations.glob("*.xml"))]
        lists["train"] = [p for p in found if p]
    refuse(problems)
    return Annotated({name: listed for name, listed in lists.items() if listed})

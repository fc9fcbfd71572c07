"""CSV: one object in each row.

    image,xmin,ymin,xmax,ymax,class          edges in pixels counted from 0; or x,y,w,h instead, x,y being top left
    a.jpg,48,240,195,371,dog

The first row names the columns, in any order and in the words tools use (`filename`, `label`, `x1` ...); further
columns do no harm.  Without such a row the order is image, xmin, ymin, xmax, ymax, class.  A row with empty edges
stands for an image without objects; with columns image and class alone, rows give classes of whole images.
`width` and `height` of the image, `difficult`, and `split` (the list it belongs to) are used where they are given.
"""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from darkpy.datasets.annotations import Annotated, Box, Picture, class_name, image_file, number, refuse, side
from darkpy.errors import DataError
from darkpy.vision.textfile import PathLike, read_lines, show

CSV_BYTES = 1 << 29
COLUMNS = {
    "image": ("image", "filename", "file_name", "file", "path", "img", "image_path", "image_id"),
    "left": ("xmin", "x1", "left", "x_min"), "top": ("ymin", "y1", "top", "y_min"),
    "right": ("xmax", "x2", "right", "x_max"), "bottom": ("ymax", "y2", "bottom", "y_max"),
    "x": ("x", "bbox_x"), "y": ("y", "bbox_y"), "w": ("w", "bbox_w", "bbox_width"), "h": ("h", "bbox_h", "bbox_height"),
    "class": ("class", "label", "name", "class_name", "category", "labelname"),
    "width": ("width", "image_width", "img_width"), "height": ("height", "image_height", "img_height"),
    "difficult": ("difficult",), "split": ("split", "set", "subset"),
}
BARE = ("image", "left", "top", "right", "bottom", "class")
EDGES = (("left", "top", "right", "bottom"), ("x", "y", "w", "h"))


def columns_of(header: list[str], place: str) -> dict[str, int] | None:
    """The column of each thing, or None where the row is no header.  DataError for one that lacks something."""
    words = {word.strip().lower(): i for i, word in reversed(list(enumerate(header)))}
    found = {what: words[name] for what, names in COLUMNS.items() for name in reversed(names) if name in words}
    if "image" not in found and "class" not in found:
        return None
    for what in ("image", "class"):
        if what not in found:
            raise DataError(f"{place}: no column names the {what}: call it {COLUMNS[what][0]}")
    if any(e in found for edges in EDGES for e in edges) and not any(all(e in found for e in es) for es in EDGES):
        raise DataError(f"{place}: columns of boxes are incomplete: give xmin, ymin, xmax, ymax (or x, y, w, h)")
    return found


def read(path: PathLike, images: PathLike | None = None) -> Annotated:
    """The images of a CSV file; they are looked for in the folder `images`, else beside the file.

    Raises DataError with a line for each thing that is wrong.
    """
    folder = os.fspath(images or Path(path).parent)
    text = "\n".join(read_lines(path, "a table in CSV", CSV_BYTES))
    rows = csv.reader(io.StringIO(text), delimiter=delimiter_of(text), strict=True)
    problems: list[str] = []
    pictures: dict[str, Picture] = {}
    lists: dict[str, dict[str, Picture]] = {}
    columns: dict[str, int] | None = None
    try:
        for cells in rows:
            place = f"{show(path)}:{rows.line_num}"
            if columns is None:
                columns = columns_of(cells, place)
                if columns:
                    continue
                columns = {what: i for i, what in enumerate(BARE)}
            if not any(cell.strip() for cell in cells):
                continue
            try:
                record = {what: cells[i].strip() for what, i in columns.items() if i < len(cells)}
                name = record.get("image", "")
                if name not in pictures:
                    pictures[name] = Picture(image_file(folder, name, place), place)
                add_row(pictures[name], record, place)
                lists.setdefault(record.get("split", "").lower() or "train", {})[name] = pictures[name]
            except DataError as e:
                problems.append(str(e))
    except csv.Error as e:
        problems.append(f"{show(path)}:{rows.line_num}: this row is not CSV ({e})")
    if not pictures and not problems:
        problems.append(f"{show(path)}:1: holds no rows")
    refuse(problems)
    return Annotated({name: list(found.values()) for name, found in lists.items()})


def add_row(picture: Picture, record: dict[str, str], place: str) -> None:
    """Add the object of a row to its picture."""
    picture.width = picture.width or side(record.get("width"), "width", place)
    picture.height = picture.height or side(record.get("height"), "height", place)
    edges = next((es for es in EDGES if all(e in record for e in es)), None)
    if edges is None:
        if any(e in record for es in EDGES for e in es):
            raise DataError(f"{place}: this row is too short")
        picture.tags.append(class_name(record.get("class"), place))
        return
    if all(record[e] == "" for e in edges):
        return
    a, b, c, d = (number(record[e], e, place) for e in edges)
    if edges[0] == "x":
        c, d = a + c, b + d
    difficult = record.get("difficult", "").lower() not in ("", "0", "false", "no")
    picture.boxes.append(Box(class_name(record.get("class"), place), a, b, c, d, place, difficult))


def delimiter_of(text: str) -> str:
    """`,`, or what stands in the first line in its place."""
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)

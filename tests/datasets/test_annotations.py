"""VOC, COCO and CSV: what is read, and every fault with its file and line."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpy.datasets import coco, tables, voc
from darkpy.datasets.annotations import Box, row
from darkpy.errors import DataError
from tests.datasets.scenes import picture, save

XML = """<annotation>
  <size><width>60</width><height>40</height><depth>3</depth></size>
  <object>
    <name>dog</name><difficult>0</difficult>
    <bndbox><xmin>11</xmin><ymin>6.5</ymin><xmax>31</xmax><ymax>26</ymax></bndbox>
    <part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>
  </object>
  <object>
    <name> cat </name><difficult>1</difficult>
    <bndbox><ymin>1</ymin><xmin>1</xmin><xmax>61</xmax><ymax>41</ymax></bndbox>
  </object>
</annotation>
"""


def test_row_is_clipped():
    assert row(Box("a", -10, 10, 30, 50, ""), 60, 40) == (0.25, 0.625, 0.5, 0.75)
    assert row(Box("a", 60, 0, 70, 10, ""), 60, 40) is None
    assert row(Box("a", 5, 5, 5, 10, ""), 60, 40) is None


# -- VOC ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def voc_set(tmp_path):
    for folder in ("Annotations", "ImageSets/Main"):
        (tmp_path / folder).mkdir(parents=True)
    for name in "ab":
        save(tmp_path / "JPEGImages" / f"{name}.png", picture())
        (tmp_path / "Annotations" / f"{name}.xml").write_text(XML)
    return tmp_path


def test_voc(voc_set):
    found = voc.read(voc_set)
    assert {name: len(pictures) for name, pictures in found.lists.items()} == {"train": 2}
    a = found.lists["train"][0]
    assert a.path == f"{voc_set}/JPEGImages/a.png" and a.size() == (60, 40)
    assert [(b.name, b.left, b.top, b.right, b.bottom, b.difficult) for b in a.boxes] == [
        ("dog", 10, 5.5, 30, 25, False), ("cat", 0, 0, 60, 40, True)]
    assert a.boxes[0].place == f"{voc_set}/Annotations/a.xml:3"


def test_voc_lists(voc_set):
    (voc_set / "ImageSets/Main/test.txt").write_text("b\n")
    (voc_set / "ImageSets/Main/train.txt").write_text("a\n\n")
    (voc_set / "ImageSets/Main/dog_train.txt").write_text("a 1\n")
    found = voc.read(voc_set)
    assert {name: [p.path[-5:] for p in pictures] for name, pictures in found.lists.items()} == {
        "test": ["b.png"], "train": ["a.png"]}
    assert len(found.pictures()) == 2


def test_size_from_the_image_where_voc_has_none(voc_set):
    (voc_set / "Annotations/a.xml").write_text(XML.replace("<width>60</width>", "<width>0</width>"))
    assert voc.read(voc_set).lists["train"][0].size() == (60, 40)


BAD_XML = [
    (XML.replace("</object>", "", 1), r"a\.xml:12: this is not XML \(mismatched tag\)"),
    (XML.replace("31", "3l"), r"a\.xml:5: xmax '3l' is not a number"),
    (XML.replace("<xmax>31</xmax>", ""), r"a\.xml:5: xmax None is not a number"),
    (XML.replace("<name>dog</name>", ""), r"a\.xml:3: None is no name for a class"),
    (XML.replace("bndbox", "box"), r"a\.xml:3: an <object> without <bndbox>"),
    (XML.replace(">60<", ">6e9<"), r"a\.xml:2: width '6e9' is not"),
    (XML.replace("annotation", "svg"), r"a\.xml:1: <svg> is no <annotation>"),
    ("", r"a\.xml:1: this is not XML \(no element found\)"),
    ("<a>" * 5000, r"a\.xml:1: elements are nested too deeply"),
    ('<!DOCTYPE a [<!ENTITY b "x">]>' + XML, r"a\.xml:1: a DOCTYPE is not accepted"),
    ('<?xml version="1.0" encoding="klingon"?>' + XML, r"a\.xml:1: .*encoding"),
]


@pytest.mark.parametrize(("text", "message"), BAD_XML)
def test_bad_xml(voc_set, text, message):
    (voc_set / "Annotations/a.xml").write_text(text)
    with pytest.raises(DataError, match=message) as e:
        voc.read(voc_set)
    assert "\n" not in str(e.value)


def test_no_entity_is_ever_expanded(voc_set):
    laughs = "".join(f'<!ENTITY a{k} "{10 * f"&a{k - 1};"}">' for k in range(1, 10))
    (voc_set / "Annotations/a.xml").write_text(f'<!DOCTYPE a [<!ENTITY a0 "ha">{laughs}]><annotation>&a9;</annotation>')
    with pytest.raises(DataError, match="DOCTYPE"):
        voc.read(voc_set)


def test_all_faults_of_a_voc_set_at_once(voc_set):
    (voc_set / "Annotations/a.xml").write_text("<a")
    (voc_set / "JPEGImages/b.png").unlink()
    (voc_set / "ImageSets/Main/train.txt").write_text("a\nb\nc\n")
    with pytest.raises(DataError) as e:
        voc.read(voc_set)
    lines = str(e.value).replace(f"{voc_set}/", "").split("\n")
    assert lines[0].startswith("Annotations/a.xml:1: this is not XML")
    assert lines[1].startswith("ImageSets/Main/train.txt:2: JPEGImages/b.jpg: no such image")
    assert lines[2].startswith("ImageSets/Main/train.txt:3: ") and len(lines) == 3


def test_not_a_voc_folder(tmp_path):
    with pytest.raises(DataError, match="has no folder Annotations"):
        voc.read(tmp_path)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300) | st.text("<>/annotioebjc&;!x \n", max_size=200).map(str.encode))
def test_any_bytes_as_xml(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.xml"
    path.write_bytes(content)
    try:
        voc.read_annotation(path, "a.jpg")
    except DataError as e:
        assert "\n" not in str(e)


# -- COCO -----------------------------------------------------------------------------------------------------------

COCO = {
    "images": [{"id": 7, "file_name": "a.png", "width": 60, "height": 40}, {"id": "x", "file_name": "b.png"}],
    "categories": [{"id": 9, "name": "dog"}, {"id": 2, "name": "cat"}, {"id": 30, "name": "fly"}],
    "annotations": [{"image_id": 7, "category_id": 9, "bbox": [10, 5.5, 20, 19.5]},
                    {"image_id": "x", "category_id": 2, "bbox": [0, 0, 60, 40], "iscrowd": 1}],
}


@pytest.fixture
def coco_set(tmp_path):
    for name in "ab":
        save(tmp_path / f"{name}.png", picture())
    return tmp_path


def write_json(folder, content):
    path = folder / "c.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_coco(coco_set):
    found = coco.read({"train": (write_json(coco_set, COCO), None)})
    assert found.names == ["cat", "dog", "fly"]
    a, b = found.lists["train"]
    assert [(x.name, x.left, x.top, x.right, x.bottom, x.difficult) for x in a.boxes + b.boxes] == [
        ("dog", 10, 5.5, 30, 25, False), ("cat", 0, 0, 60, 40, True)]
    assert b.size() == (60, 40)


def changed(**changes):
    """COCO with the first entry of a table changed."""
    copy = json.loads(json.dumps(COCO))
    for table, change in changes.items():
        copy[table][0].update(change)
    return copy


BAD_JSON = [
    ("{\n\n}}", r"c\.json:3: this is not JSON"),
    ("[]", r'c\.json:1: has no list "images"'),
    ("[" * 100_000, r"c\.json:1: this is not JSON in UTF-8 that can be read"),
    ({**COCO, "images": [3]}, r"c\.json: images\[0\] is not an object"),
    (changed(images={"file_name": "z.png"}), r"c\.json: images\[0\]: .*z\.png: no such image"),
    (changed(images={"file_name": ["z"]}), r"images\[0\]: \['z'\] is no name of an image"),
    (changed(images={"width": -3}), r"images\[0\]: width -3 is not a size"),
    (changed(images={"id": "x"}), r"images\[1\]: id 'x' is that of an earlier image"),
    (changed(categories={"name": ""}), r"categories\[0\]: '' is no name for a class"),
    (changed(annotations={"image_id": 8}), r"annotations\[0\]: image_id 8 is not among the images"),
    (changed(annotations={"image_id": [8]}), r"annotations\[0\]: image_id is missing or no id"),
    (changed(annotations={"category_id": 8}), r"annotations\[0\]: category_id 8 is not among the categories"),
    (changed(annotations={"bbox": [1, 2, 3]}), r"annotations\[0\]: bbox must be"),
    (changed(annotations={"bbox": [1, 2, 3, "x"]}), r"annotations\[0\]: bbox 'x' is not a number"),
    (changed(annotations={"bbox": [1, 2, 3, 1e300]}), r"annotations\[0\]: bbox 1e\+300 is not"),
]


@pytest.mark.parametrize(("content", "message"), BAD_JSON)
def test_bad_json(coco_set, content, message):
    with pytest.raises(DataError, match=message) as e:
        coco.read({"train": (write_json(coco_set, content), None)})
    assert "\n" not in str(e.value)


# -- CSV ------------------------------------------------------------------------------------------------------------

TABLES = [
    "image,xmin,ymin,xmax,ymax,class\na.png,10,5.5,30,25,dog\nb.png,0,0,60,40,cat\n",
    "class;ymax;xmax;ymin;xmin;Filename;extra\r\ndog;25;30;5.5;10;a.png;1\r\ncat;40;60;0;0;b.png;2\r\n",
    "a.png,10,5.5,30,25,dog\n\nb.png,0,0,60,40,cat\n",
    'path,x,y,w,h,label\n"a.png",10,5.5,20,19.5,dog\nb.png,0,0,60,40,"cat"\n',
    "image,class_id,name,confidence,left,top,right,bottom\na.png,1,dog,.9,10,5.5,30,25\nb.png,0,cat,.8,0,0,60,40\n",
]


@pytest.mark.parametrize("text", TABLES)
def test_csv(coco_set, text):
    (coco_set / "t.csv").write_text(text)
    a, b = tables.read(coco_set / "t.csv").lists["train"]
    assert [(x.name, x.left, x.top, x.right, x.bottom) for x in a.boxes + b.boxes] == [
        ("dog", 10, 5.5, 30, 25), ("cat", 0, 0, 60, 40)]


def test_csv_with_more(coco_set):
    (coco_set / "t.csv").write_text("image,xmin,ymin,xmax,ymax,class,difficult,split\na.png,1,2,3,4,dog,1,Train\n"
                                    "b.png,,,,,,,test\n")
    found = tables.read(coco_set / "t.csv")
    assert list(found.lists) == ["train", "test"]
    assert found.lists["train"][0].boxes[0].difficult and not found.lists["test"][0].boxes


def test_csv_of_classes(coco_set):
    (coco_set / "t.csv").write_text("image,class\na.png,dog\na.png,cat\nb.png,dog\n")
    a, b = tables.read(coco_set / "t.csv").lists["train"]
    assert (a.tags, b.tags) == (["dog", "cat"], ["dog"])


BAD_CSV = [
    ("", r"t\.csv:1: holds no rows"),
    ("image,xmin\n", r"t\.csv:1: no column names the class"),
    ("image,xmin,class\n", r"t\.csv:1: columns of boxes are incomplete"),
    ("image,xmin,ymin,xmax,ymax,class\na.png,1,2,3,x,dog\n", r"t\.csv:2: bottom 'x' is not a number"),
    ("image,xmin,ymin,xmax,ymax,class\na.png,1,2,3\n", r"t\.csv:2: this row is too short"),
    ("image,xmin,ymin,xmax,ymax,class\nz.png,1,2,3,4,dog\n", r"t\.csv:2: .*z\.png: no such image"),
    ("image,xmin,ymin,xmax,ymax,class\na.png,1,2,3,4,\n", r"t\.csv:2: '' is no name for a class"),
    ('image,class\n"a.png,dog\n', r"t\.csv:\d: this row is not CSV"),
]


@pytest.mark.parametrize(("text", "message"), BAD_CSV)
def test_bad_csv(coco_set, text, message):
    (coco_set / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message) as e:
        tables.read(coco_set / "t.csv")
    assert "\n" not in str(e.value)


def test_many_problems_are_cut(coco_set):
    (coco_set / "t.csv").write_text("image,class\n" + "z.png,dog\n" * 80)
    with pytest.raises(DataError) as e:
        tables.read(coco_set / "t.csv")
    assert len(str(e.value).split("\n")) == 51 and str(e.value).endswith("and 30 more problems of this kind")

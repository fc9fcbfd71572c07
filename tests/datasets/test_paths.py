"""Where labels are looked for, and lists of images."""

import pytest

from darkpy.datafile import resolve
from darkpy.datasets.paths import label_candidates, label_path, read_list
from darkpy.errors import DataError

RULE = [  # the original's replacements; a later word is replaced in what the earlier ones made
    ("data/voc/JPEGImages/007.jpg", "data/voc/labels/007.txt"),
    ("set/images/train/a.png", "set/labels/train/a.txt"),
    ("/home/images2/images/a.JPG", "/home/labels2/images/a.txt"),
    ("images/x.JPEG", "labels/x.txt"),
    ("a/raw/b.jpg", "a/labels/b.txt"),
    ("plain/a.jpg", "plain/a.txt"),
    ("images/a.webp", "labels/a.txt"),
    ("images/a.jpeg", "labels/a.txt"),
    ("images/no_ending", "labels/no_ending.txt"),
]


@pytest.mark.parametrize(("image", "label"), RULE)
def test_rule_of_the_original(image, label):
    assert label_candidates(image)[0] == label


def test_what_exists_counts(tmp_path):
    image = tmp_path / "images_of_2019" / "images" / "a.jpg"
    image.parent.mkdir(parents=True)
    by_folder = tmp_path / "images_of_2019" / "labels" / "a.txt"
    assert label_path(image) == str(by_folder)  # where it ought to be
    beside = image.with_suffix(".txt")
    beside.write_text("")
    assert label_path(image) == str(beside)
    by_folder.parent.mkdir()
    by_folder.write_text("")
    assert label_path(image) == str(by_folder)
    original = tmp_path / "labels_of_2019" / "images" / "a.txt"
    original.parent.mkdir(parents=True)
    original.write_text("")
    assert label_path(image) == str(original)


def test_list(tmp_path, monkeypatch):
    (tmp_path / "set" / "images").mkdir(parents=True)
    for name in ("set/images/a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"")
    path = tmp_path / "set" / "train.txt"
    path.write_bytes(b"\xef\xbb\xbfimages/a.jpg\r\n\r\n  b.jpg  \r\n/abs/c d.jpg\r\ngone.jpg\r\n")
    found = read_list(path)
    assert found.images == [f"{tmp_path}/set/images/a.jpg", f"{tmp_path}/b.jpg", "/abs/c d.jpg", "gone.jpg"]
    assert found.place(1) == f"{path}:3"
    monkeypatch.chdir(tmp_path / "set")
    assert read_list("train.txt").images[0] == "images/a.jpg"  # the working folder comes first, as in the original


def test_backslashes(tmp_path):
    """A list from Windows; but a file may have a backslash in its name."""
    (tmp_path / "images").mkdir()
    for name in ("images/a.jpg", "b\\c.jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "l.txt").write_text(f"images\\a.jpg\r\n{tmp_path}/b\\c.jpg\n")
    assert read_list(tmp_path / "l.txt").images == [f"{tmp_path}/images/a.jpg", f"{tmp_path}/b\\c.jpg"]
    assert resolve("images\\a.jpg", tmp_path / "d.data") == tmp_path / "images" / "a.jpg"


def test_empty_list(tmp_path):
    (tmp_path / "l.txt").write_text("\n \n")
    with pytest.raises(DataError, match=r"l\.txt is empty: write one image path per line"):
        read_list(tmp_path / "l.txt")

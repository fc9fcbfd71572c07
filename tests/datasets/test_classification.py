"""Classes by path and by file, and their truth with and without a tree."""

import numpy as np
import pytest

from darkpy.datasets.augment import Windows
from darkpy.datasets.classification import ByFile, ByPath, ClassificationSet, check_labels
from darkpy.datasets.paths import ImageList
from darkpy.errors import DataError
from darkpy.vision.tree import SECRET_NUMBER, Tree
from tests.datasets.scenes import picture, save


@pytest.mark.parametrize(("path", "label"), [
    ("data/train/dog/1.jpg", "dog"), ("00017_cat.png", "cat"), ("cat/00017_dog.png", "dog"), ("t_3_c10.png", "c10"),
    ("t_3_c1.png", "c1"), ("hotdog.jpg", "hotdog"), ("dog/c1/hotdog/cat", "cat"),
])
def test_by_path(path, label):
    labels = ["cat", "dog", "hotdog", "c1", "c10"]
    assert ByPath(labels).classes_of(path) == [labels.index(label)]


def test_no_label_in_the_path():
    with pytest.raises(DataError, match=r"x\.png: its path contains none of the 2 labels"):
        ByPath(["a1", "a2"]).classes_of("x.png")
    assert ByPath(["face"]).classes_of("x.png") == []


def test_labels_must_differ():
    with pytest.raises(DataError, match="l:3: the label 'a' stands in line 1 already"):
        check_labels(["a", "b", "a"], "l")
    with pytest.raises(DataError, match="l:2: an empty label"):
        check_labels(["a", "", "b"], "l")


def test_by_file(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("2\n0 1\n")
    assert ByFile(3).classes_of(f"{tmp_path}/images/a.jpg") == [2, 0, 1]
    with pytest.raises(DataError, match=r"a\.txt:1: '2' must be a class, 0 to 1"):
        ByFile(2).classes_of(f"{tmp_path}/images/a.jpg")
    with pytest.raises(DataError, match=r"labels/b\.txt: no such file"):
        ByFile(2).classes_of(f"{tmp_path}/images/b.jpg")


def one(path, **options):
    return ClassificationSet(ImageList("l", [str(path)], [1]), 3, ByPath(["ant", "bee", "cow"]), **options)


def load(data, side=20, channels=3):
    x, truth = np.full((channels, side, side), np.nan, np.float32), np.full(3, np.nan, np.float32)
    data.load(0, np.random.default_rng(0), x, truth)
    return x, truth


def test_truth(tmp_path):
    path = save(tmp_path / "bee.png", picture())
    for windows in (None, Windows(1, 2, 7, 0.75)):
        x, truth = load(one(path, windows=windows))
        assert truth.tolist() == [0, 1, 0] and np.isfinite(x).all()
    assert load(one(path), channels=1)[0].shape == (1, 20, 20)


def test_truth_of_a_tree(tmp_path):
    (tmp_path / "t").write_text("ant -1\nbee -1\ncow 0\n")
    tree = Tree.read(tmp_path / "t")
    assert load(one(save(tmp_path / "cow.png", picture()), tree=tree))[1].tolist() == [1, 0, 1]
    assert load(one(save(tmp_path / "bee.png", picture()), tree=tree))[1].tolist() == [0, 1, SECRET_NUMBER]

"""darkpy convert: the folder it makes, the round trip through label files, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from darkpy import datafile
from darkpy.datasets.labels import read_labels
from darkpy.datasets.paths import images_of, label_path
from darkpy.vision.decode import read_image
from tests.datasets.scenes import picture, save
from tests.datasets.test_annotations import COCO, XML
from tests.shared import shared


@pytest.fixture
def voc(tmp_path):
    """Four images, two of them to test on."""
    root = tmp_path / "voc"
    for folder in ("Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for name in "abcd":
        save(root / "JPEGImages" / f"{name}.jpg", picture())
        (root / "Annotations" / f"{name}.xml").write_text(XML)
    (root / "ImageSets/Main/trainval.txt").write_text("a\nb\n")
    (root / "ImageSets/Main/train.txt").write_text("a\n")
    (root / "ImageSets/Main/test.txt").write_text("c\nd\n")
    return root


def boxes(folder: Path, key: str) -> dict[str, list]:
    """Labels by image, as a training would read them."""
    data = datafile.read(next(folder.glob("*.data")))
    return {Path(i).name: read_labels(label_path(i), data.config.classes).tolist() for i in images_of(data, key).images}


DOG = pytest.approx([20 / 60, 15.25 / 40, 20 / 60, 19.5 / 40])


def test_voc(darkpy, voc, tmp_path):
    out = tmp_path / "out"
    done = darkpy("convert", "voc", voc, out)
    assert done == (0, "test.txt: 2 images (valid=)\ntrain.txt: 1 image\ntrainval.txt: 2 images (train=)\n"
                       f"cat: 0\ndog: 4\n{out}/out.data\n", "left out: 4 objects marked as difficult\n")
    assert sorted(p.name for p in out.iterdir()) == ["images", "labels", "out.data", "out.names", "test.txt",
                                                     "train.txt", "trainval.txt"]
    for key, names in (("train", {"a.jpg", "b.jpg"}), ("valid", {"c.jpg", "d.jpg"})):
        found = boxes(out, key)
        assert set(found) == names
        for rows in found.values():
            assert [row[0] for row in rows] == [1] and rows[0][1:] == DOG
    assert (out / "images/a.jpg").is_symlink() and (out / "images/a.jpg").resolve() == voc / "JPEGImages/a.jpg"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".darkpy")]


def test_options(darkpy, voc, tmp_path):
    (tmp_path / "my.names").write_text("dog\nbird\n")
    out = tmp_path / "out"
    done = darkpy("convert", "voc", voc, out, "-names", tmp_path / "my.names", "-difficult", "keep", "--copy",
                  "--relative")
    assert done.status == 0 and "dog: 4\nbird: 0\n" in done.out
    assert done.err == "left out: 4 objects of other classes\n"
    assert not (out / "images/a.jpg").is_symlink()
    moved = out.rename(tmp_path / "moved")
    assert boxes(moved, "train")["a.jpg"][0][1:] == DOG


def test_keep_difficult(darkpy, voc, tmp_path):
    assert darkpy("convert", "voc", voc, tmp_path / "out", "-difficult=keep").status == 0
    assert [row[0] for row in boxes(tmp_path / "out", "train")["a.jpg"]] == [1, 0]


def test_coco(darkpy, tmp_path):
    for name in "ab":
        save(tmp_path / "pictures" / f"{name}.png", picture())
    (tmp_path / "c.json").write_text(json.dumps(COCO))
    out = tmp_path / "out"
    done = darkpy("convert", "coco", tmp_path / "c.json", out, "-images", tmp_path / "pictures",
                  "-valid", tmp_path / "c.json", "-difficult", "keep")
    assert done.status == 0 and not done.err
    assert "train.txt: 2 images (train=)\nvalid.txt: 2 images (valid=)\ncat: 1\ndog: 1\nfly: 0\n" in done.out
    assert boxes(out, "valid")["a.png"][0][1:] == DOG


def test_csv_and_a_share_to_measure_on(darkpy, tmp_path):
    rows = []
    for k in range(10):
        save(tmp_path / f"{k}.png", picture())
        rows.append(f"{k}.png,10,5.5,30,25,dog")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    lists = []
    for name in ("one", "two"):
        done = darkpy("convert", "csv", tmp_path / "t.csv", tmp_path / name, "--valid-share", ".3", "-seed", 5)
        assert done.status == 0 and "train.txt: 7 images (train=)\nvalid.txt: 3 images (valid=)\n" in done.out
        lists.append({key: sorted(boxes(tmp_path / name, key)) for key in ("train", "valid")})
    assert lists[0] == lists[1] and len(set(lists[0]["train"] + lists[0]["valid"])) == 10


def test_classes_of_whole_images(darkpy, tmp_path):
    save(tmp_path / "a.png", picture())
    (tmp_path / "t.csv").write_text("image,class\na.png,dog\na.png,ant\n")
    done = darkpy("convert", "csv", tmp_path / "t.csv", tmp_path / "out")
    assert done.status == 0 and "no list to measure on" in done.err
    assert "tag=1\n" in (tmp_path / "out/out.data").read_text()
    assert (tmp_path / "out/labels/a.txt").read_text() == "1\n0\n"


def test_names_that_would_share_a_label_or_mislead(darkpy, tmp_path):
    for name in ("x/a.png", "y/a.png", "z/my_images.jpg.bmp"):
        save(tmp_path / name, picture())
    (tmp_path / "t.csv").write_text("x/a.png,10,5.5,30,25,dog\ny/a.png,10,5.5,30,25,dog\n"
                                    "z/my_images.jpg.bmp,10,5.5,30,25,dog\n")
    assert darkpy("convert", "csv", tmp_path / "t.csv", tmp_path / "out").status == 0
    assert sorted(boxes(tmp_path / "out", "train")) == ["a.png", "a_2.png", "my___.jpg"]


def test_refusals(darkpy, voc, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    done = darkpy("convert", "voc", voc, tmp_path / "full")
    assert done == (2, "", f"darkpy convert voc: {tmp_path}/full exists already: name a new folder\n")
    assert darkpy("convert", "voc", voc, tmp_path / "o", "--relative").status == 2
    assert darkpy("convert", "voc", voc, tmp_path / "o", "--valid-share", ".5").status == 2
    done = darkpy("convert", "voc", tmp_path / "gone", tmp_path / "o")
    assert done.status == 4 and done.err.count("\n") == 1
    (tmp_path / "two.names").write_text("dog\ndog\n")
    assert darkpy("convert", "voc", voc, tmp_path / "o", "-names", tmp_path / "two.names").status == 4
    assert not (tmp_path / "o").exists()


def test_a_fault_leaves_nothing_behind(darkpy, voc, tmp_path):
    (voc / "JPEGImages/b.jpg").write_bytes(b"broken")
    (voc / "Annotations/b.xml").write_text(XML.replace("<width>60</width>", ""))  # so that the image must be opened
    before = sorted(tmp_path.iterdir())
    done = darkpy("convert", "voc", voc, tmp_path / "out")
    assert done.status == 4 and "b.jpg: is not an image" in done.err and sorted(tmp_path.iterdir()) == before


def test_a_path_that_misleads_the_original(darkpy, voc, tmp_path):
    out = tmp_path / "my_images" / "out"
    done = darkpy("convert", "voc", voc, out)
    assert done.status == 0 and "the path contains 'images'" in done.err
    assert boxes(out, "train")["a.jpg"][0][1:] == DOG


@pytest.mark.golden
def test_bccd(darkpy, tmp_path):
    done = darkpy("convert", "voc", shared("data", "bccd"), tmp_path / "bccd")
    assert done.status == 0
    assert "test.txt: 72 images (valid=)" in done.out and "trainval.txt: 292 images (train=)" in done.out
    assert "RBC: 4153" in done.out
    assert darkpy("check", tmp_path / "bccd" / "bccd.data").status == 0


def test_cifar(darkpy, tmp_path):
    """Two files to learn from, one to measure on; names as the original's `cifar extract` gives them."""
    random = np.random.default_rng(0)
    source, out = tmp_path / "bin", tmp_path / "made"
    source.mkdir()
    pixels = random.integers(0, 256, (3, 2, 3072), dtype=np.uint8)
    for name, part, classes in zip(("data_batch_1", "data_batch_2", "test_batch"), pixels, [(3, 9), (0, 3), (1, 2)],
                                   strict=True):
        (source / f"{name}.bin").write_bytes(b"".join(bytes([k]) + p.tobytes() for k, p in zip(classes, part,
                                                                                                 strict=True)))
    done = darkpy("convert", "cifar", source, out)
    assert (done.status, done.out) == (0, f"train.txt: 4 images\ntest.txt: 2 images\n{out}/made.data\n")
    names = [Path(line).name for line in (out / "train.txt").read_text().split()]
    assert names == ["0_cat.png", "1_truck.png", "2_airplane.png", "3_cat.png"]
    image = read_image(out / "images" / "train" / "1_truck.png")
    np.testing.assert_array_equal(image.transpose(2, 0, 1).reshape(-1), pixels[0, 1])
    assert "train 4 images, valid 2 images: no errors, no warnings" in darkpy("check", out / "made.data").out
    (source / "data_batch_1.bin").write_bytes(b"\x0a" + bytes(3072))
    done = darkpy("convert", "cifar", source, tmp_path / "other")
    assert done.status == 4 and "record 0 has class 10 of 10" in done.err and not (tmp_path / "other").exists()
    (source / "data_batch_1.bin").write_bytes(bytes(3072))
    assert "no whole number of records" in darkpy("convert", "cifar", source, tmp_path / "other").err
    assert "holds no data_batch_1.bin" in darkpy("convert", "cifar", out, tmp_path / "other").err

"""darkpy anchors: k-means finds the clusters there are, its line fits into a cfg, its picture is one."""

import json

import numpy as np
import pytest
from PIL import Image

from darkpy import cfg
from darkpy.build import build
from darkpy.errors import DataError, UsageError
from darkpy.tasks.anchor_plot import draw
from darkpy.tasks.anchors import assign, kmeans, mean_iou, read_shapes
from tests.cli.run import darkpy
from tests.datasets.scenes import detection, picture, save
from tests.shared import shared

__all__ = ["darkpy"]

CENTRES = np.array([[0.05, 0.08], [0.2, 0.1], [0.3, 0.6]])
SHAPES = np.concatenate([c * np.random.default_rng(k).uniform(0.9, 1.1, (50, 2)) for k, c in enumerate(CENTRES)])


def test_assign_is_iou_of_boxes_with_one_centre():
    from darkpy.vision.boxes import pairwise_iou

    def centred(shapes):
        return np.concatenate([np.zeros_like(shapes), shapes], 1)

    found, ious = assign(SHAPES, CENTRES)
    expected = pairwise_iou(centred(SHAPES), centred(CENTRES))
    assert np.array_equal(found, expected.argmax(1)) and ious == pytest.approx(expected.max(1))


def test_clusters_are_found():
    found = kmeans(SHAPES, 3)
    assert found.shapes == pytest.approx(CENTRES, rel=0.05)
    assert found.members.tolist() == [0] * 50 + [1] * 50 + [2] * 50
    for k in range(3):
        assert found.shapes[k] == pytest.approx(SHAPES[50 * k : 50 * k + 50].mean(0))
    assert found.iou == pytest.approx(mean_iou(SHAPES, found.shapes))


def test_more_anchors_fit_better_and_seeds_repeat():
    ious = [kmeans(SHAPES, k).iou for k in range(1, 8)]
    assert ious == sorted(ious)
    assert np.array_equal(kmeans(SHAPES, 5, seed=3).shapes, kmeans(SHAPES, 5, seed=3).shapes)
    assert kmeans(SHAPES, len(SHAPES)).iou == pytest.approx(1, abs=1e-3)


def test_too_many():
    with pytest.raises(DataError, match="3 anchors from 2 different box shapes: ask for 2 at most"):
        kmeans(np.array([[1, 1], [2, 2], [2, 2]]) / 4, 3)


def test_lines():
    found = kmeans(SHAPES, 3)
    w, h = found.shapes[0]
    assert found.pixels(416, 320).startswith(f"anchors={w * 416:.0f},{h * 320:.0f}, ")
    assert found.cells(416, 320, 32).startswith(f"anchors={w * 13:.4g},{h * 10:.4g}, ")


def test_shapes_of_a_data_set(tmp_path):
    data = detection(tmp_path)
    (tmp_path / "labels/1.txt").write_text("0 .5 .5 .2 .2\n0 0 0 0 0\n")
    shapes = read_shapes(data, 64, 64)
    assert shapes == pytest.approx(np.array([[.3, .5], [.2, .2], [.15, .15]]) * (1, 42 / 64))  # 60x40 letterboxed
    assert read_shapes(data, 64, 64, fit=False)[0] == pytest.approx([.3, .5])
    (tmp_path / "labels/0.txt").write_text("9 .5 .5 .2 .2\n")
    (tmp_path / "images/3.png").write_bytes(b"")
    with pytest.raises(DataError) as e:
        read_shapes(data, 64, 64)
    assert [line.split(":")[0].rsplit("/")[-1] for line in str(e.value).split("\n")] == ["3.png", "0.txt"]


def test_no_boxes(tmp_path):
    data = detection(tmp_path)
    for k in range(4):
        (tmp_path / f"labels/{k}.txt").write_text("")
    with pytest.raises(DataError, match="its images have no boxes"):
        read_shapes(data, 64, 64)


def test_picture(tmp_path):
    found = kmeans(SHAPES, 3)
    ious = {k: kmeans(SHAPES, k).iou for k in range(1, 5)}
    for name in ("a.png", "a.svg"):
        draw(tmp_path / name, SHAPES, ious, found, 416, 416)
        assert (tmp_path / name).stat().st_size > 5000
    image = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert image.shape[1] > 2 * image.shape[0] and (image.std((0, 1)) > 5).all()
    with pytest.raises(UsageError, match="a plot is written as"):
        draw(tmp_path / "a.doc", SHAPES, ious, found, 416, 416)


def many(folder):
    """A data set with the boxes of SHAPES."""
    data = detection(folder)
    save(folder / "images/0.png", picture(0, 50, 50))
    (folder / "labels/0.txt").write_text("".join(f"0 .5 .5 {w:.6f} {h:.6f}\n" for w, h in SHAPES.tolist()))
    for k in (1, 3):
        (folder / f"labels/{k}.txt").write_text("")
    return data


def test_command(darkpy, tmp_path):
    data = many(tmp_path)
    done = darkpy("anchors", data, "-k", 3, "-size", "416x320", "-upto", 4, "--plot", tmp_path / "a.png")
    assert done.status == 0 and (tmp_path / "a.png").exists()
    lines = done.out.splitlines()
    assert lines[0] == "150 boxes in an input of 416x320" and lines[1] == "  k  average IoU" and len(lines) == 9
    assert lines[-3].startswith("3 anchors, average IoU 9")
    anchors = cfg.convert(lines[-2].partition("anchors=")[2], list[float])
    net = f"[net]\nwidth=416\nheight=320\nchannels=3\n[convolutional]\nfilters=24\n[yolo]\nclasses=3\nnum=3\n" \
          f"{lines[-2].split(maxsplit=2)[2]}\n"
    (tmp_path / "n.cfg").write_text(net)
    assert build(cfg.read(tmp_path / "n.cfg")).layers[-1].config.anchors == anchors
    done = darkpy("anchors", data, "-k", 3, "-upto", 1, "-cfg", tmp_path / "n.cfg")
    assert f"{tmp_path}/n.cfg: its 3 anchors have an average IoU of 9" in done.out


def test_command_as_json(darkpy, tmp_path):
    data = many(tmp_path)
    runs = [darkpy("anchors", data, "-k", 2, "-upto", 3, "--json") for _ in range(2)]
    assert runs[0] == runs[1]
    found = json.loads(runs[0].out)
    assert found["boxes"] == 150 and len(found["anchors"]) == 2 and list(found["by_k"]) == ["1", "2", "3"]


def test_in_the_words_of_a_fork(darkpy, tmp_path):
    done = darkpy("detector", "calc_anchors", many(tmp_path), "-num_of_clusters", 3, "-width", 416, "-height", 416,
                  "-show")
    assert done.status == 0 and done.out.splitlines()[0] == "150 boxes in an input of 416x416"


def test_mistakes(darkpy, tmp_path):
    data = many(tmp_path)
    assert darkpy("anchors", data, "-plot", "x.doc").status == 2
    assert darkpy("anchors", tmp_path / "gone.data").status == 4
    assert darkpy("anchors", data, "-k", 500).status == 4


@pytest.mark.golden
def test_bccd(darkpy, tmp_path):
    assert darkpy("convert", "voc", shared("data", "bccd"), tmp_path / "bccd").status == 0
    done = darkpy("anchors", tmp_path / "bccd/bccd.data", "-k", 5, "-size", "416x320", "-upto", 1)
    assert "3941 boxes in an input of 416x320" in done.out and "5 anchors, average IoU 84." in done.out

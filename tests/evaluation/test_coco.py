"""COCO's measures equal those of its own evaluation program."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from darkpy.evaluation import coco
from darkpy.evaluation.tables import Found, Truth
from tests.evaluation.scenes import scene

cocoapi = pytest.importorskip("pycocotools.coco")
cocoeval = pytest.importorskip("pycocotools.cocoeval")


def wide(box: np.ndarray) -> list[float]:
    left, top, right, bottom = box.tolist()
    return [left, top, right - left, bottom - top]


def official(truth: Truth, found: Found, images: int, classes: int) -> Any:
    """COCOeval after it has done its work."""
    with contextlib.redirect_stdout(io.StringIO()):
        gt = cocoapi.COCO()
        gt.dataset = {
            "images": [{"id": i + 1} for i in range(images)], "categories": [{"id": k + 1} for k in range(classes)],
            "annotations": [{"id": i + 1, "image_id": int(truth.image[i]) + 1, "bbox": wide(truth.boxes[i]),
                             "category_id": int(truth.class_id[i]) + 1, "area": float(truth.area[i]),
                             "iscrowd": int(truth.crowd[i])} for i in range(len(truth.image))]}
        gt.createIndex()
        dt = gt.loadRes([{"image_id": int(found.image[i]) + 1, "category_id": int(found.class_id[i]) + 1,
                          "bbox": wide(found.boxes[i]), "score": float(found.confidence[i])}
                         for i in range(len(found.image))])
        done = cocoeval.COCOeval(gt, dt, "bbox")
        done.evaluate()
        done.accumulate()
        done.summarize()
    return done


@pytest.mark.parametrize(("seed", "images", "crowds"),
                         [(0, 6, 0.0), (1, 6, 0.15), (2, 1, 0.1), (3, 12, 0.4), (4, 3, 1.0)])
def test_parity(seed, images, crowds):
    truth, found = scene(seed, images, crowds=crowds)
    theirs, ours = official(truth, found, images, 4), coco.evaluate(truth, found, 4)
    np.testing.assert_allclose(np.nan_to_num(list(ours.summary().values()), nan=-1), theirs.stats, rtol=0, atol=1e-9)
    precision = theirs.eval["precision"][..., -1]  # overlaps, levels, classes, sizes
    ap = np.where((precision < 0).any(axis=1), np.nan, precision.mean(axis=1))
    np.testing.assert_allclose(ours.ap, ap.transpose(2, 0, 1), rtol=0, atol=1e-9)
    recall = theirs.eval["recall"]  # overlaps, classes, sizes, MOST
    np.testing.assert_allclose(ours.recall, np.where(recall < 0, np.nan, recall).transpose(2, 3, 0, 1), atol=1e-9)


def test_more_than_a_hundred_detections_in_an_image():
    """COCO looks at the hundred most confident ones of each image and class."""
    truth, found = scene(5, images=1, classes=1)
    rows = np.tile(np.arange(len(found.image)), 8)
    many = Found.of(found.image[rows], found.class_id[rows], found.boxes[rows],
                    np.random.default_rng(0).random(len(rows)))
    np.testing.assert_allclose(list(coco.evaluate(truth, many, 1).summary().values()),
                               official(truth, many, 1, 1).stats, rtol=0, atol=1e-9)


def test_perfect_and_nothing():
    truth, found = scene(6)
    exact = Found.of(truth.image, truth.class_id, truth.boxes, np.ones(len(truth.image)))
    assert coco.evaluate(truth, exact, 4).summary()["AP"] == pytest.approx(1)
    none = Found.of([], [], [], [])
    assert coco.evaluate(truth, none, 4).summary()["AP50"] == 0
    empty = coco.evaluate(Truth.of([], [], []), found, 4)
    assert np.isnan(list(empty.summary().values())).all()
    assert coco.evaluate(truth, exact, 6).class_ap()[:4] == pytest.approx(1)
    assert np.isnan(coco.evaluate(truth, exact, 6).class_ap()[4:]).all()

"""VOC's measures: small cases worked out by hand, and random ones against a second, plainer program."""

import numpy as np
import pytest

from darkpy.evaluation import voc
from darkpy.evaluation.curves import average_precision, curve
from darkpy.evaluation.matching import IGNORED, RIGHT, WRONG, match_voc
from darkpy.evaluation.tables import Found, Truth
from tests.evaluation.scenes import scene

SQUARE = [0, 0, 10, 10]


def right_of(x: float) -> list[float]:
    """The square moved: it overlaps by (10 - x) / (10 + x)."""
    return [x, 0, 10 + x, 10]


def test_average_precision_by_hand():
    """Right, wrong, right, with four objects: recall .25 .25 .5, precision 1, 1/2, 2/3."""
    c = curve(np.array([0.9, 0.8, 0.7]), np.array([RIGHT, WRONG, RIGHT]), 4)
    assert c.recall.tolist() == [0.25, 0.25, 0.5]
    assert c.precision == pytest.approx([1, 1 / 2, 2 / 3])
    assert c.ap(0) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    assert c.ap(11) == pytest.approx((3 * 1 + 3 * 2 / 3) / 11)  # levels 0 .1 .2, then .3 .4 .5
    assert c.ap(101) == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)  # 0 to .25, .26 to .50


def test_levels_that_are_met_exactly_count():
    recall, precision = np.arange(1, 11) / 10, np.linspace(1, 0.1, 10)
    assert average_precision(recall, precision, 11) == pytest.approx((1 + precision.sum()) / 11)


def test_the_first_detection_of_an_object_counts():
    truth = Truth.of([0, 0, 1], [0, 1, 0], [SQUARE, SQUARE, SQUARE])
    found = Found.of([0, 0, 0, 1, 2], [0, 0, 1, 0, 0], [right_of(1), SQUARE, right_of(9), right_of(1), SQUARE],
                     [0.6, 0.9, 0.8, 0.7, 0.5])
    matches = match_voc(truth, found)
    assert matches.verdict.tolist() == [WRONG, RIGHT, WRONG, RIGHT, WRONG]
    assert matches.object.tolist() == [0, 0, 1, 2, -1]
    assert matches.iou == pytest.approx([9 / 11, 1, 1 / 19, 9 / 11, 0])
    scores = voc.evaluate(truth, found, 3, thresh=0.55)
    assert scores.aps()[:2] == pytest.approx([1, 0]) and np.isnan(scores.aps()[2])
    assert scores.mean_ap() == pytest.approx(0.5)
    assert [(s.right, s.wrong, s.missed) for s in scores.scores] == [(2, 1, 0), (0, 1, 1), (0, 0, 0)]
    total = scores.total
    assert (total.precision, total.recall, total.f1) == pytest.approx((2 / 4, 2 / 3, 4 / 7))
    assert total.iou == pytest.approx((1 + 9 / 11) / 4)


def test_a_detection_belongs_to_what_it_overlaps_most():
    """Even where that is taken and another object would do: the second is wrong, unlike in COCO."""
    truth = Truth.of([0, 0], [0, 0], [SQUARE, right_of(2)])
    found = Found.of([0, 0], [0, 0], [SQUARE, right_of(0.9)], [0.9, 0.8])
    assert match_voc(truth, found).verdict.tolist() == [RIGHT, WRONG]


def test_difficult_objects_neither_help_nor_harm():
    truth = Truth.of([0, 0], [0, 0], [SQUARE, right_of(100)], difficult=[True, False])
    found = Found.of([0, 0, 0], [0, 0, 0], [SQUARE, SQUARE, right_of(100)], [0.9, 0.8, 0.7])
    assert match_voc(truth, found).verdict.tolist() == [IGNORED, IGNORED, RIGHT]
    assert voc.evaluate(truth, found, 1).mean_ap() == 1


def test_an_overlap_of_exactly_the_threshold():
    truth, found = Truth.of([0], [0], [SQUARE]), Found.of([0], [0], [[0, 0, 10, 5]], [1])
    assert match_voc(truth, found, 0.5).verdict.tolist() == [RIGHT]
    assert match_voc(truth, found, 0.501).verdict.tolist() == [WRONG]


def plain_ap(truth, found, k, least, points):
    """AP by loops alone."""
    taken, right, wrong, points_seen = set(), 0, 0, []
    objects = sum(1 for t in range(len(truth.image)) if truth.class_id[t] == k and not truth.difficult[t])
    for d in sorted(range(len(found.image)), key=lambda d: (-found.confidence[d], d)):
        if found.class_id[d] != k:
            continue
        best, overlap = None, -1.0
        for t in range(len(truth.image)):
            if (truth.class_id[t], truth.image[t]) == (k, found.image[d]):
                (a, b, c, e), (p, q, r, s) = truth.boxes[t], found.boxes[d]
                w, h = min(c, r) - max(a, p), min(e, s) - max(b, q)
                common = w * h if w > 0 and h > 0 else 0.0
                iou = common / ((c - a) * (e - b) + (r - p) * (s - q) - common)
                if iou > overlap:
                    best, overlap = t, iou
        if overlap >= least and truth.difficult[best]:
            continue
        hit = overlap >= least and best not in taken
        taken |= {best} if hit else set()
        right, wrong = right + hit, wrong + (not hit)
        points_seen.append((right / objects, right / (right + wrong)))
    # COCO's levels are a little beside i / 100, and that decides whether a level is met exactly
    levels = {0: sorted({r for r, _ in points_seen}), 11: [i / 10 for i in range(11)],
              101: np.linspace(0, 1, 101).tolist()}[points]
    total, before = 0.0, 0.0
    for level in levels:
        height = max((p for r, p in points_seen if r >= level), default=0.0)
        total += height * ((level - before) if not points else 1 / points)
        before = level
    return total


@pytest.mark.parametrize("points", [0, 11, 101])
@pytest.mark.parametrize(("seed", "least"), [(0, 0.5), (1, 0.3), (2, 0.75)])
def test_against_loops(seed, least, points):
    truth, found = scene(seed, difficult=0.2)
    expected = [plain_ap(truth, found, k, least, points) for k in range(4)]
    assert voc.evaluate(truth, found, 4, least).aps(points) == pytest.approx(expected, abs=1e-12)
    assert 0.05 < np.mean(expected) < 0.95


def test_nothing_at_all():
    none, found = Truth.of([], [], []), Found.of([0], [1], [SQUARE], [0.9])
    scores = voc.evaluate(none, found, 2)
    assert np.isnan(scores.mean_ap()) and scores.total.wrong == 1 and scores.total.f1 == 0
    truth = Truth.of([0], [1], [SQUARE])
    scores = voc.evaluate(truth, Found.of([], [], [], []), 2)
    assert scores.mean_ap() == 0 and (scores.total.precision, scores.total.recall) == (0, 0)

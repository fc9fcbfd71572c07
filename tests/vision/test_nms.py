"""Suppression: results and order of the original, and properties."""


import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpy.vision.boxes import iou, pairwise_iou
from darkpy.vision.nms import nms_obj, nms_sort
from tests.shared import golden, shared


@pytest.mark.golden
@pytest.mark.parametrize("thresh", [0.45, 0.25])
def test_recorded_suppression_within_classes(thresh):
    _, arrays = golden("misc", "boxes.npz")
    prob, order = nms_sort(arrays["nms_boxes"], arrays["nms_obj"], arrays["nms_prob"], thresh)
    np.testing.assert_array_equal(prob, arrays[f"do_nms_sort_{thresh}_prob"])
    np.testing.assert_array_equal(order, arrays[f"do_nms_sort_{thresh}_order"])


@pytest.mark.golden
@pytest.mark.parametrize("thresh", [0.45, 0.25])
def test_recorded_suppression_by_objectness(thresh):
    _, arrays = golden("misc", "boxes.npz")
    objectness, prob, order = nms_obj(arrays["nms_boxes"], arrays["nms_obj"], arrays["nms_prob"], thresh)
    np.testing.assert_array_equal(objectness, arrays[f"do_nms_obj_{thresh}_obj"])
    np.testing.assert_array_equal(prob, arrays[f"do_nms_obj_{thresh}_prob"])
    np.testing.assert_array_equal(order, arrays[f"do_nms_obj_{thresh}_order"])


@pytest.mark.golden
@pytest.mark.parametrize("thresh", ["0.5", "0.24"])
def test_recorded_detections(thresh):
    for path in sorted(shared("golden", "detect").glob("*.npz")):
        meta, arrays = golden("detect", path.name)
        rows = arrays[f"pre_nms_{thresh}"]
        prob, order = nms_sort(rows[:, :4], rows[:, 4], rows[:, 5:], meta["nms"])
        found = [(k, prob[i, k], *rows[i, [4, 0, 1, 2, 3]]) for i in order for k in np.flatnonzero(prob[i])]
        found.sort(key=lambda row: -row[1])
        np.testing.assert_allclose(np.array(found, np.float32), arrays[f"boxes_{thresh}"], rtol=0, atol=1e-6)


def suppress_slowly(rows, objectness, prob, thresh):
    """Darknet's list handling, step by step."""
    entries = list(range(len(rows)))
    live, i = len(entries), 0
    while i < live:
        if objectness[entries[i]] == 0:
            live -= 1
            entries[i], entries[live] = entries[live], entries[i]
        else:
            i += 1
    prob = prob.copy()
    for k in range(prob.shape[1]):
        entries[:live] = sorted(entries[:live], key=lambda e: -prob[e, k])
        for i in range(live):
            if prob[entries[i], k] != 0:
                for later in entries[i + 1 : live]:
                    if iou(rows[entries[i]], rows[later]) > thresh:
                        prob[later, k] = 0
    return prob, entries


level = st.sampled_from([0.0, 0.0, 0.25, 0.5, 0.75, 1.0])
place = st.integers(0, 6).map(lambda v: v / 8)


@st.composite
def detections(draw):
    n, classes = draw(st.integers(0, 12)), draw(st.integers(1, 4))
    rows = draw(st.lists(st.tuples(place, place, place, place), min_size=n, max_size=n))
    prob = draw(st.lists(st.lists(level, min_size=classes, max_size=classes), min_size=n, max_size=n))
    objectness = draw(st.lists(level, min_size=n, max_size=n))
    return (
        np.array(rows, np.float32).reshape(n, 4),
        np.array(objectness, np.float32),
        np.array(prob, np.float32).reshape(n, classes),
    )


@settings(max_examples=300, deadline=None)
@given(detections(), st.sampled_from([0.0, 0.3, 0.45, 1.0]))
def test_suppression_follows_its_definition_and_is_idempotent(found, thresh):
    rows, objectness, prob = found
    before = prob.copy()
    result, order = nms_sort(rows, objectness, prob, thresh)
    np.testing.assert_array_equal(prob, before)
    with np.errstate(all="ignore"):
        expected, entries = suppress_slowly(rows, objectness, prob, thresh)
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(order, entries)
    np.testing.assert_array_equal(nms_sort(rows, objectness, result, thresh)[0], result)

    objectness_1, prob_1, order = nms_obj(rows, objectness, prob, thresh)
    assert sorted(order) == list(range(len(rows)))
    assert not prob_1[(objectness_1 == 0) & (objectness != 0)].any()
    objectness_2, prob_2, _ = nms_obj(rows, objectness_1, prob_1, thresh)
    np.testing.assert_array_equal(objectness_2, objectness_1)
    np.testing.assert_array_equal(prob_2, prob_1)


def test_many_boxes_cross_the_blocks():
    rng = np.random.default_rng(4)
    rows = rng.random((900, 4), dtype=np.float32) * [1, 1, 0.2, 0.2]
    prob = rng.random((900, 1), dtype=np.float32)
    result, order = nms_sort(rows, np.ones(900), prob)
    kept = np.flatnonzero(result[:, 0])
    assert 128 < len(kept) < 900
    table = pairwise_iou(rows.astype(np.float32), rows.astype(np.float32))
    assert (table[np.ix_(kept, kept)] > 0.45).sum() == len(kept)
    for gone in np.flatnonzero(result[:, 0] == 0):
        assert ((table[gone, kept] > 0.45) & (prob[kept, 0] >= prob[gone, 0])).any()
    assert (np.diff(prob[order, 0]) <= 0).all()


def test_nan_and_infinity_do_no_harm():
    odd = np.array([np.nan, np.inf, -np.inf, 0, 1, 1e38], np.float32)
    rows = np.stack(np.meshgrid(odd, odd, odd, odd), axis=-1).reshape(-1, 4)
    prob = np.resize(odd, (len(rows), 5))
    result, order = nms_sort(rows, np.resize(odd, len(rows)), prob)
    assert result.shape == prob.shape and sorted(order) == list(range(len(rows)))
    nms_obj(rows, np.resize(odd, len(rows)), prob)
    good = np.array([[0.5, 0.5, 0.2, 0.2]] * 2 + [[np.nan] * 4], np.float32)
    result, _ = nms_sort(good, np.ones(3), np.array([[0.9], [0.8], [0.7]]))
    np.testing.assert_array_equal(result[:, 0] > 0, [True, False, True])


def test_no_detections_and_wrong_arguments():
    prob, order = nms_sort(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 80)))
    assert prob.shape == (0, 80) and order.shape == (0,)
    with pytest.raises(ValueError, match="do not match"):
        nms_sort(np.zeros((2, 4)), np.zeros(3), np.zeros((2, 1)))
    with pytest.raises(ValueError, match="between 0 and 1"):
        nms_obj(np.zeros((1, 4)), np.zeros(1), np.zeros((1, 1)), thresh=1.5)

"""Overlaps, formats, the letterbox's way back, label transforms: against the original and as properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpy.vision import boxes, truth
from darkpy.vision.image import letterbox_size
from tests.shared import golden

fraction = st.floats(0, 1, width=32)
box = st.tuples(fraction, fraction, fraction, fraction).map(lambda values: np.array(values, np.float32))
any_float = st.floats(width=32, allow_nan=True, allow_infinity=True)


@pytest.mark.golden
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("box_iou", boxes.iou),
        ("box_intersection", boxes.intersection),
        ("box_union", boxes.union),
        ("box_rmse", boxes.rmse),
        ("encode_box", boxes.encode),
        ("decode_box", boxes.decode),
    ],
)
def test_recorded_measures(name, call):
    _, arrays = golden("misc", "boxes.npz")
    result = call(arrays["a"], arrays["b"])
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, arrays[name], rtol=1e-6, atol=1e-5)


@pytest.mark.golden
def test_recorded_label_transforms():
    _, arrays = golden("misc", "boxes.npz")
    for j, (dx, dy, sx, sy, flip) in enumerate(arrays["correct_params"]):
        labels = truth.correct_truth(arrays["labels"], dx, dy, sx, sy, bool(flip))
        np.testing.assert_allclose(labels, arrays[f"correct_boxes_{j}"], rtol=0, atol=1e-6)

        expected = arrays[f"fill_truth_detection_{j}"]
        result = truth.fill_truth_detection(labels, 90)
        kept = int((expected[:, 0] != 0).sum())
        assert not result[kept:].any()
        # The original shuffles its labels.
        np.testing.assert_allclose(by_rows(result[:kept]), by_rows(expected[:kept]), rtol=0, atol=1e-6)

        expected = arrays[f"fill_truth_region_{j}"]
        result = truth.fill_truth_region(labels, 7, expected.shape[-1] - 5)
        np.testing.assert_array_equal(result[..., 0], expected[..., 0])
        # Which of two labels in one cell came first is left to the shuffling; each cell must hold one of the labels.
        alone = np.stack([truth.fill_truth_region(labels[i : i + 1], 7, 5) for i in range(len(labels))])
        for grid in (result, expected):
            for row, column in np.argwhere(grid[..., 0]):
                distance = np.abs(alone[:, row, column] - grid[row, column]).max(axis=-1)
                assert distance.min() <= 1e-5


def by_rows(rows):
    return rows[np.lexsort(np.round(rows, 4).T)]


@given(box, box)
def test_iou_is_symmetric_and_in_range(a, b):
    ab, ba = boxes.iou(a, b), boxes.iou(b, a)
    np.testing.assert_array_equal(ab, ba)
    # The sides of very thin boxes drown in the rounding of their edges; nothing can be said of them.
    if min(*a[2:], *b[2:]) > 0.01:
        assert 0 <= ab <= 1 + 1e-4
        assert abs(boxes.iou(a, a) - 1) < 1e-4


@given(st.lists(st.tuples(any_float, any_float, any_float, any_float), min_size=1, max_size=4))
def test_no_number_makes_an_overlap_fail(rows):
    with np.errstate(all="ignore"):
        a = np.array(rows, np.float32)
        assert boxes.pairwise_iou(a, a[:2]).shape == (len(a), len(a[:2]))
        for call in (boxes.union, boxes.rmse, boxes.encode, boxes.decode):
            assert len(call(a, a)) == len(a)


def test_pairs_and_precision():
    rng = np.random.default_rng(0)
    a, b = rng.random((7, 4)), rng.random((5, 4))
    table = boxes.pairwise_iou(a, b)
    assert table.dtype == np.float64 and table.shape == (7, 5)
    assert table[3, 2] == boxes.iou(a[3], b[2])
    np.testing.assert_allclose(boxes.decode(boxes.encode(a, b[0]), b[0]), a)
    np.testing.assert_allclose(boxes.to_xywh(boxes.to_xyxy(a)), a)
    np.testing.assert_array_equal(boxes.to_xyxy(np.array([5, 6, 4, 2])), [3, 5, 7, 7])
    assert boxes.iou(np.zeros((0, 4)), np.zeros((0, 4))).shape == (0,)
    with pytest.raises(ValueError, match=r"\(\.\.\., 4\)"):
        boxes.iou(a[:, :3], b)


@given(*[st.integers(1, 3000)] * 2, *[st.integers(1, 800)] * 2, box)
def test_correct_boxes_undoes_the_letterbox(image_w, image_h, net_w, net_h, original):
    new_w, new_h = letterbox_size(image_w, image_h, net_w, net_h)
    left, top = (net_w - new_w) // 2, (net_h - new_h) // 2
    scale = np.array([new_w, new_h, new_w, new_h]) / (net_w, net_h, net_w, net_h)
    seen = original * scale + (left / net_w, top / net_h, 0, 0)
    # With an odd margin the original puts boxes half an input pixel off.
    odd = np.array([(net_w - new_w) % 2 / 2 / new_w, (net_h - new_h) % 2 / 2 / new_h, 0, 0])
    found = boxes.correct_boxes(seen, image_w, image_h, net_w, net_h)
    np.testing.assert_allclose(found + odd, original, rtol=0, atol=1e-4 * max(net_w / new_w, net_h / new_h))
    pixels = boxes.correct_boxes(seen, image_w, image_h, net_w, net_h, relative=False)
    np.testing.assert_allclose(pixels, found * (image_w, image_h, image_w, image_h), rtol=1e-5)


@given(st.lists(st.tuples(st.integers(0, 9), fraction, fraction, fraction, fraction), max_size=6), st.booleans())
def test_corrected_labels_stay_in_the_image(rows, flip):
    labels = truth.correct_truth(rows, 0.1, -0.2, 1.3, 0.7, flip)
    assert labels.shape == (len(rows), 5)
    real = labels[labels[:, 1] != truth.NO_BOX]
    assert (real[:, 1:] >= 0).all() and (real[:, 1:] <= 1).all()
    filled = truth.fill_truth_detection(labels, 3)
    assert filled.shape == (3, 5)
    ends = np.flatnonzero(filled[:, 2] == 0)
    assert not len(ends) or not filled[ends[0] :].any()
    grid = truth.fill_truth_region(labels, 2, 4)
    assert grid.shape == (2, 2, 9) and (grid[..., 1:5].sum(-1) <= 1).all()


def test_no_labels():
    assert truth.correct_truth([], 0, 0, 1, 1, False).shape == (0, 5)
    assert not truth.fill_truth_detection(np.zeros((0, 5)), 4).any()
    assert not truth.fill_truth_region([], 7, 20).any()

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

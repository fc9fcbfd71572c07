"""Suppression: results and order of the original, and properties."""

import glob
from pathlib import Path

import numpy as np
import pytest

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

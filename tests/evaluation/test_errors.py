"""The confusion matrix and the kinds of errors, on cases with known answers."""

import numpy as np

from darkpy.evaluation.breakdown import VOC_GROUPS, error_breakdown, similar_classes
from darkpy.evaluation.confusion import confusion_matrix
from darkpy.evaluation.tables import Found, Truth
from tests.evaluation.scenes import scene

SQUARE = [0, 0, 10, 10]
NAMES = ["dog", "cat", "car"]


def at(x: float) -> list[float]:
    return [x, 0, x + 10, 10]


def test_confusion():
    truth = Truth.of([0, 0, 0, 0, 1], [0, 1, 2, 2, 0], [at(0), at(100), at(200), at(300), at(0)],
                     difficult=[False] * 3 + [True, False])
    found = Found.of([0, 0, 0, 0, 0, 0, 2, 1], [0, 0, 1, 2, 2, 1, 1, 0],
                     [at(1), at(100), at(100), at(50), at(300), at(200), at(0), at(0)],
                     [0.9, 0.9, 0.3, 0.8, 0.9, 0.9, 0.9, 0.1])
    assert confusion_matrix(truth, found, 3).tolist() == [
        [1, 0, 0, 1],  # a dog found, and one not confident enough
        [0, 1, 0, 0],  # at equal overlap the right class, though less confident
        [0, 1, 0, 0],  # a car taken for a cat
        [1, 1, 1, 0],  # a dog beside the cat, a cat and a car where nothing is; the difficult car does not count
    ]


def test_confusion_counts_every_object_and_detection():
    truth, found = scene(0)
    matrix = confusion_matrix(truth, found, 4, thresh=0.5)
    np.testing.assert_array_equal(matrix[:4].sum(axis=1), truth.per_class(4))
    np.testing.assert_array_equal(matrix[:, :4].sum(axis=0),
                                  np.bincount(found.class_id[found.confidence > 0.5], minlength=4))
    assert matrix[4, 4] == 0 and np.trace(matrix) > 10


def test_kinds_of_errors():
    similar = similar_classes(NAMES)
    assert similar.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    truth = Truth.of([0, 0, 0, 1, 1, 1, 1], [0, 1, 2, 0, 0, 0, 0],
                     [at(0), at(100), at(200), at(0), at(100), at(200), at(300)])
    found = Found.of([0, 0, 0, 0, 0, 0], [0] * 6, [at(0), at(1), at(5), at(100), at(200), at(50)],
                     [0.9, 0.8, 0.7, 0.6, 0.55, 0.5])
    # right; a second one there; overlaps by a third; a cat; a car; nothing, but five objects: five are looked at
    assert error_breakdown(truth, found, similar).tolist() == [[1, 2, 1, 1, 0], [0] * 5, [0] * 5]
    assert error_breakdown(truth, found, similar, top=6).tolist()[0] == [1, 2, 1, 1, 1]
    assert error_breakdown(truth, found, similar, top=2).tolist()[0] == [1, 1, 0, 0, 0]


def test_groups():
    similar = similar_classes(["person", "sheep", "aeroplane", "bird", "sofa", "zebra"], VOC_GROUPS)
    assert similar[0, 1] and similar[2, 3] and not similar[0, 2] and not similar[4, 0] and not similar[5].any()


def test_nothing_found():
    assert error_breakdown(Truth.of([0], [0], [SQUARE]), Found.of([], [], [], []), similar_classes(NAMES)).sum() == 0

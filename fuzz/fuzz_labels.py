"""Any bytes as the labels of an image: rows of a class and a box in the image, or a line that names the file."""

import numpy as np
from harness import file_of, fuzz, instrumented, refusing

with instrumented():
    from darkpy.datasets.labels import read_labels
    from darkpy.errors import DataError

CLASSES = 20


def attempt(data: bytes) -> None:
    path = file_of(data, "a.txt")
    with refusing(path, DataError):
        rows = read_labels(path, CLASSES)
        assert rows.dtype == np.float32 and rows.ndim == 2 and rows.shape[1] == 5 and np.isfinite(rows).all()
        assert np.isin(rows[:, 0], np.arange(CLASSES)).all()
        assert (rows[:, 1:] >= -0.01).all() and (rows[:, 1:] <= 1.01).all()


if __name__ == "__main__":
    fuzz(attempt)

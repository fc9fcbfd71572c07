"""Any bytes as an image: pixels within the bound, or a line that names the file."""

import numpy as np
from harness import file_of, fuzz, instrumented, refusing

with instrumented():
    from darkpy.errors import DataError
    from darkpy.vision.decode import read_image

PIXELS = 1 << 20


def attempt(data: bytes) -> None:
    path = file_of(data, "a.jpg")
    with refusing(path, DataError):
        image = read_image(path, PIXELS)
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and 0 < image.size <= 3 * PIXELS


if __name__ == "__main__":
    fuzz(attempt)

"""What a classifier is shown of an image, and what it makes of a list of images: the sum of its answers to all views.

The views are those of the original's commands.  Sizes are those of the net's input, w x h.

    letterbox   all of it, on grey: predict, csv            ten      ten windows of it, five of them mirrored: valid10
    middle      its largest middle square: valid            whole    all of it, the net as large as needed: validfull
    cut         its middle, at w pixels a side: label       scales   four sizes, each also mirrored: validmulti
    stretched   all of it: validcrop, test
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from darkpy.classifier import Classifier
from darkpy.errors import DataError
from darkpy.pictures import OnError
from darkpy.vision import image
from darkpy.vision.decode import read_image, to_float

SHIFT = 32  # pixels between the windows of `ten`
SCALES = (224, 256, 288, 320)  # longer sides of `scales`, for a net of USUAL
USUAL, RANGE = 256, (128, 448)  # inputs in this range are taken as usual; others vary by the same factors

View = Callable[[np.ndarray, int, int], list[np.ndarray]]  # uint8 (H, W, C), w, h -> float32 (C, ., .) each


def letterbox(rgb: np.ndarray, w: int, h: int) -> list[np.ndarray]:
    return [image.letterbox_uint8(rgb, w, h)]


def middle(rgb: np.ndarray, w: int, h: int) -> list[np.ndarray]:
    return [image.center_crop(to_float(rgb), w, h)]


def cut(rgb: np.ndarray, w: int, h: int) -> list[np.ndarray]:
    sized = image.resize_min(to_float(rgb), w)
    return [image.crop(sized, (sized.shape[2] - w) // 2, (sized.shape[1] - h) // 2, w, h)]


def stretched(rgb: np.ndarray, w: int, h: int) -> list[np.ndarray]:
    return [image.resize_uint8(rgb, w, h)]


def ten(rgb: np.ndarray, w: int, h: int) -> list[np.ndarray]:
    """The outer windows reach beyond the image on two sides, where its edge is repeated."""
    sized = image.resize_uint8(rgb, w + SHIFT, h + SHIFT)
    places = [(-SHIFT, -SHIFT), (SHIFT, -SHIFT), (0, 0), (-SHIFT, SHIFT), (SHIFT, SHIFT)]
    return [image.crop(one, x, y, w, h) for one in (sized, image.flip(sized)) for x, y in places]


def whole(rgb: np.ndarray, w: int, h: int) -> list[np.ndarray]:
    return [image.resize_min(to_float(rgb), w)]


def scales(rgb: np.ndarray, w: int, h: int) -> list[np.ndarray]:
    sides = SCALES if RANGE[0] <= w <= RANGE[1] else [max(1, side * w // USUAL) for side in SCALES]
    sized = [image.resize_max(to_float(rgb), side) for side in sides]
    return [view for one in sized for view in (one, image.flip(one))]


def predict(model: Classifier, paths: Sequence[str], view: View, batch: int = 8, on_error: OnError | None = None
            ) -> Iterator[tuple[int, np.ndarray]]:
    """The number of each image in `paths` and its probabilities (classes,), summed over its views.

    `batch` images are computed at once where they are of one size.  `on_error` is called with an image that cannot be
    read, and its error; without it the error is raised.
    """
    channels, h, w = model.input_shape

    def seen() -> Iterator[tuple[int, list[np.ndarray]]]:
        for i, path in enumerate(paths):
            try:
                yield i, view(read_image(path, channels=channels), w, h)
            except DataError as e:
                if on_error is None:
                    raise
                on_error(path, e)

    images = seen()
    while taken := list(islice(images, batch)):
        total = np.zeros((len(taken), len(model.names)), np.float32)
        groups: dict[tuple[int, ...], list[tuple[int, np.ndarray]]] = {}
        for row, (_, views) in enumerate(taken):
            for x in views:
                groups.setdefault(x.shape, []).append((row, x))
        for same in groups.values():
            np.add.at(total, [row for row, _ in same], model.probabilities(np.stack([x for _, x in same])))
        for (i, _), p in zip(taken, total, strict=True):
            yield i, p

"""Images on their way into a network: files, arrays, Pillow images -> net input, decoded ahead while the net works.

What may be given as an image, everywhere in darkpy:

    a path, or the bytes of an image file
    uint8 (H, W, 3) RGB, also (H, W, 4) with alpha and grey (H, W) or (H, W, 1).  OpenCV's images are BGR: turn them
        with image[..., ::-1]
    float (3, H, W) or (H, W, 3) RGB in [0, 1]
    a PIL.Image
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from darkpy.errors import DarkpyError, ModelError, UsageError
from darkpy.vision.decode import read_image, to_float, to_uint8
from darkpy.vision.image import letterbox, letterbox_uint8, resize

T = TypeVar("T")
R = TypeVar("R")
OnError = Callable[[Any, DarkpyError], None]


@dataclass
class Picture:
    """One image: `rgb` uint8 (H, W, 3) as it was given, and `x` (C, h, w), what the net gets of it."""

    path: str | None
    rgb: np.ndarray
    x: np.ndarray
    ms: float  # spent on decoding and resizing

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.rgb.shape[1], self.rgb.shape[0]


def load(source: Any, shape: tuple[int, int, int], fit: bool = True) -> Picture:
    """An image for a net of input `shape` (C, h, w): letterboxed, or stretched without `fit`.

    Raises DataError for a file that is no image, UsageError for an array that is none.
    """
    start = time.perf_counter()
    channels, h, w = shape
    path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
    if isinstance(source, (str, bytes, os.PathLike)):
        image = read_image(source, channels=channels)
    elif isinstance(source, np.ndarray):
        image = from_array(source, channels)
    else:
        image = from_pillow(source, channels)
    if image.dtype == np.uint8:
        x = letterbox_uint8(image, w, h) if fit else resize(to_float(image), w, h)
        rgb = image
    else:
        x = letterbox(image, w, h) if fit else resize(image, w, h)
        rgb = to_uint8(image)
    rgb = np.repeat(rgb, 3, axis=2) if channels == 1 else rgb[:, :, :3]
    return Picture(path, rgb, x, (time.perf_counter() - start) * 1000)


def from_array(array: np.ndarray, channels: int) -> np.ndarray:
    """uint8 (H, W, channels), or float32 (channels, H, W) where floats were given."""
    shape = array.shape
    if 0 in shape:
        raise UsageError(f"an image of shape {shape} has no pixels")
    if array.dtype == np.uint8:
        array = array[:, :, None] if array.ndim == 2 else array
        if array.ndim == 3 and array.shape[2] == 1 and channels == 3:
            array = np.repeat(array, 3, axis=2)
        if array.ndim == 3 and array.shape[2] == 4 and channels == 3:
            array = array[:, :, :3]
        if array.ndim != 3 or array.shape[2] != channels:
            raise UsageError(f"an image of shape {shape}: this net takes uint8 images (H, W, {channels})")
        return array
    if array.dtype.kind != "f":
        raise UsageError(f"an image of {array.dtype}: give uint8 in 0 to 255, or floats in 0 to 1")
    array = array[None] if array.ndim == 2 and channels == 1 else array
    if array.ndim != 3 or channels not in (array.shape[0], array.shape[2]):
        raise UsageError(f"an image of shape {shape}: this net takes float images ({channels}, H, W) "
                         f"or (H, W, {channels})")
    if not (array.min() >= -1e-3 and array.max() <= 1.001):
        raise UsageError(f"a float image with values from {array.min():g} to {array.max():g}: they belong between "
                         "0 and 1 (give uint8 for 0 to 255)")
    return np.ascontiguousarray(array if array.shape[0] == channels else array.transpose(2, 0, 1), np.float32)


def from_pillow(source: Any, channels: int) -> np.ndarray:
    """uint8 (H, W, channels) of a Pillow image, upright."""
    from PIL import Image, ImageOps

    if not isinstance(source, Image.Image):
        raise UsageError(f"a {type(source).__name__} is no image: give a path, bytes, an array or a PIL.Image")
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    return from_array(np.asarray(ImageOps.exif_transpose(source).convert(mode)), channels)


def is_one(sources: Any) -> bool:
    """Whether `sources` is a single image, not a collection of them."""
    if isinstance(sources, np.ndarray):
        return sources.ndim < 4
    return isinstance(sources, (str, bytes, os.PathLike)) or not isinstance(sources, Iterable)


def check_input(shape: tuple[int, ...], path: str) -> tuple[int, int, int]:
    """The input shape of a net that takes images; ModelError for others."""
    if len(shape) != 3:
        raise ModelError(f"{path}: its input is {shape[0]} numbers, not an image: use darkpy.load and forward")
    if shape[0] not in (1, 3, 4):
        raise ModelError(f"{path}: channels={shape[0]}: images have 1, 3 or 4: use darkpy.load and forward")
    return shape


def batches(sources: Any, shape: tuple[int, int, int], fit: bool, batch: int,
            on_error: OnError | None) -> Iterator[list[Picture]]:
    """The images in order, up to `batch` at a time, those that cannot be read left out.

    `on_error` is called with the source of such an image and its error; without it the error is raised, once the
    images before it were given.
    """
    if batch < 1:
        raise UsageError(f"batch={batch}: it is at least 1")
    sources = [sources] if is_one(sources) else sources
    # a generator (a camera, a prompt) may wait for the result before it gives the next image
    early = batch if batch > 1 or isinstance(sources, Sized) else 0
    loaded = ahead(lambda source: load(source, shape, fit), sources, early)
    while taken := list(islice(loaded, batch)):
        good = []
        for source, future in taken:
            try:
                good.append(future.result())
            except DarkpyError as e:
                if on_error is None:
                    if good:
                        yield good
                    raise
                on_error(source, e)
        if good:
            yield good


def ahead(function: Callable[[T], R], items: Iterable[T], count: int) -> Iterator[tuple[T, Future[R]]]:
    """(item, future of function(item)) in order, with `count` further items under way in another thread.

    `items` is only touched by the caller's thread, and by no more than `count` items too early.
    """
    waiting: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(1, "darkpy-decode") as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) > count:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            for _, future in waiting:
                future.cancel()

"""Rotation, rotated crops and free placing, all by bilinear samples that count as 0 outside the image.

Images are float32 (C, H, W).  These are the geometric half of Darknet's data augmentation.  Unlike `image.resize`,
which ends exactly on the last pixel, samples here may fall beyond it and are then blended with 0.
"""

from __future__ import annotations

import math

import numpy as np

from darkpy.jit import njit

_LEVELS = (np.arange(256) / 255.0).astype(np.float32)  # of a byte; the division of decode.to_float


@njit
def _sample(image, x, y, out, out_y, out_x):
    """out[:, out_y, out_x] = the image (C, H, W) at the point x, y (float32), with zeros around the image."""
    channels, height, width = image.shape
    if not (-1 < x < width and -1 < y < height):  # also refuses NaN, which has no pixel
        out[:, out_y, out_x] = 0
        return
    column = int(math.floor(x))
    row = int(math.floor(y))
    dx = x - np.float32(column)
    dy = y - np.float32(row)
    # Neighbours outside get weight 0 and, so that they can be read, the place of the neighbour inside.
    left = np.float32(1) - dx if column >= 0 else np.float32(0)
    right = dx if column + 1 < width else np.float32(0)
    above = np.float32(1) - dy if row >= 0 else np.float32(0)
    below = dy if row + 1 < height else np.float32(0)
    i0, i1 = max(row, 0), min(row + 1, height - 1)
    j0, j1 = max(column, 0), min(column + 1, width - 1)
    for c in range(channels):
        upper = above * left * image[c, i0, j0] + above * right * image[c, i0, j1]
        lower = below * left * image[c, i1, j0] + below * right * image[c, i1, j1]
        out[c, out_y, out_x] = upper + lower


@njit
def _rotate_into(image, out, angle, zoom, shift_x, shift_y, aspect):
    """out pixel (x, y), taken from its centre, is turned by `angle` and looked up around the centre of the image."""
    height, width = image.shape[1:]
    new_height, new_width = out.shape[1:]
    cos, sin = math.cos(angle), math.sin(angle)
    for y in range(new_height):
        v = (y - new_height / 2.0) / zoom + shift_y / zoom
        for x in range(new_width):
            u = (x - new_width / 2.0) / zoom * aspect + shift_x / zoom * aspect
            source_x = np.float32(cos * u - sin * v + width / 2.0)
            source_y = np.float32(sin * u + cos * v + height / 2.0)
            _sample(image, source_x, source_y, out, y, x)


@njit
def _place_into(image, w, h, dx, dy, canvas):
    height, width = image.shape[1:]
    for y in range(max(0, -dy), min(h, canvas.shape[1] - dy)):
        source_y = np.float32(y) / np.float32(h) * np.float32(height)
        for x in range(max(0, -dx), min(w, canvas.shape[2] - dx)):
            source_x = np.float32(x) / np.float32(w) * np.float32(width)
            _sample(image, source_x, source_y, canvas, y + dy, x + dx)


@njit
def _place_pixels(pixels, levels, w, h, dx, dy, mirror, out):
    """`_place_into` for uint8 (H, W, C); the same sums in the same order, but each weight is computed once."""
    height, width, channels = pixels.shape
    first, end = max(0, -dx), min(w, out.shape[2] - dx)
    column = np.empty((2, max(w, 1)), np.int64)
    weight = np.empty((2, max(w, 1)), np.float32)
    for x in range(first, end):
        position = np.float32(x) / np.float32(w) * np.float32(width)
        left = min(int(position), width - 1)
        column[0, x] = left
        column[1, x] = min(left + 1, width - 1)
        weight[1, x] = position - np.float32(left) if left + 1 < width else np.float32(0)
        weight[0, x] = np.float32(1) - (position - np.float32(left))
    for y in range(max(0, -dy), min(h, out.shape[1] - dy)):
        position = np.float32(y) / np.float32(h) * np.float32(height)
        row = min(int(position), height - 1)
        below = position - np.float32(row)
        above = np.float32(1) - below
        if row + 1 >= height:
            below = np.float32(0)
        upper, lower = pixels[row], pixels[min(row + 1, height - 1)]
        for x in range(first, end):
            i, j = column[0, x], column[1, x]
            left, right = weight[0, x], weight[1, x]
            target = out.shape[2] - 1 - x - dx if mirror else x + dx
            for c in range(channels):
                a = above * left * levels[upper[i, c]] + above * right * levels[upper[j, c]]
                b = below * left * levels[lower[i, c]] + below * right * levels[lower[j, c]]
                out[c, y + dy, target] = a + b


def _planes(image: np.ndarray) -> np.ndarray:
    image = np.ascontiguousarray(image, dtype=np.float32)
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"expected an image (C, H, W), got {image.shape}")
    return image


def rotate(image: np.ndarray, angle: float) -> np.ndarray:
    """Turn by `angle` radians about the centre, in a frame of the same size; what comes from outside is black."""
    return rotate_crop(image, angle, 1.0, image.shape[2], image.shape[1], 0.0, 0.0, 1.0)


def rotate_crop(
    image: np.ndarray, angle: float, zoom: float, w: int, h: int, dx: float, dy: float, aspect: float
) -> np.ndarray:
    """A w x h window of the image turned by `angle` radians and magnified by `zoom`.

    dx, dy  shift of the window from the image's centre, in output pixels
    aspect  how many times wider than high a window pixel is in the source
    """
    image = _planes(image)
    if w < 1 or h < 1:
        raise ValueError(f"a window of {w}x{h} pixels")
    out = np.empty((image.shape[0], h, w), np.float32)
    # Darknet keeps these in single precision; the angle decides which pixels are looked up.
    args = [float(np.float32(value)) for value in (angle, zoom, dx, dy, aspect)]
    _rotate_into(image, out, *args)
    return out


def place(image: np.ndarray, w: int, h: int, dx: int, dy: int, canvas: np.ndarray) -> np.ndarray:
    """A copy of `canvas` with the image, stretched to w x h, laid on it at (dx, dy); what sticks out is cut off.

    Column x samples x / w * W, without the corner alignment of `image.resize`.
    """
    image = _planes(image)
    out = np.array(canvas, dtype=np.float32, order="C")
    if out.ndim != 3 or out.shape[0] != image.shape[0]:
        raise ValueError(f"a canvas {out.shape} for an image {image.shape}")
    _place_into(image, int(w), int(h), int(dx), int(dy), out)
    return out


def place_uint8(rgb: np.ndarray, w: int, h: int, dx: int, dy: int, out: np.ndarray, mirror: bool = False) -> None:
    """`place` of `to_float(rgb)`, uint8 (H, W, C), onto `out`, contiguous float32 (C, h, w), itself, in one pass.

    With `mirror` what is laid on it is mirrored left and right, as if all of `out` were afterwards.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or 0 in rgb.shape:
        raise ValueError(f"expected uint8 (H, W, C), got {rgb.dtype} {rgb.shape}")
    if out.dtype != np.float32 or out.ndim != 3 or out.shape[0] != rgb.shape[2] or not out.flags.c_contiguous:
        raise ValueError(f"a canvas {out.dtype} {out.shape} for an image {rgb.shape}")
    _place_pixels(np.ascontiguousarray(rgb), _LEVELS, int(w), int(h), int(dx), int(dy), mirror, out)

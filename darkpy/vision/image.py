"""Darknet's image geometry on planar float images: resize, letterbox, crop, flip and friends.

An image is float32 (C, H, W), usually RGB in [0, 1].  Widths come before heights and x before y, as in Darknet.

Resizing is bilinear in two passes, columns first.  The corners of both images lie on each other: output column j
samples input column j * (W - 1) / (w - 1), and the last output column (row) is the last input column (row).  This
differs from OpenCV and Pillow, whose samples sit at pixel centres, and does not average when shrinking.

In two cases the original is not followed.  An output of height 1, where it divides by zero, takes the last row here,
just as an output of width 1 takes the last column in both.  And at about one height in twenty rounding makes the
original fade its last row to black; here that row is the last row of the input, always.
"""

from __future__ import annotations

import numpy as np

from darkpy.jit import njit

# The same division as decode.to_float, done once for each level.
_LEVELS = (np.arange(256) / 255.0).astype(np.float32)


@njit
def _positions(n_in, n_out):
    """For each output index its left neighbour (n_out,) and the weight of the right one (n_out,)."""
    left = np.empty(n_out, np.int64)
    weight = np.empty(n_out, np.float32)
    step = np.float32(n_in - 1) / np.float32(n_out - 1)
    for i in range(n_out):
        position = np.float32(i) * step
        left[i] = min(int(position), n_in - 1)
        weight[i] = position - np.float32(left[i])
        if i == n_out - 1 or left[i] == n_in - 1:  # the end exactly, whatever rounding made of the product
            left[i] = n_in - 1
            weight[i] = 0
    return left, weight


@njit
def _resize_row(row, left, weight, out):
    """out[j] = the value of `row` between left[j] and its right neighbour."""
    last = row.size - 1
    for j in range(out.size):
        i = left[j]
        w = weight[j]
        out[j] = (np.float32(1) - w) * row[i] + w * row[min(i + 1, last)]


@njit
def _mix_rows(above, below, weight, out):
    for j in range(out.size):
        out[j] = (np.float32(1) - weight) * above[j] + weight * below[j]


@njit
def _copy(row, out):
    for j in range(out.size):  # to assign a slice means the same, but compiles for seconds
        out[j] = row[j]


@njit
def _resize_planes(image, out):
    """Resize float32 (C, H, W) into the view `out` (C, h, w)."""
    channels, height, width = image.shape
    new_height, new_width = out.shape[1:]
    column, column_weight = _positions(width, new_width)
    row, row_weight = _positions(height, new_height)
    above = np.empty(new_width, np.float32)
    below = np.empty(new_width, np.float32)
    for c in range(channels):
        held_above = held_below = -1  # the input rows now in the two buffers
        for r in range(new_height):
            i = row[r]
            if held_above != i:
                if held_below == i:
                    above, below = below, above
                    held_below = held_above
                else:
                    _resize_row(image[c, i], column, column_weight, above)
                held_above = i
            if row_weight[r] == 0:
                _copy(above, out[c, r])
                continue
            if held_below != i + 1:
                _resize_row(image[c, i + 1], column, column_weight, below)
                held_below = i + 1
            _mix_rows(above, below, row_weight[r], out[c, r])


@njit
def _resize_pixel_row(row, left, weight, levels, out):
    """`_resize_row` for one row of pixels: uint8 (W, C) to float32 (C, w)."""
    last = row.shape[0] - 1
    for j in range(out.shape[1]):
        i = left[j]
        k = min(i + 1, last)
        w = weight[j]
        for c in range(out.shape[0]):
            out[c, j] = (np.float32(1) - w) * levels[row[i, c]] + w * levels[row[k, c]]


@njit
def _resize_pixels(pixels, levels, out):
    """Convert and resize uint8 (H, W, C) into the view `out` (C, h, w): all channels of a row at once."""
    height, width, channels = pixels.shape
    new_height, new_width = out.shape[1:]
    column, column_weight = _positions(width, new_width)
    row, row_weight = _positions(height, new_height)
    above = np.empty((channels, new_width), np.float32)
    below = np.empty((channels, new_width), np.float32)
    held_above = held_below = -1
    for r in range(new_height):
        i = row[r]
        if held_above != i:
            if held_below == i:
                above, below = below, above
                held_below = held_above
            else:
                _resize_pixel_row(pixels[i], column, column_weight, levels, above)
            held_above = i
        if row_weight[r] == 0:
            for c in range(channels):
                _copy(above[c], out[c, r])
            continue
        if held_below != i + 1:
            _resize_pixel_row(pixels[i + 1], column, column_weight, levels, below)
            held_below = i + 1
        for c in range(channels):
            _mix_rows(above[c], below[c], row_weight[r], out[c, r])


def _planes(image: np.ndarray) -> np.ndarray:
    """The image as contiguous float32 (C, H, W) with at least one pixel."""
    image = np.ascontiguousarray(image, dtype=np.float32)
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"expected an image (C, H, W), got {image.shape}")
    return image


def _pixels(rgb: np.ndarray) -> np.ndarray:
    """The image as contiguous uint8 (H, W, C) with at least one pixel."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or 0 in rgb.shape:
        raise ValueError(f"expected uint8 (H, W, C), got {rgb.dtype} {rgb.shape}")
    return np.ascontiguousarray(rgb)


def _check_size(w: int, h: int) -> None:
    if w < 1 or h < 1:
        raise ValueError(f"an image of {w}x{h} pixels")


def resize(image: np.ndarray, w: int, h: int) -> np.ndarray:
    """Resize (C, H, W) to (C, h, w) without keeping the aspect ratio."""
    image = _planes(image)
    _check_size(w, h)
    if image.shape[1:] == (h, w):
        return image.copy()
    out = np.empty((image.shape[0], h, w), np.float32)
    _resize_planes(image, out)
    return out


def resize_uint8(rgb: np.ndarray, w: int, h: int) -> np.ndarray:
    """`resize(to_float(rgb), w, h)` in one pass: uint8 (H, W, C) to float32 (C, h, w)."""
    rgb = _pixels(rgb)
    _check_size(w, h)
    out = np.empty((rgb.shape[2], h, w), np.float32)
    _resize_pixels(rgb, _LEVELS, out)
    return out


def letterbox_size(image_w: int, image_h: int, w: int, h: int) -> tuple[int, int]:
    """Width and height an image takes inside a w x h letterbox: as large as fits, in Darknet's integer arithmetic.

    An image so thin that it would vanish keeps one pixel (the original drops it, and divides by zero afterwards).
    """
    if np.float32(w) / np.float32(image_w) < np.float32(h) / np.float32(image_h):
        return w, max(1, image_h * w // image_w)
    return max(1, image_w * h // image_h), h


def letterbox(image: np.ndarray, w: int, h: int) -> np.ndarray:
    """Fit (C, H, W) into (C, h, w), keeping the aspect ratio, centred on grey 0.5."""
    image = _planes(image)
    out, inner = _letterbox_canvas(image.shape[0], image.shape[2], image.shape[1], w, h)
    _resize_planes(image, inner)
    return out


def letterbox_uint8(rgb: np.ndarray, w: int, h: int) -> np.ndarray:
    """`letterbox(to_float(rgb), w, h)` in one pass: uint8 (H, W, C) to float32 (C, h, w)."""
    rgb = _pixels(rgb)
    out, inner = _letterbox_canvas(rgb.shape[2], rgb.shape[1], rgb.shape[0], w, h)
    _resize_pixels(rgb, _LEVELS, inner)
    return out


def _letterbox_canvas(c: int, image_w: int, image_h: int, w: int, h: int) -> tuple[np.ndarray, np.ndarray]:
    """The grey canvas (C, h, w) and the view of it that the resized image fills."""
    _check_size(w, h)
    new_w, new_h = letterbox_size(image_w, image_h, w, h)
    left, top = (w - new_w) // 2, (h - new_h) // 2
    out = np.empty((c, h, w), np.float32)
    out[:, :top] = 0.5
    out[:, top + new_h :] = 0.5
    out[:, top : top + new_h, :left] = 0.5
    out[:, top : top + new_h, left + new_w :] = 0.5
    return out, out[:, top : top + new_h, left : left + new_w]


def resize_min(image: np.ndarray, size: int) -> np.ndarray:
    """Resize so that the shorter side is `size`, the other in proportion (rounded down, at least 1)."""
    h, w = image.shape[1:]
    return resize(image, size, max(1, h * size // w)) if w < h else resize(image, max(1, w * size // h), size)


def resize_max(image: np.ndarray, size: int) -> np.ndarray:
    """Resize so that the longer side is `size`, the other in proportion (rounded down, at least 1)."""
    h, w = image.shape[1:]
    return resize(image, size, max(1, h * size // w)) if w > h else resize(image, max(1, w * size // h), size)


def crop(image: np.ndarray, dx: int, dy: int, w: int, h: int) -> np.ndarray:
    """The w x h window whose top left pixel is (dx, dy); outside the image its edge pixels are repeated."""
    image = _planes(image)
    _check_size(w, h)
    rows = np.clip(np.arange(dy, dy + h), 0, image.shape[1] - 1)
    columns = np.clip(np.arange(dx, dx + w), 0, image.shape[2] - 1)
    return image.take(rows, axis=1).take(columns, axis=2)


def center_crop(image: np.ndarray, w: int, h: int) -> np.ndarray:
    """The largest centred square, resized to w x h."""
    height, width = image.shape[1:]
    side = min(width, height)
    return resize(crop(image, (width - side) // 2, (height - side) // 2, side, side), w, h)


def embed(source: np.ndarray, dest: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """A copy of `dest` (C, H, W) with `source` laid on it, top left pixel at (dx, dy); what sticks out is cut off."""
    out = np.array(dest, dtype=np.float32)
    h, w = source.shape[1:]
    top, left = max(0, -dy), max(0, -dx)
    bottom, right = min(h, out.shape[1] - dy), min(w, out.shape[2] - dx)
    if top < bottom and left < right:
        out[:, dy + top : dy + bottom, dx + left : dx + right] = source[:, top:bottom, left:right]
    return out


def border(image: np.ndarray, size: int) -> np.ndarray:
    """A white border of `size` pixels on every side."""
    return np.pad(_planes(image), ((0, 0), (size, size), (size, size)), constant_values=1)


def flip(image: np.ndarray) -> np.ndarray:
    """Mirror left and right."""
    return np.ascontiguousarray(_planes(image)[:, :, ::-1])


def transpose(image: np.ndarray) -> np.ndarray:
    """Exchange rows and columns.  (The original takes square images only.)"""
    return np.ascontiguousarray(_planes(image).transpose(0, 2, 1))


def rotate_cw(image: np.ndarray, times: int) -> np.ndarray:
    """Turn by `times` quarter turns, counter-clockwise in spite of the name Darknet gave it; negative turns back."""
    return np.ascontiguousarray(np.rot90(_planes(image), times, axes=(1, 2)))

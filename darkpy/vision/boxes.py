"""Boxes: overlap measures, formats, and the way back from a letterboxed image to the original one.

A box is (x, y, w, h): centre and size, in fractions of the image unless said otherwise.  Functions take arrays (..., 4)
and work on the last axis; float32 in gives float32 out, by Darknet's order of operations.  NaN passes through.
"""

from __future__ import annotations

import numpy as np

from darkpy.vision.image import letterbox_size


def _parts(boxes: np.ndarray) -> tuple[np.ndarray, ...]:
    """x, y, w, h as separate arrays of a floating type."""
    boxes = np.asarray(boxes)
    if boxes.shape[-1:] != (4,):
        raise ValueError(f"expected boxes (..., 4), got {boxes.shape}")
    if boxes.dtype != np.float64:
        boxes = boxes.astype(np.float32, copy=False)
    return boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]


def _overlap(x1: np.ndarray, w1: np.ndarray, x2: np.ndarray, w2: np.ndarray) -> np.ndarray:
    """Length of the common part of two intervals given by centre and length; negative if they are apart."""
    return np.minimum(x1 + w1 / 2, x2 + w2 / 2) - np.maximum(x1 - w1 / 2, x2 - w2 / 2)


def intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Area common to the boxes a and b, each (..., 4) and broadcast against each other."""
    ax, ay, aw, ah = _parts(a)
    bx, by, bw, bh = _parts(b)
    width, height = _overlap(ax, aw, bx, bw), _overlap(ay, ah, by, bh)
    return np.where((width < 0) | (height < 0), width.dtype.type(0), width * height)


def union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Area covered by a or b."""
    _, _, aw, ah = _parts(a)
    _, _, bw, bh = _parts(b)
    return aw * ah + bw * bh - intersection(a, b)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union, in [0, 1]; NaN for two boxes without area (0/0), which no comparison lets pass."""
    common = intersection(a, b)
    _, _, aw, ah = _parts(a)
    _, _, bw, bh = _parts(b)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return common / (aw * ah + bw * bh - common)


def pairwise_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of every box of a (N, 4) with every box of b (M, 4), as (N, M)."""
    return iou(np.asarray(a)[:, None], np.asarray(b)[None])


def rmse(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distance of the four numbers (Darknet's name promises a mean, but there is none)."""
    return np.sqrt(sum((p - q) ** 2 for p, q in zip(_parts(a), _parts(b), strict=True)))


def encode(boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Boxes relative to anchors: centre offset in anchor sizes, binary logarithm of the size ratio."""
    x, y, w, h = _parts(boxes)
    ax, ay, aw, ah = _parts(anchors)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([(x - ax) / aw, (y - ay) / ah, np.log2(w / aw), np.log2(h / ah)], axis=-1)


def decode(encoded: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """The inverse of `encode`."""
    x, y, w, h = _parts(encoded)
    ax, ay, aw, ah = _parts(anchors)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.stack([x * aw + ax, y * ah + ay, np.exp2(w) * aw, np.exp2(h) * ah], axis=-1)


def to_xyxy(boxes: np.ndarray) -> np.ndarray:
    """(x, y, w, h) by centre to (left, top, right, bottom)."""
    x, y, w, h = _parts(boxes)
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=-1)


def to_xywh(corners: np.ndarray) -> np.ndarray:
    """(left, top, right, bottom) to (x, y, w, h) by centre."""
    left, top, right, bottom = _parts(corners)
    return np.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], axis=-1)


def correct_boxes(
    boxes: np.ndarray, image_w: int, image_h: int, net_w: int, net_h: int, relative: bool = True
) -> np.ndarray:
    """Boxes found in a letterboxed net_w x net_h input, as boxes of the original image_w x image_h image.

    boxes     (..., 4) in fractions of the network's input
    relative  True gives fractions of the original image, False its pixels

    The margin is taken as exactly half of what is left, while `letterbox` starts the image at a whole pixel: with an
    odd remainder boxes are off by half an input pixel.  Published scores include that, so it stays.
    """
    x, y, w, h = (part.astype(np.float64) for part in _parts(boxes))
    left, top, x_part, y_part, w_factor, h_factor = letterbox_terms(image_w, image_h, net_w, net_h)
    x = (x - left) / x_part
    y = (y - top) / y_part
    w = w * w_factor
    h = h * h_factor
    corrected = np.stack([x, y, w, h], axis=-1)
    if not relative:
        corrected *= (image_w, image_h, image_w, image_h)
    return corrected.astype(np.float32)


def letterbox_terms(image_w: int, image_h: int, net_w: int, net_h: int) -> tuple[float, ...]:
    """The margins at the left and the top, the image's parts of width and height, and what w and h are to be
    multiplied with; all as fractions of the net's input, those after the margins rounded to float32."""
    new_w, new_h = letterbox_size(image_w, image_h, net_w, net_h)
    factors = (new_w / net_w, new_h / net_h, net_w / new_w, net_h / new_h)
    return ((net_w - new_w) / 2 / net_w, (net_h - new_h) / 2 / net_h, *(float(np.float32(f)) for f in factors))

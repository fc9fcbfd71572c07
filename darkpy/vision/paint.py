"""Kernels that paint: a masked colour gradient onto a sprite, and a sprite onto a picture.

A sprite is float32 (h, w, 4): red, green, blue times alpha, then alpha.  A picture is float32 (H, W, 3) in [0, 1].
"""

from __future__ import annotations

import math

import numpy as np

from darkpy.jit import njit


@njit
def blend(sprite, mask, left, top, near, far, line, is_round, opacity):
    """Lay a gradient over `sprite` where `mask` uint8 (h, w), whose corner is at (left, top), lets it through.

    The colour goes from `near` (3,) at one end of `line` (x, y, x, y), in pixels of the sprite, to `far` at the other,
    and stays the same beyond; is_round: in circles around the first end, else along the line.
    """
    ax, ay = line[0], line[1]
    dx, dy = line[2] - ax, line[3] - ay
    length = max(dx * dx + dy * dy, 1e-12)
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            if mask[i, j] == 0:
                continue
            a = opacity * mask[i, j] / 255.0
            x, y = left + j + 0.5 - ax, top + i + 0.5 - ay
            t = math.sqrt((x * x + y * y) / length) if is_round else (x * dx + y * dy) / length
            t = min(max(t, 0.0), 1.0)
            pixel = sprite[top + i, left + j]
            for k in range(3):
                pixel[k] += a * (near[k] + t * (far[k] - near[k]) - pixel[k])
            pixel[3] += a * (1.0 - pixel[3])


@njit
def emboss(sprite, slope, strength):
    """Colours of `sprite` times 1 + strength * slope (h, w), within .4 and 1.5 and never above the alpha."""
    for i in range(sprite.shape[0]):
        for j in range(sprite.shape[1]):
            pixel = sprite[i, j]
            factor = min(max(np.float32(1) + strength * slope[i, j], np.float32(0.4)), np.float32(1.5))
            for k in range(3):
                pixel[k] = min(pixel[k] * factor, pixel[3])


@njit
def expose(picture, gain, noise, out):
    """out uint8 = `picture` (h, w, 3) times `gain` (3,), plus `noise` (h, w), from [0, 1] to bytes."""
    for i in range(picture.shape[0]):
        for j in range(picture.shape[1]):
            for k in range(3):
                value = picture[i, j, k] * gain[k] + noise[i, j]
                out[i, j, k] = np.uint8(
                    min(max(value, np.float32(0)), np.float32(1)) * np.float32(255) + np.float32(0.5)
                )


@njit
def stamp(picture, sprite, left, top, light, owner, number):
    """Lay a sprite onto `picture` with its corner at (left, top), its colours times `light` (3,).

    Where it covers more than half of a pixel, `owner` int32 (H, W) becomes `number`.  What is outside is left out.
    """
    height, width = picture.shape[:2]
    for i in range(max(0, -top), min(sprite.shape[0], height - top)):
        for j in range(max(0, -left), min(sprite.shape[1], width - left)):
            a = sprite[i, j, 3]
            if a <= 0:
                continue
            pixel = picture[top + i, left + j]
            for k in range(3):
                pixel[k] += sprite[i, j, k] * light[k] - a * pixel[k]
            if a > 0.5:
                owner[top + i, left + j] = number


@njit
def count(owner, counts):
    """counts[k] = pixels of `owner` that are k; others than 0 to len(counts) - 1 are left out."""
    counts[:] = 0
    for i in range(owner.shape[0]):
        for j in range(owner.shape[1]):
            k = owner[i, j]
            if 0 <= k < len(counts):
                counts[k] += 1

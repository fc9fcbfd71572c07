"""Colours and levels: HSV and YUV, the distortion of training images, grey, normalising, thresholds.

Images are float32 (C, H, W), RGB unless said otherwise.  HSV has all three parts in [0, 1]; the hue of a grey pixel is
undefined and comes out as NaN, as in Darknet, which does no harm because its saturation is 0.
"""

from __future__ import annotations

import numpy as np

from darkpy.jit import njit

_ZERO, _ONE, _TWO, _FOUR, _SIX = (np.float32(v) for v in (0, 1, 2, 4, 6))
_TO_YUV = np.array([[0.299, 0.587, 0.114], [-0.14713, -0.28886, 0.436], [0.615, -0.51499, -0.10001]], np.float32)
_FROM_YUV = np.array([[1, 0, 1.13983], [1, -0.39465, -0.58060], [1, 2.03211, 0]], np.float32)


@njit
def _rgb_to_hsv(r, g, b):
    """One pixel.  The hue is in sixths of the circle first: 0 red, 2 green, 4 blue."""
    high = max(max(r, g), b)
    delta = high - min(min(r, g), b)
    if high == 0:
        return _ZERO, _ZERO, high
    if r == high:
        hue = (g - b) / delta
    elif g == high:
        hue = _TWO + (b - r) / delta
    else:
        hue = _FOUR + (r - g) / delta
    if hue < 0:
        hue += _SIX
    return hue / _SIX, delta / high, high


@njit
def _hsv_to_rgb(h, s, v):
    """One pixel.  A hue of exactly 1 falls into the last sixth with fraction 0 (magenta, not red), as in Darknet."""
    if s == 0:
        return v, v, v
    h = _SIX * h
    whole = np.floor(h)
    fraction = h - whole
    p = v * (_ONE - s)
    q = v * (_ONE - s * fraction)
    t = v * (_ONE - s * (_ONE - fraction))
    if whole == 0:
        return v, t, p
    if whole == 1:
        return q, v, p
    if whole == 2:
        return p, v, t
    if whole == 3:
        return p, q, v
    if whole == 4:
        return t, p, v
    return v, p, q


@njit
def _rgb_to_hsv_planes(image, out):
    for y in range(image.shape[1]):
        for x in range(image.shape[2]):
            out[0, y, x], out[1, y, x], out[2, y, x] = _rgb_to_hsv(image[0, y, x], image[1, y, x], image[2, y, x])


@njit
def _hsv_to_rgb_planes(image, out):
    for y in range(image.shape[1]):
        for x in range(image.shape[2]):
            out[0, y, x], out[1, y, x], out[2, y, x] = _hsv_to_rgb(image[0, y, x], image[1, y, x], image[2, y, x])


@njit
def _distort_planes(image, hue, saturation, exposure, out):
    for y in range(image.shape[1]):
        for x in range(image.shape[2]):
            h, s, v = _rgb_to_hsv(image[0, y, x], image[1, y, x], image[2, y, x])
            h += hue
            if h > 1:
                h -= _ONE
            if h < 0:
                h += _ONE
            pixel = _hsv_to_rgb(h, s * saturation, v * exposure)
            for c in range(3):
                out[c, y, x] = min(max(pixel[c], _ZERO), _ONE)


def _rgb(image: np.ndarray) -> np.ndarray:
    image = np.ascontiguousarray(image, dtype=np.float32)
    if image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"expected an image (3, H, W), got {image.shape}")
    return image


def rgb_to_hsv(image: np.ndarray) -> np.ndarray:
    """RGB (3, H, W) to hue, saturation, value; hue is NaN where the pixel is grey but not black."""
    image = _rgb(image)
    out = np.empty_like(image)
    _rgb_to_hsv_planes(image, out)
    return out


def hsv_to_rgb(image: np.ndarray) -> np.ndarray:
    """HSV (3, H, W) to RGB; nothing is clipped."""
    image = _rgb(image)
    out = np.empty_like(image)
    _hsv_to_rgb_planes(image, out)
    return out


def rgb_to_yuv(image: np.ndarray) -> np.ndarray:
    """RGB (3, H, W) to analogue YUV (BT.601)."""
    return np.tensordot(_TO_YUV, _rgb(image), axes=1)


def yuv_to_rgb(image: np.ndarray) -> np.ndarray:
    """YUV (3, H, W) to RGB."""
    return np.tensordot(_FROM_YUV, _rgb(image), axes=1)


def distort(image: np.ndarray, hue: float, saturation: float, exposure: float) -> np.ndarray:
    """Multiply saturation and value, turn the hue by the fraction `hue` of the circle, clip to [0, 1].

    The saturation is not clipped in between, so a factor above 1 can push channels below 0 before the final clip.
    """
    image = _rgb(image)
    out = np.empty_like(image)
    _distort_planes(image, np.float32(hue), np.float32(saturation), np.float32(exposure), out)
    return out


def saturate(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply the saturation, clip to [0, 1]."""
    return distort(image, 0.0, factor, 1.0)


def exposure(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply the value (brightness), clip to [0, 1]."""
    return distort(image, 0.0, 1.0, factor)


def saturate_exposure(image: np.ndarray, saturation: float, exposure: float) -> np.ndarray:
    """Multiply both, clip to [0, 1]."""
    return distort(image, 0.0, saturation, exposure)


def hue(image: np.ndarray, turn: float) -> np.ndarray:
    """Turn the hue by the fraction `turn` of the circle (-1 to 1), clip to [0, 1]."""
    return distort(image, turn, 1.0, 1.0)


def grayscale(image: np.ndarray, channels: int = 1) -> np.ndarray:
    """Luma of an RGB image as (1, H, W), or repeated to (3, H, W) with channels=3."""
    luma = np.tensordot(_TO_YUV[:1], _rgb(image), axes=1)
    return np.repeat(luma, channels, axis=0)


def translate(image: np.ndarray, offset: float) -> np.ndarray:
    """Add `offset` to every level."""
    return image + np.float32(offset)


def scale(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply every level by `factor`."""
    return image * np.float32(factor)


def normalize(image: np.ndarray) -> np.ndarray:
    """Stretch the levels of the whole image to [0, 1]; a flat image (span below 1e-9) is left alone."""
    return _stretch(image, (0, 1, 2))


def normalize2(image: np.ndarray) -> np.ndarray:
    """Stretch the levels of each channel to [0, 1]; flat channels are left alone."""
    return _stretch(image, (1, 2))


def _stretch(image: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    image = np.asarray(image, dtype=np.float32)
    low = image.min(axis=axes, keepdims=True)
    span = image.max(axis=axes, keepdims=True) - low
    flat = span < 1e-9
    return np.where(flat, image, (image - low) / np.where(flat, _ONE, span))


def threshold(image: np.ndarray, level: float) -> np.ndarray:
    """1 where the image is above `level`, else 0."""
    return (image > np.float32(level)).astype(np.float32)


def binarize(image: np.ndarray) -> np.ndarray:
    """1 where the image is above one half, else 0."""
    return threshold(image, 0.5)


def constrain(image: np.ndarray) -> np.ndarray:
    """Clip to [0, 1]; NaN stays."""
    return np.clip(image, _ZERO, _ONE)


def rgbgr(image: np.ndarray) -> np.ndarray:
    """Exchange red and blue."""
    return np.ascontiguousarray(_rgb(image)[::-1])


def blend(fore: np.ndarray, back: np.ndarray, alpha: float) -> np.ndarray:
    """alpha * fore + (1 - alpha) * back."""
    weight = np.float32(alpha)
    return weight * fore + (_ONE - weight) * back

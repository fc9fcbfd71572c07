"""Image files to uint8 RGB arrays and back, with every size checked before anything is decoded.

Darknet hands a path to stb_image and goes on with whatever comes back.  Here a file from outside gives either an array
or one DataError line.  Two differences in the pixels are meant: the orientation a camera wrote into EXIF is applied,
and JPEG is decoded by libjpeg, whose levels differ from stb_image's by at most 3 (by less than 0.2 on average).
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
from typing import IO

import numpy as np
from PIL import ExifTags, Image, ImageFile

from darkpy.atomic import replacing
from darkpy.errors import DataError
from darkpy.vision.textfile import PathLike, os_problem, show

# Pixels of the largest image read unless the caller says otherwise: 512 MiB as RGB bytes.
MAX_PIXELS = 178_956_970

# What may be opened.  Not everything Pillow knows: its EPS reader, for one, starts another program.  TGA comes last
# because its header has no signature and almost any bytes can look like one.
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "PPM", "WEBP", "TIFF", "TGA")

# EXIF orientation -> what turns the stored pixels upright.
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(source: PathLike | bytes, max_pixels: int = MAX_PIXELS, channels: int = 3) -> np.ndarray:
    """Decode an image file, or the bytes of one, to uint8 (H, W, channels).

    channels  3 gives RGB (alpha is dropped, not blended, as Darknet does), 4 RGBA, 1 grey by stb_image's weights.
    Palettes, grey, CMYK and 16 bits a sample are converted; an animation gives its first frame.  A 16-bit grey level v
    becomes v/257, rounded.  The size in the header is checked against `max_pixels` before decoding.

    Raises DataError naming the file: missing, a directory, unreadable, empty, not an image, truncated, too large.
    """
    if channels not in (1, 3, 4):
        raise ValueError(f"channels={channels}: an image is read with 1, 3 or 4")
    if isinstance(source, bytes):
        return _decode(io.BytesIO(source), "image bytes", max_pixels, channels)
    with _open(source) as file:
        return _decode(file, show(source), max_pixels, channels)


def image_size(source: PathLike) -> tuple[int, int]:
    """Width and height `read_image` would give, from the file's header alone.  Raises DataError."""
    with _open(source) as file:
        place = show(source)
        try:
            image = _identify(file, place)
            _check_size(image, place, MAX_PIXELS)
            if image.format == "TIFF":  # whether Pillow turns it when it is opened or when it is read has changed
                image.load()
                image = _upright(image)  # type: ignore[assignment]
            orientation = _orientation(image)
        except DataError:
            raise
        except Exception as error:  # as many types as in `_decode`
            raise DataError(f"{place}: the image is damaged ({ascii(str(error))}): download or save it again") from None
    width, height = image.size
    return (height, width) if orientation >= 5 else (width, height)  # the sides are exchanged


def _open(source: PathLike) -> IO[bytes]:
    """The file of an image; DataError where there is none."""
    try:
        mode = os.stat(source).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError
        if not stat.S_ISREG(mode):  # reading a pipe or a device could block or never end
            raise DataError(f"{show(source)}: is not a regular file, so not an image: save it to a file first")
        return open(source, "rb")
    except OSError as error:
        raise os_problem(source, error, "an image") from None
    except ValueError:  # a NUL character in the name
        raise DataError(f"{show(source)}: no such file: check the path") from None


def _decode(file: IO[bytes], place: str, max_pixels: int, channels: int) -> np.ndarray:
    """Open, check, decode and convert; `place` starts every message."""
    try:
        image = _identify(file, place)
        _check_size(image, place, max_pixels)
        image.load()
        is_16_bit = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
        return _to_channels(_upright(image), is_16_bit, channels, place)
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{place}: not enough memory to decode it: scale it down") from None
    except Exception as error:  # the decoders raise a dozen types for damaged bytes, struct.error among them
        text = " ".join(str(error).split())
        reason = f" ({text})" if text.isprintable() and text else ""
        damage = "truncated" if _is_truncation(error, text) else f"damaged{reason}"
        raise DataError(f"{place}: the image is {damage}: download or save it again") from None


def _identify(file: IO[bytes], place: str) -> ImageFile.ImageFile:
    """Read the header only and return Pillow's lazy image.

    This is the core of PIL.Image.open.  That function also checks the size, but through a process-wide limit and a
    warning that callers can neither silence nor turn into an error without touching other threads.
    """
    Image.init()
    prefix = file.read(16)
    if not prefix:
        raise DataError(f"{place}: the file is empty: download or save it again")
    begun = ""  # the format whose signature the file bears
    for name in _FORMATS:
        if name not in Image.OPEN:  # Pillow was built without this one
            continue
        factory, accepts = Image.OPEN[name]
        with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
            verdict = accepts(prefix) if accepts is not None else True
            if verdict and not isinstance(verdict, str):  # a text says why a known format cannot be read
                file.seek(0)
                begun = begun or (name if accepts is not None else "")
                return factory(file, "")
    if begun:
        raise DataError(f"{place}: begins as {begun}, but its header is cut off or damaged: download or save it again")
    raise DataError(f"{place}: is not an image darkpy can read: save it as JPEG, PNG, BMP, GIF, PPM, WebP, TIFF or TGA")


def _is_truncation(error: Exception, text: str) -> bool:
    """Whether a decoder's exception means that bytes are missing at the end."""
    text = text.lower()
    return isinstance(error, EOFError) or any(word in text for word in ("truncat", "unexpected end", "not enough"))


def _check_size(image: Image.Image, place: str, max_pixels: int) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise DataError(f"{place}: the image has no pixels ({width}x{height}): save it again")
    if width * height > max_pixels:
        raise DataError(f"{place}: {width}x{height} pixels are more than the {max_pixels:,} allowed: scale it down")


def _orientation(image: Image.Image) -> int:
    """What EXIF says of it, 1 to 8.  A damaged EXIF block is ignored."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # as many types as the decoders raise; the pixels are good all the same
        return 1
    return orientation if isinstance(orientation, int) and orientation in _TO_UPRIGHT else 1


def _upright(image: Image.Image) -> Image.Image:
    """The image turned and mirrored as its EXIF orientation says."""
    orientation = _orientation(image)
    return image if orientation == 1 else image.transpose(_TO_UPRIGHT[orientation])


def _to_channels(image: Image.Image, is_16_bit: bool, channels: int, place: str) -> np.ndarray:
    """Convert any pixel layout Pillow knows to uint8 (H, W, channels)."""
    if is_16_bit:
        levels = np.clip(np.asarray(image), 0, 65535).astype(np.uint32)
        grey = ((levels + 128) // 257).astype(np.uint8)
        image = Image.fromarray(grey)
    elif image.mode in ("I", "F"):  # no convention says which value is white
        raise DataError(f"{place}: has 32 bits a sample; save it with 8 or 16")
    if image.mode in ("P", "PA", "LA", "La", "RGBa"):
        image = image.convert("RGBA")
    if channels == 4:
        return np.array(image.convert("RGBA"))
    rgb = np.array(image if image.mode == "RGB" else image.convert("RGB"))
    if channels == 3:
        return rgb
    red, green, blue = (rgb[:, :, k].astype(np.uint16) for k in range(3))
    return ((77 * red + 150 * green + 29 * blue) >> 8).astype(np.uint8)[:, :, None]


def to_float(rgb: np.ndarray) -> np.ndarray:
    """uint8 (H, W, C) to planar float32 (C, H, W) in [0, 1]: level / 255 rounded to float32, as Darknet's loader."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3:
        raise ValueError(f"expected uint8 (H, W, C), got {rgb.dtype} {rgb.shape}")
    return np.divide(rgb.transpose(2, 0, 1), np.float32(255), dtype=np.float32, order="C")


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Planar float (C, H, W) to uint8 (H, W, C): clipped to [0, 1], times 255, rounded; NaN becomes 0."""
    levels = np.nan_to_num(np.asarray(image, dtype=np.float32).transpose(1, 2, 0))
    return np.rint(np.clip(levels, 0, 1) * 255).astype(np.uint8)


def write_image(path: PathLike, rgb: np.ndarray) -> None:
    """Write uint8 (H, W, 3) or grey (H, W) as .png, or .jpg at quality 95, whole or not at all.

    Raises DataError: unknown ending, no such folder, no permission, disk full.
    """
    ending = os.path.splitext(os.fspath(path))[1].lower()
    options: dict[str, dict[str, object]] = {
        ".png": {"format": "PNG"},
        ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
        ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    }
    if ending not in options:
        raise DataError(f"{show(path)}: an image is written as .jpg or .png, not {ascii(ending) if ending else 'bare'}")
    if rgb.dtype != np.uint8 or rgb.ndim not in (2, 3):
        raise ValueError(f"expected uint8 (H, W, 3) or (H, W), got {rgb.dtype} {rgb.shape}")
    encoded = io.BytesIO()
    try:
        Image.fromarray(np.ascontiguousarray(rgb)).save(encoded, **options[ending])  # type: ignore[arg-type]
    except (OSError, ValueError) as error:  # for one, JPEG ends at 65535 pixels
        raise DataError(f"{show(path)}: cannot be written ({error})") from None
    with replacing(path, DataError) as file:
        file.write(encoded.getbuffer())

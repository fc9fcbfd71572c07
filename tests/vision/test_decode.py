"""Image files: every pixel layout, every fault, and arbitrary bytes."""

import errno
import io
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from darkpy.errors import DarkpyError, DataError
from darkpy.vision.decode import image_size, read_image, to_float, to_uint8, write_image
from tests.shared import golden, shared

PICTURE = np.random.default_rng(5).integers(0, 256, (9, 14, 3), dtype=np.uint8)


def encoded(image, form="PNG", **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def png_header(width, height):
    """A PNG file that claims a size and holds a few bytes of compressed zeros."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def smooth(mode="RGB"):
    """A picture that JPEG keeps well."""
    ramp = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8) * 2
    return Image.fromarray(np.stack([ramp, ramp[::-1], 255 - ramp], axis=-1)).convert(mode)


# ---- pixel layouts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["PNG", "BMP", "PPM", "TIFF", "TGA"])
def test_lossless_formats(form):
    np.testing.assert_array_equal(read_image(encoded(PICTURE, form)), PICTURE)


def test_webp_and_gif_are_read():
    np.testing.assert_array_equal(read_image(encoded(PICTURE, "WEBP", lossless=True)), PICTURE)
    assert read_image(encoded(PICTURE, "GIF")).shape == PICTURE.shape


def test_grey_becomes_three_equal_channels():
    grey = PICTURE[:, :, 0]
    np.testing.assert_array_equal(read_image(encoded(grey)), np.repeat(grey[:, :, None], 3, axis=2))


def test_black_and_white():
    bits = Image.fromarray(PICTURE[:, :, 0]).point(lambda v: 255 * (v > 99), "1")
    assert set(np.unique(read_image(encoded(bits)))) == {0, 255}


def test_palette_with_and_without_transparency():
    palette = Image.fromarray(PICTURE).quantize(32)
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(read_image(encoded(palette)), expected)
    np.testing.assert_array_equal(read_image(encoded(palette, transparency=bytes(range(32)))), expected)


def test_alpha_is_dropped_not_blended():
    alpha = np.concatenate([PICTURE, PICTURE[:, :, :1]], axis=2)
    np.testing.assert_array_equal(read_image(encoded(alpha)), PICTURE)
    np.testing.assert_array_equal(read_image(encoded(alpha), channels=4), alpha)
    grey_alpha = Image.fromarray(alpha).convert("LA")
    np.testing.assert_array_equal(read_image(encoded(grey_alpha))[..., 0], np.asarray(grey_alpha)[..., 0])


def test_sixteen_bit_grey_is_scaled_not_clipped():
    levels = np.array([[0, 128, 129, 257, 32768, 65406, 65407, 65535]], np.uint16)
    expected = [0, 0, 1, 1, 128, 254, 255, 255]
    for form in ("PNG", "TIFF", "PPM"):
        np.testing.assert_array_equal(read_image(encoded(levels, form))[0, :, 1], expected, err_msg=form)


def test_thirty_two_bits_a_sample_are_refused():
    for levels in (np.zeros((3, 3), np.float32), np.zeros((3, 3), np.int32)):
        with pytest.raises(DataError, match="32 bits"):
            read_image(encoded(levels, "TIFF"))


def test_cmyk_jpeg():
    result = read_image(encoded(smooth("CMYK"), "JPEG", quality=100))
    assert np.abs(result.astype(int) - np.asarray(smooth()).astype(int)).mean() < 3


def test_one_channel_uses_the_integer_weights_of_stb_image():
    result = read_image(encoded(PICTURE), channels=1)
    r, g, b = (PICTURE[:, :, k].astype(int) for k in range(3))
    np.testing.assert_array_equal(result[:, :, 0], (77 * r + 150 * g + 29 * b) // 256)
    with pytest.raises(ValueError, match="channels=2"):
        read_image(encoded(PICTURE), channels=2)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_exif_orientation(orientation, form, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.asarray(smooth())
    # What a camera held that way stores: the inverse of what a viewer does to show it.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    options = {"exif": exif} | ({"quality": 98} if form == "JPEG" else {})
    content = encoded(np.ascontiguousarray(stored), form, **options)
    result = read_image(content)
    (tmp_path / "a").write_bytes(content)
    assert image_size(tmp_path / "a") == (upright.shape[1], upright.shape[0])
    assert result.shape == upright.shape
    assert np.abs(result.astype(int) - upright.astype(int)).mean() < 3


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow says so, which is right
def test_damaged_exif_does_not_matter():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(smooth(), "JPEG", exif=exif)
    at = content.index(b"Exif\0\0") + 6
    for offset in range(len(exif.tobytes()) - 6):
        damaged = content[: at + offset] + b"\xff" + content[at + offset + 1 :]
        assert read_image(damaged).shape in ((48, 64, 3), (64, 48, 3))


# ---- faults ---------------------------------------------------------------------------------------------------------


def test_missing_directory_pipe_empty_and_nul(tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    cases = [
        (tmp_path / "none.jpg", "none.jpg: no such file"),
        (tmp_path, "is a directory"),
        (tmp_path / "pipe", "not a regular file"),
        (tmp_path / "empty.jpg", "empty.jpg: the file is empty"),
        ("a\0b", "no such file"),
        (tmp_path / "two\nlines", r"two\\nlines': no such file"),
    ]
    for path, message in cases:
        for read in (read_image, image_size):
            with pytest.raises(DataError, match=message) as caught:
                read(path)
            assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    path = tmp_path / "locked.png"
    path.write_bytes(encoded(PICTURE))
    path.chmod(0)
    with pytest.raises(DataError, match=r"locked.png: no permission"):
        read_image(path)


def test_size_is_checked_before_decoding():
    with pytest.raises(DataError, match="100000x100000 pixels are more than"):
        read_image(png_header(100_000, 100_000))
    with pytest.raises(DataError, match="14x9 pixels are more than the 100 allowed"):
        read_image(encoded(PICTURE), max_pixels=100)
    assert read_image(encoded(PICTURE), max_pixels=14 * 9).shape == PICTURE.shape
    # Between Pillow's limit for a warning and the limit here: no warning, just the truth about the file.
    with pytest.raises(DataError, match="truncated"):
        read_image(png_header(12_000, 8_000))


@pytest.mark.parametrize(("form", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("BMP", "RGB"), ("JPEG", "CMYK")])
def test_truncated(tmp_path, form, mode):
    content = encoded(smooth(mode), form)
    path = tmp_path / "half.jpg"
    path.write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(DataError, match=r"half.jpg: the image is truncated"):
        read_image(path)


def test_what_is_not_an_image():
    for content in (b"<html>not found</html>", b"\x89PNG", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"):
        with pytest.raises(DataError, match="image bytes: is not an image darkpy can read"):
            read_image(content)


SEEDS = [
    encoded(smooth(), "JPEG"),
    encoded(smooth("CMYK"), "JPEG"),
    encoded(PICTURE),
    encoded(PICTURE, "GIF"),
    encoded(PICTURE, "BMP"),
    encoded(PICTURE, "TIFF", compression="tiff_lzw"),
    encoded(PICTURE, "TGA"),
    encoded(PICTURE, "PPM"),
    encoded(PICTURE, "WEBP"),
]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_arbitrary_bytes_give_an_image_or_a_data_error(data):
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, min(len(content) - 1, 400)))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))]) + data.draw(st.binary(max_size=20))
    try:
        image = read_image(content, max_pixels=1_000_000)
    except DarkpyError as error:
        assert "\n" not in str(error)
    else:
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_of_no_format(content):
    try:
        read_image(content, max_pixels=1_000_000)
    except DarkpyError as error:
        assert "\n" not in str(error)


# ---- conversion and writing -----------------------------------------------------------------------------------------


def test_to_float_is_the_rounded_quotient():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    rgb = np.stack([levels, levels.T, 255 - levels], axis=-1)
    result = to_float(rgb)
    assert result.dtype == np.float32 and result.flags.c_contiguous
    np.testing.assert_array_equal(result, (rgb.transpose(2, 0, 1).astype(np.float64) / 255).astype(np.float32))
    np.testing.assert_array_equal(to_uint8(result), rgb)
    np.testing.assert_array_equal(to_uint8(np.array([[[np.nan, -1, 2]]])), [[[0], [0], [255]]])


@pytest.mark.golden
@pytest.mark.parametrize("name", ["dog", "giraffe", "horses", "person"])
def test_recorded_pixels(name):
    _, arrays = golden("detect", f"yolo-fastest-1.1__{name}.npz")
    exact = read_image(shared("golden", "images", f"{name}.decoded.png"))
    np.testing.assert_array_equal(to_float(exact).ravel()[arrays["raw_idx"]], arrays["raw_val"])
    difference = np.abs(read_image(shared("golden", "images", f"{name}.jpg")).astype(int) - exact)
    assert difference.max() <= 4 and difference.mean() < 0.2


@pytest.mark.parametrize("ending", ["png", "jpg", "JPEG"])
def test_written_images_read_back(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    path.write_bytes(b"old")
    picture = np.asarray(smooth())
    write_image(path, picture)
    assert np.abs(read_image(path).astype(int) - picture).max() <= (0 if ending == "png" else 8)
    assert os.listdir(tmp_path) == [path.name]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_writing_faults(tmp_path):
    with pytest.raises(DataError, match=r"\.jpg or \.png, not '\.gif'"):
        write_image(tmp_path / "out.gif", PICTURE)
    with pytest.raises(DataError, match="its folder does not exist"):
        write_image(tmp_path / "none" / "out.png", PICTURE)
    with pytest.raises(DataError, match=r"out\.jpg: cannot be written"):
        write_image(tmp_path / "out.jpg", np.zeros((1, 70_000, 3), np.uint8))
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(DataError, match="is not a regular file"):
        write_image(tmp_path / "folder.png", PICTURE)
    assert os.listdir(tmp_path) == ["folder.png"]


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "out.png"
    path.write_bytes(b"old")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="no space left"):
        write_image(path, PICTURE)
    assert os.listdir(tmp_path) == ["out.png"] and path.read_bytes() == b"old"

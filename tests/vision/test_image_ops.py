"""Every image operation against the numbers of the original, and the properties that must hold at any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpy.vision import colour, image, warp
from darkpy.vision.decode import read_image, to_float
from tests.shared import golden, shared

# Operation of the recorded file -> (which recorded input, the call).  Arguments follow.
OPERATIONS = {
    "resize_image": ("img", image.resize),
    "letterbox_image": ("img", image.letterbox),
    "crop_image": ("img", image.crop),
    "center_crop_image": ("img", image.center_crop),
    "resize_min": ("img", image.resize_min),
    "resize_max": ("img", image.resize_max),
    "rotate_image": ("img", warp.rotate),
    "rotate_crop_image": ("img", warp.rotate_crop),
    "rgb_to_hsv": ("img", colour.rgb_to_hsv),
    "rgb_to_yuv": ("img", colour.rgb_to_yuv),
    "grayscale_image_3c": ("img", lambda x: colour.grayscale(x, 3)),
    "flip_image": ("img", image.flip),
    "normalize_image": ("img", colour.normalize),
    "normalize_image2": ("img", colour.normalize2),
    "rgbgr_image": ("img", colour.rgbgr),
    "distort_image": ("img", colour.distort),
    "saturate_image": ("img", colour.saturate),
    "exposure_image": ("img", colour.exposure),
    "hue_image": ("img", colour.hue),
    "saturate_exposure_image": ("img", colour.saturate_exposure),
    "translate_image": ("img", colour.translate),
    "scale_image": ("img", colour.scale),
    "hsv_roundtrip": ("img", lambda x: colour.hsv_to_rgb(colour.rgb_to_hsv(x))),
    "hsv_to_rgb(hsv)": ("hsv", colour.hsv_to_rgb),
    "yuv_to_rgb(hsv)": ("hsv", colour.yuv_to_rgb),
    "constrain_image(img*2-.5)": ("img", lambda x: colour.constrain(x * 2 - np.float32(0.5))),
    "grayscale_image": ("img", colour.grayscale),
    "threshold_image": ("img", colour.threshold),
    "binarize_image": ("img", colour.binarize),
    "border_image": ("img", image.border),
    "rotate_image_cw(square)": ("square", image.rotate_cw),
    "transpose_image(square)": ("square", image.transpose),
    "place_image on a 26x24 canvas filled with .5": (
        "img",
        lambda x, w, h, dx, dy: warp.place(x, w, h, dx, dy, np.full((3, 24, 26), 0.5, np.float32)),
    ),
}


@pytest.mark.golden
def test_every_recorded_operation():
    meta, arrays = golden("misc", "image_ops.npz")
    assert len(meta["ops"]) > 50
    for k, (name, arguments) in enumerate(meta["ops"]):
        if name == "blend_image(img,hsv)":
            result = colour.blend(arrays["img"], arrays["hsv"], *arguments)
        else:
            key, call = OPERATIONS[name]
            result = call(arrays[key], *arguments)
        assert result.dtype == np.float32, name
        np.testing.assert_allclose(result, arrays[f"r{k}"], rtol=0, atol=1e-5, err_msg=f"{name} {arguments}")


@pytest.mark.golden
@pytest.mark.parametrize("name", ["dog", "giraffe", "horses", "person"])
def test_recorded_network_inputs(name):
    meta, arrays = golden("detect", f"yolo-fastest-1.1__{name}.npz")
    rgb = read_image(shared("golden", "images", f"{name}.decoded.png"))
    w, h = meta["net_wh"]
    at = arrays["lb_idx"]
    for result, key in (
        (image.letterbox(to_float(rgb), w, h), "lb_val"),
        (image.letterbox_uint8(rgb, w, h), "lb_val"),
        (image.resize(to_float(rgb), w, h), "rs_val"),
    ):
        np.testing.assert_allclose(result.ravel()[at], arrays[key], rtol=0, atol=1e-6)


def resize_slowly(x, w, h):
    """The definition of `resize`, in float64."""

    def positions(n_in, n_out):
        p = np.arange(n_out) * ((n_in - 1) / max(n_out - 1, 1))
        p[-1] = n_in - 1
        left = np.minimum(p.astype(int), n_in - 1)
        return left, np.minimum(left + 1, n_in - 1), p - left

    left, right, t = positions(x.shape[2], w)
    x = x[:, :, left] * (1 - t) + x[:, :, right] * t
    top, bottom, t = positions(x.shape[1], h)
    return x[:, top] * (1 - t[:, None]) + x[:, bottom] * t[:, None]


size = st.integers(1, 40)


@settings(max_examples=200, deadline=None)
@given(size, size, size, size, st.sampled_from([1, 3, 4]), st.integers(0, 99))
def test_resize_and_letterbox_of_any_size(width, height, w, h, channels, seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    x = to_float(rgb)
    np.testing.assert_allclose(image.resize(x, w, h), resize_slowly(x.astype(np.float64), w, h), rtol=0, atol=1e-5)

    boxed = image.letterbox(x, w, h)
    new_w, new_h = image.letterbox_size(width, height, w, h)
    assert 1 <= new_w <= w and 1 <= new_h <= h and (new_w == w or new_h == h)
    grey = np.full((channels, h, w), 0.5, np.float32)
    expected = image.embed(image.resize(x, new_w, new_h), grey, (w - new_w) // 2, (h - new_h) // 2)
    np.testing.assert_array_equal(boxed, expected)
    np.testing.assert_array_equal(image.letterbox_uint8(rgb, w, h), boxed)


def test_last_row_is_kept_at_every_height():
    # At these heights float32 rounding ends a little before the last row, where the original fades to black.
    x = np.ones((1, 1100, 2), np.float32)
    for height in range(2, 1100):
        assert image.resize(x[:, :height], 2, 456)[0, -1, 0] == 1


def test_inputs_are_not_changed_and_need_not_be_contiguous():
    x = np.random.default_rng(0).random((3, 12, 18), dtype=np.float32)
    before = x.copy()
    view = x[:, ::2, ::-1]
    for result in (image.resize(view, 7, 5), image.letterbox(view, 9, 9), image.crop(view, -2, 1, 6, 6)):
        assert result.flags.c_contiguous
    canvas = np.zeros((3, 8, 8), np.float32)
    warp.place(view, 5, 5, -1, 2, canvas)
    image.embed(view, canvas, 6, -3)
    image.resize(x, 18, 12)[:] = 0
    assert not canvas.any()
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(image.resize(view, 7, 5), image.resize(view.copy(), 7, 5))


def test_shapes_that_make_no_image_are_refused():
    x = np.zeros((3, 4, 5), np.float32)
    for call in (
        lambda: image.resize(x, 0, 3),
        lambda: image.letterbox(x, 3, -1),
        lambda: image.resize(x[:, :0], 3, 3),
        lambda: image.resize(x[0], 3, 3),
        lambda: image.letterbox_uint8(x, 3, 3),
        lambda: image.crop(x, 0, 0, 0, 1),
        lambda: warp.rotate(x[:, :0], 1.0),
        lambda: warp.rotate_crop(x, 0, 1, 0, 2, 0, 0, 1),
        lambda: warp.place(x, 2, 2, 0, 0, x[:1]),
        lambda: colour.rgb_to_hsv(x[:2]),
    ):
        with pytest.raises(ValueError):
            call()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 999), st.integers(-30, 30), st.integers(-30, 30), st.integers(1, 40), st.integers(1, 40))
def test_place_and_embed_stay_on_the_canvas(seed, dx, dy, w, h):
    x = np.random.default_rng(seed).random((3, 9, 11), dtype=np.float32)
    canvas = np.full((3, 20, 16), 2, np.float32)
    placed = warp.place(x, w, h, dx, dy, canvas)
    inside = np.zeros((20, 16), bool)
    inside[max(dy, 0) : max(dy + h, 0), max(dx, 0) : max(dx + w, 0)] = True
    assert (placed[:, ~inside] == 2).all() and (placed[:, inside] <= 1).all()
    embedded = image.embed(x, canvas, dx, dy)
    for row in range(9):
        for column in range(11):
            if 0 <= row + dy < 20 and 0 <= column + dx < 16:
                assert (embedded[:, row + dy, column + dx] == x[:, row, column]).all()


def test_rotations_and_extreme_arguments():
    x = np.random.default_rng(1).random((3, 6, 8), dtype=np.float32)
    np.testing.assert_array_equal(image.rotate_cw(image.rotate_cw(x, 1), -1), x)
    np.testing.assert_array_equal(image.flip(image.flip(x)), x)
    np.testing.assert_array_equal(image.transpose(image.transpose(x)), x)
    for value in (np.nan, np.inf, 1e30, 0.0):
        assert warp.rotate_crop(x, value, value, 5, 4, value, value, value).shape == (3, 4, 5)


def test_distortion_keeps_grey_grey_and_stays_in_range():
    grey = np.repeat(np.linspace(0, 1, 50, dtype=np.float32).reshape(1, 5, 10), 3, axis=0)
    assert np.isnan(colour.rgb_to_hsv(grey)[0]).sum() == 49  # all but black
    result = colour.distort(grey, 0.3, 1.5, 0.5)
    np.testing.assert_allclose(result, grey / 2, atol=1e-7)
    x = np.random.default_rng(2).random((3, 20, 20), dtype=np.float32)
    result = colour.distort(x, -0.4, 3.0, 2.0)
    assert result.min() >= 0 and result.max() <= 1
    np.testing.assert_allclose(colour.yuv_to_rgb(colour.rgb_to_yuv(x)), x, atol=1e-3)
    flat = np.full((3, 2, 2), 0.3, np.float32)
    np.testing.assert_array_equal(colour.normalize(flat), flat)
    np.testing.assert_array_equal(colour.normalize2(flat), flat)


def test_bytes_give_what_floats_give():
    """The one-pass forms for uint8 images: the same bits as converting first."""
    rng = np.random.default_rng(0)
    for k in range(150):
        height, width, h, w, canvas_h, canvas_w = rng.integers(1, 40, 6).tolist()
        dx, dy = rng.integers(-25, 25, 2).tolist()
        rgb = rng.integers(0, 256, (height, width, 3 if k % 3 else 1), dtype=np.uint8)
        assert np.array_equal(image.resize_uint8(rgb, w, h), image.resize(to_float(rgb), w, h))
        grey = np.full((rgb.shape[2], canvas_h, canvas_w), 0.5, np.float32)
        expected = warp.place(to_float(rgb), w, h, dx, dy, grey)
        warp.place_uint8(rgb, w, h, dx, dy, grey, mirror=bool(k % 2))
        assert np.array_equal(grey, image.flip(expected) if k % 2 else expected)


def test_a_canvas_that_does_not_fit():
    rgb = np.zeros((4, 5, 3), np.uint8)
    for out in (np.zeros((1, 4, 5), np.float32), np.zeros((3, 4, 5)), np.zeros((3, 4, 10), np.float32)[:, :, ::2]):
        with pytest.raises(ValueError, match="a canvas"):
            warp.place_uint8(rgb, 4, 5, 0, 0, out)
    with pytest.raises(ValueError, match="expected uint8"):
        warp.place_uint8(np.zeros((4, 5, 3)), 4, 5, 0, 0, np.zeros((3, 4, 5), np.float32))

"""Every image operation against the numbers of the original, and the properties that must hold at any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpy.vision import colour, image, warp
from darkpy.vision.decode import to_float
from tests.shared import golden

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

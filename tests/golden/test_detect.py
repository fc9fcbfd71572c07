"""Photos through pretrained networks, against the original program and its AlexeyAB fork: layers and boxes."""

from functools import cache

import numpy as np
import pytest

from darkpy import Detector
from darkpy.layers.detections import Detections
from darkpy.pictures import load
from darkpy.vision.boxes import correct_boxes
from tests.golden import harness
from tests.golden.test_forward import like_cpu_build
from tests.shared import shared

PROBABILITY, COORDINATE = 2e-3, 5e-4
pytestmark = pytest.mark.golden
each = pytest.mark.parametrize("name", harness.names("detect"))


@cache
def detector(model: str, original: bool) -> Detector:
    """With our own constants, or (`original`) computing as the original's CPU build, which ignores scale_x_y."""
    folder = shared("golden", "models")
    d = Detector(folder / f"{model}.cfg", folder / f"{model}.weights")
    if original:
        like_cpu_build(d.net)
        for head in d.heads:
            head.config.scale_x_y = 1.0
    return d


def photo(g) -> str:
    """The pixels as the original decoded them."""
    return str(shared("golden", "images", f"{g.meta['image']}.decoded.png"))


def compare(d: Detector, g, key: str, thresh: float, fit: bool = True) -> None:
    """Detections equal the recorded rows class, prob, objectness, x, y, w, h in number, classes and order."""
    (result,) = d.detect(photo(g), thresh=thresh, nms=g.meta["nms"], hier=g.meta["hier"], letterbox=fit)
    boxes, rows = result.boxes, g[key]
    assert boxes.class_id.tolist() == rows[:, 0].astype(int).tolist()
    np.testing.assert_allclose(boxes.confidence, rows[:, 1], rtol=0, atol=PROBABILITY)
    np.testing.assert_allclose(boxes.objectness, rows[:, 2], rtol=0, atol=PROBABILITY)
    np.testing.assert_allclose(boxes.xywhn, rows[:, 3:], rtol=0, atol=COORDINATE)
    for k, name in g.meta["names"].items():
        assert result.names[int(k)] == name


@each
def test_input(name):
    """The letterboxed input equals the original's, and so does the stretched one."""
    g = harness.golden("detect", f"{name}.npz")
    d = detector(g.meta["model"], True)
    assert list(d.input_shape[:0:-1]) == g.meta["net_wh"]
    for key, fit in (("lb_val", True), ("rs_val", False)):
        x = load(photo(g), d.input_shape, fit).x
        np.testing.assert_allclose(x.ravel()[g["lb_idx"]], g[key], rtol=0, atol=1e-5)


@each
def test_layers(name):
    """Every layer of the net: sampled values, and mean, deviation and largest value of all."""
    g = harness.golden("detect", f"{name}.npz")
    d = detector(g.meta["model"], True)
    d.net.forward(load(photo(g), d.input_shape).x[None], keep=True)
    assert [layer.kind for layer in d.net.layers] == g.meta["types"]
    for i, y in enumerate(d.net.outputs):
        part = slice(g["off"][i], g["off"][i + 1])
        e = harness.error(y.ravel()[g["idx"][part]], g["val"][part])
        assert e <= 1e-3, f"layer {i} {g.meta['types'][i]}: {e:.2e}"
        stats = [y.mean(dtype=np.float64), y.std(dtype=np.float64), np.abs(y).max()]
        np.testing.assert_allclose(stats, g["layer_stats"][i][:3], 1e-3, 1e-3 * stats[2], err_msg=f"layer {i}")


@each
@pytest.mark.parametrize("thresh", (0.5, 0.24, 0.05))
def test_boxes(name, thresh):
    g = harness.golden("detect", f"{name}.npz")
    compare(detector(g.meta["model"], True), g, f"boxes_{thresh:g}", thresh)


@each
@pytest.mark.parametrize("thresh", (0.5, 0.24))
@pytest.mark.parametrize("fit", ("letter", "stretch"))
def test_boxes_of_the_fork(name, fit, thresh):
    """The fork's mathematics is ours: epsilon 1e-5 inside the root, scale_x_y honoured."""
    g = harness.golden("detect", f"{name}.npz")
    compare(detector(g.meta["model"], False), g, f"alexey_{fit}_boxes_{thresh:g}", thresh, fit == "letter")


@each
def test_candidates(name):
    """What the heads yield before suppression, in the original's order."""
    g = harness.golden("detect", f"{name}.npz")
    d = detector(g.meta["model"], True)
    outputs = d._run(load(photo(g), d.input_shape).x[None])
    for thresh in (0.5, 0.24):
        rows = g[f"pre_nms_{thresh:g}"]
        parts = [h.decode(y[0], thresh) for h, y in zip(d.heads, outputs, strict=True)]
        found = Detections.concat(parts)
        np.testing.assert_allclose(found.objectness, rows[:, 4], rtol=0, atol=PROBABILITY)
        boxes = correct_boxes(found.boxes, *g.meta["image_wh"], *g.meta["net_wh"])
        np.testing.assert_allclose(boxes, rows[:, :4], rtol=0, atol=COORDINATE)
        np.testing.assert_allclose(found.prob, rows[:, 5:], rtol=0, atol=PROBABILITY)

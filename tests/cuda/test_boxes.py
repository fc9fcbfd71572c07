"""Boxes found on the device: those the layers' `decode` and `vision/nms.py` find, in the same order."""

import numpy as np
import pytest

from darkpy import Detector, cfg
from darkpy.build import build
from darkpy.detector import select
from darkpy.layers.detections import Detections
from darkpy.network import Network
from darkpy.ops.cuda import boxes
from darkpy.ops.cuda.memory import upload
from darkpy.vision.boxes import letterbox_terms
from tests.cuda import nets

MAP = "[net]\nwidth=8\nheight=6\nchannels={}\nbatch=2\n"
GRID = MAP.format(1) + "[connected]\noutput={}\nactivation=linear\n[detection]\ncoords=4\nside=3\nnum=2\nclasses=2\n"
REGION = "[region]\nanchors=2,2, 3,1\nclasses=3\nnum=2\n"
HEADS = {
    "yolo": nets.YOLO3,
    "new_coords": MAP.format(16) + "[yolo]\nanchors=2,2, 3,1\nclasses=3\nnum=2\nnew_coords=1\n",
    "region": MAP.format(16) + REGION + "softmax=1\n",
    "masks": MAP.format(20) + REGION + "coords=6\n",
    "background": MAP.format(16) + REGION + "background=1\n",
    "grid": GRID.format(108),
    "roots": GRID.format(108) + "sqrt=1\n",
}


def heads_of(text):
    return [layer for layer in Network(build(cfg.parse(text))).layers if hasattr(layer, "decode")]


def outputs_of(heads, seed):
    """Numbers in which there are ties, and boxes that overlap, of all sizes and without one."""
    random = np.random.default_rng(seed)
    found = []
    for head in heads:
        y = np.round(random.random((2, *head.out_shape), np.float32) * 4) / np.float32(4)
        y[0].flat[:: 7] = -y[0].flat[:: 7]
        y[1].flat[:: 31] = (np.nan, 1e15)[seed]
        found.append(y)
    return found


def same(found, expected):
    np.testing.assert_allclose(found.xyxy, expected.xyxy, rtol=1e-5, atol=1e-6)
    for name in ("confidence", "class_id", "objectness"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


class Outputs:
    """Stands for a network with these outputs, and for its plan."""

    def __init__(self, outputs):
        self.outputs = [upload(y) for y in outputs]

    def boxes(self, x, *args):
        return boxes.kept(self.outputs, *args)


def detect(heads, outputs, thresh, nms, fit):
    """`Detector` from the outputs on."""
    detector = Detector.__new__(Detector)
    detector._run, detector.input_shape, detector.names = Outputs(outputs), (3, 6, 8), []
    detector._layouts = [head.box_layout() for head in heads]
    return [result.boxes for result in detector._on_device(PICTURES, np.zeros(0), thresh, nms, fit)]


class Picture:
    x, rgb, path, ms = None, None, None, 0.0

    def __init__(self, *size):
        self.size = size


PICTURES = [Picture(70, 31), Picture(9, 40)]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", HEADS)
def test_boxes(name, seed):
    heads = heads_of(HEADS[name])
    outputs = outputs_of(heads, seed)
    some = 0
    for thresh, nms, fit in ((0.2, 0.4, True), (0.0, 0.0, False), (0.5, 0.01, True)):
        found = detect(heads, outputs, thresh, nms, fit)
        for n, picture in enumerate(PICTURES):
            candidates = Detections.concat([head.decode(y[n].copy(), thresh)
                                            for head, y in zip(heads, outputs, strict=True)])
            expected = select(candidates, picture.size, (6, 8), thresh, nms, fit)
            some += len(expected) > 3
            same(found[n], expected)
    assert some >= 2


def test_nothing_found():
    heads = heads_of(nets.YOLO3)
    assert [len(b) for b in detect(heads, outputs_of(heads, 0), 1.0, 0.4, True)] == [0, 0]


def test_terms():
    assert letterbox_terms(16, 8, 8, 8) == (0, 0.25, 1, 0.5, 1, 2)


def test_detector(tmp_path):
    """From image to boxes; with the mean of frames the host decodes."""
    path = tmp_path / "a.cfg"
    path.write_text(nets.YOLO3)
    cpu = Network(build(cfg.parse(nets.YOLO3)), seed=3)
    for layer in cpu.layers:
        if "rolling_variance" in layer.params:
            layer.params["rolling_variance"][...] = 0.05
    cpu.save(tmp_path / "a.weights")
    images = [np.random.default_rng(k).integers(0, 256, (7 + k, 9, 3), np.uint8) for k in range(3)]
    made = [Detector(path, tmp_path / "a.weights", ["a", "b"], device=device) for device in ("cpu", "cuda")]
    for kw in ({"thresh": 0.2}, {"thresh": 0.2, "average": 2}):
        expected, found = ([r.boxes for r in model.detect(images, batch=2, **kw)] for model in made)
        assert [len(b) for b in found] == [len(b) for b in expected] and sum(map(len, expected)) > 5
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a.xyxy, b.xyxy, rtol=1e-3, atol=1e-3)
            np.testing.assert_array_equal(a.class_id, b.class_id)

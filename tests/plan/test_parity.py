"""A plan computes what the layers compute: for small nets that need every rule, for stock networks, and for photos.

The plan may differ by rounding only.  Winograd's algorithm rounds more than a plain sum: measured over the stock
networks the largest error is 7e-6 of the largest output, and 3e-5 where a softmax follows a dozen layers without batch
normalisation (go), since there an error of a logit is a relative error of the probability.
"""

import gc

import numpy as np
import pytest

import darkpy
from tests.plan import harness
from tests.plan.nets import NETS
from tests.shared import shared

LIMITS = {"go": 5e-5}

# one of each structure (the recordings, tests/golden/test_forward.py, go through plans too); 0: the cfg's own size
STOCK = [
    ("alexnet", 96), ("cifar", 28), ("darknet19", (64, 128)), ("darknet53", 64), ("densenet201", 64),
    ("extraction", (64, 96)), ("go", 0), ("gru", 0), ("jnet-conv", 0), ("resnet18", (96, 64)), ("resnet50", 64),
    ("resnext50", (64, 96)), ("rnn", 0), ("strided", 0), ("t1.test", 96), ("tiny", (96, 64)), ("vgg-conv", 64),
    ("writing", (48, 64)), ("yolov1-tiny", (64, 96)), ("yolov2", (64, 96)), ("yolov2-tiny", 96),
    ("yolov3-spp", (64, 96)), ("yolov3-tiny", (96, 160)),
]


@pytest.mark.parametrize("name", NETS)
def test_small(name):
    text, options = NETS[name]
    net = harness.net_of(text, **options)
    for n in (1, 3):
        x = harness.images(net, n) - 0.5
        assert harness.worst(net.plan()(x), harness.outputs(net, x, exact=True)) <= 5e-6


@pytest.mark.slow
@pytest.mark.parametrize("name, size", STOCK, ids=lambda v: str(v).replace(" ", ""))
def test_stock(name, size):
    gc.collect()  # nets refer to themselves in circles, and two large ones at once are too much
    net = harness.stock(name, size or None, gain=0.65 if name.startswith(("res", "darknet53", "yolov3")) else 1.0)
    plan = net.plan()
    for n in (1, 2):
        x = harness.images(net, n)
        net.reset_state()
        expected = harness.outputs(net, x)
        assert all(y.std() > 1e-9 for y in expected), "the test says something"
        net.reset_state()
        assert harness.worst(plan(x), expected) <= LIMITS.get(name, harness.LIMIT)


@pytest.mark.golden
@pytest.mark.parametrize("model", ["yolo-fastest-1.1", "yolo-fastest-1.1-xl", "MobileNetV2-YOLOv3-Nano-coco"])
def test_photos(model, monkeypatch):
    """Detections of the plan, which a Detector uses, are those of the layers."""
    folder = shared("golden", "models")
    detector, layers = (darkpy.Detector(folder / f"{model}.cfg", folder / f"{model}.weights") for _ in range(2))
    photos = sorted(str(p) for p in shared("golden", "images").glob("*.png"))
    planned = list(detector.detect(photos, thresh=0.2))
    monkeypatch.setattr(layers._run, "program", lambda batch: lambda x, threads: harness.outputs(layers.net, x))
    plain = list(layers.detect(photos, thresh=0.2))
    assert len(photos) == 4 and all(len(result) for result in planned)
    for mine, truth in zip(planned, plain, strict=True):
        assert mine.boxes.class_id.tolist() == truth.boxes.class_id.tolist()
        np.testing.assert_allclose(mine.boxes.confidence, truth.boxes.confidence, rtol=0, atol=1e-4)
        np.testing.assert_allclose(mine.boxes.xywhn, truth.boxes.xywhn, rtol=0, atol=1e-4)

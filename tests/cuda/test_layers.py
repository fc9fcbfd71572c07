"""Every layer on the device, forward and backward: what the obvious NumPy gives in float64."""

import importlib
import pkgutil

import numpy as np
import pytest

import tests.layers
from darkpy.layers import LAYERS
from darkpy.ops import Cuda, Reference
from tests.layers import harness, through_time
from tests.layers.harness import case, close
from tests.layers.truth_boxes import bad_rows, random_truth

CUDA = Cuda()
BIG = 400  # numbers of an input: the simulator takes its time
TIMES = {"rnn": {"output": 3, "hidden": 4, "batch_normalize": True}, "gru": {"output": 3, "tanh": True},
         "lstm": {"output": 3, "batch_normalize": True}, "crnn": {"output_filters": 2, "hidden_filters": 3}}
YOLO = {"num": 4, "anchors": "4,5, 9,7, 6,14, 16,12", "classes": 4, "mask": "1,3"}
SIZE = {"width": 40, "height": 56}
REGION = {"num": 2, "anchors": "0.5,0.7, 2,1.5", "classes": 3, "softmax": 1, "max": 4}


def table():
    """The cases of all layers' own tests that are small enough."""
    for module in pkgutil.iter_modules(tests.layers.__path__):
        if module.name.startswith("test_"):
            cases = getattr(importlib.import_module(f"tests.layers.{module.name}"), "CASES", [])
            yield from (c for c in cases if c.n * max(int(np.prod(s)) for s in c.shapes) <= BIG)


def on_device(layer):
    """The layer's parameters there."""
    for name, array in layer.params.items():
        layer.params[name] = CUDA.upload(array.astype(np.float32))
    return layer


def run(layer, ops, xs, dtype):
    """As tests/layers/harness.run."""
    xs = [ops.upload(x.astype(dtype)) for x in xs]
    found = {"inference": layer.forward(ops, *xs, train=False)[0]}
    layer.state.clear()
    y, saved = layer.forward(ops, *xs, train=True)
    found["training"] = y
    if not layer.is_loss:
        dy = ops.upload(np.random.default_rng(5).standard_normal(y.shape).astype(dtype))
        for i, dx in enumerate(harness.tuple_of(layer.backward(ops, dy, saved))):
            found[f"dx{i}"] = dx
        found |= {f"d {name}": grad for name, grad in layer.grads.items()}
    found |= {name: array for name, array in layer.params.items() if "rolling" in name}
    return {name: ops.download(array) for name, array in found.items()}


def compare(layer, xs):
    expected = run(harness.with_dtype(layer, "float64"), Reference(), xs, "float64")
    found = run(on_device(harness.with_dtype(layer, "float32")), CUDA, xs, "float32")
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert str(found[name].dtype) == "float32"
        close(found[name], array, name)


@pytest.mark.parametrize("c", list(table()), ids=str)
def test_layer(c):
    compare(harness.build(c), harness.inputs(c, "float64"))


@pytest.mark.parametrize("kind", TIMES)
def test_recurrent(kind):
    layer = through_time.make(kind, (2, 3, 2) if kind == "crnn" else (5,), steps=3, **TIMES[kind])
    compare(layer, [through_time.rows(layer, 2)])


def losses(c, truth, seen=0, scale=2.0):
    found = []
    for ops in (Reference(), CUDA):
        layer = harness.build(c)
        x = ops.upload(harness.inputs(c, "float32")[0] * np.float32(scale))
        _, saved = layer.forward(ops, x, train=True)
        loss = layer.loss(ops, saved, ops.upload(truth.astype(np.float32)), seen)
        found.append((loss, ops.download(loss.dx)))
    (reference, expected), (mine, dx) = found
    close(dx, expected, "dx", 5e-5)
    assert abs(mine.cost - reference.cost) <= 1e-5 * max(abs(reference.cost), 1)
    assert mine.report.keys() == reference.report.keys()
    for name, value in reference.report.items():
        np.testing.assert_allclose(mine.report[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(("ignore", "least"), [(0.5, 1), (0.1, 0.3)])
def test_yolo(ignore, least):
    c = case("yolo", (18, 3, 2), n=3, info=SIZE, ignore_thresh=ignore, truth_thresh=least, **YOLO)
    losses(c, random_truth(3, 5, 4))


def test_yolo_new_coords_and_a_full_cell():
    c = case("yolo", (18, 3, 2), n=1, info=SIZE, new_coords=1, scale_x_y=2, **YOLO)
    truth = np.array([[0.3, 0.8, 0.4, 0.2, 1], [0.3, 0.8, 0.4, 0.2, 3], [1, 1, 0.4, 0.2, 0]])
    losses(c, truth.reshape(1, -1), scale=0.2)


@pytest.mark.parametrize("options", [{}, {"softmax": 0}, {"background": 1}, {"rescore": 1, "bias_match": 1},
                                     {"coords": 6}], ids=str)
@pytest.mark.parametrize("seen", [0, 20000])
def test_region(options, seen):
    coords = options.get("coords", 4)
    c = case("region", (2 * (coords + 4), 2, 3), n=3, **REGION | options)
    losses(c, random_truth(3, 4, 3, coords + 1), seen)


@pytest.mark.parametrize("row", [[0.4, 0.6, 0.3, 0.2, 3], [999999, 999999, 0, 0, 3], [999999, 999999, 0, 0, 9]])
def test_region_with_a_tree(row, tmp_path):
    (tmp_path / "five.tree").write_text("a -1\nb -1\nc 0\nd 0\ne 1\n")
    c = case("region", (20, 2, 3), n=2, info={"folder": str(tmp_path)},
             **REGION | {"classes": 5, "tree": "five.tree"})
    truth = np.zeros((2, 4, 5))
    truth[0, 0] = row
    losses(c, truth.reshape(2, -1), 20000)


@pytest.mark.parametrize("kind", ["yolo", "region"])
def test_bad_rows_change_nothing(kind):
    c = (case("yolo", (18, 2, 3), n=1, info=SIZE, **YOLO) if kind == "yolo" else
         case("region", (16, 2, 3), n=1, **REGION | {"max": 30}))
    losses(c, np.array(bad_rows(c.options["classes"])).reshape(1, -1), 20000)


@pytest.mark.parametrize("options", [{}, {"sqrt": 1, "rescore": 1}, {"forced": 1}, {"random": 1}, {"softmax": 1}],
                         ids=str)
def test_detection(options):
    c = case("detection", (4 * (2 * 5 + 3),), n=2, classes=3, coords=4, side=2, num=2, **options)
    random = np.random.default_rng(0)
    truth = random.random((2, 4, 8))
    truth[..., 0] = [[1, 0, 1, 0], [0, 0, 0, 1]]
    truth[..., 1:4] = np.eye(3)[random.integers(0, 3, (2, 4))]
    losses(c, truth.reshape(2, -1), scale=0.5)


def test_iseg():
    c = case("iseg", (5, 2, 3), n=2, classes=3, ids=2)
    truth = np.zeros((2, 90, 7))
    truth[:, :, 0] = -1
    truth[0, 0] = [0, 1, 1, 0, 0, 0, 0]
    truth[0, 1] = [2, 0, 1, 0, 1, 1, 0]
    truth[0, 2] = [1, 0, 0, 0, 0, 0, 0]
    losses(c, truth.reshape(2, -1))


@pytest.mark.parametrize("kind", ["cost", "softmax", "logistic"])
def test_losses_of_rows(kind):
    c = case(kind, (5,), n=2)
    truth = np.eye(5)[[1, 3]]
    losses(c, truth, scale=1)


def test_every_kind_is_here():
    named = {LAYERS[c.kind].kind for c in table()} | TIMES.keys() | {"yolo", "region", "detection", "iseg"}
    assert named == {cls.kind for cls in LAYERS.values()}

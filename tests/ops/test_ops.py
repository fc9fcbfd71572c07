"""Every op: the shapes its rule promises are those it yields, on every backend, in the precision it was given.

The numbers of fast kernels are compared with the obvious NumPy for every layer in tests/layers; here also for each op
by itself.
"""

import numpy as np
import pytest

from darkpy.ops import Cpu, Reference
from darkpy.ops.spec import OPS, VIEWS, WRITES, Out

MAP, ROWS = (2, 3, 5, 4), (3, 7)
CHANNELS = (3,)
FILTERS = (4, 3, 3, 3)
BN = [MAP, CHANNELS, CHANNELS, CHANNELS]
TABLE = [  # op, shapes of its arrays, its other arguments
    ("activation", [MAP], {"kind": "mish"}),
    ("activation", [ROWS], {"kind": "leaky"}),
    ("activation", [MAP], {"kind": "logistic"}),
    ("activation", [MAP], {"kind": "linear"}),
    ("activation_dx", [MAP, MAP, MAP], {"kind": "elu"}),
    ("activation_dx", [MAP, MAP, MAP], {"kind": "gelu"}),
    ("activation_dx", [MAP, MAP, MAP], {"kind": "leaky"}),
    ("activation_dx", [ROWS, ROWS, ROWS], {"kind": "linear"}),
    ("logistic_dx", [MAP, MAP], {}),
    ("reshape", [MAP], {"shape": (60,)}),
    ("rows", [MAP], {"start": 1, "stop": 2}),
    ("columns", [MAP], {"start": 1, "stop": 3}),
    ("concat", [MAP, (2, 1, 5, 4)], {}),
    ("concat", [ROWS, (1, 7)], {"axis": 0}),
    ("zeros", [ROWS], {"shape": (3, 2)}),
    ("assign", [MAP, MAP], {}),
    ("add_to", [MAP, MAP], {}),
    ("add", [ROWS, ROWS], {}),
    ("mul", [MAP, MAP], {}),
    ("scale", [MAP], {"factor": 1.5}),
    ("mix", [ROWS, ROWS, ROWS], {}),
    ("mix_dx", [ROWS, ROWS, ROWS, ROWS], {}),
    ("add_bias", [MAP, CHANNELS], {}),
    ("add_bias", [ROWS, (7,)], {}),
    ("bias_db", [MAP], {}),
    ("bias_db", [ROWS], {}),
    ("dropout_mask", [MAP], {"probability": 0.5}),
    ("quantize", [MAP], {}),
    ("quantize", [MAP], {"bits": 3}),
    ("quantize_weights", [FILTERS], {}),
    ("quantize_weights", [FILTERS], {"bits": 2}),
    ("filter_scales", [FILTERS, FILTERS], {}),
    ("filter_dot", [FILTERS, FILTERS], {}),
    ("scale_filters", [FILTERS, (4,)], {}),
    ("center_weights", [FILTERS], {}),
    ("binary_dw", [FILTERS, FILTERS, (4,)], {"share": 0.1}),
    ("hardtan_gate", [MAP, MAP], {}),
    ("hardtan_gate", [MAP, MAP], {"closed": True}),
    ("input_scales", [MAP], {"kernel": 3, "stride": (2, 1), "pad": 1}),
    ("input_scales", [(2, 6, 5, 4)], {"kernel": 2, "dilation": 2, "groups": 3}),
    ("input_scales_dx", [(2, 1, 3, 4), MAP], {"kernel": 3, "stride": (2, 1), "pad": 1}),
    ("input_scales_dx", [(2, 3, 3, 2), (2, 6, 5, 4)], {"kernel": 2, "dilation": 2, "groups": 3}),
    ("scale_maps", [(2, 6, 5, 4), (2, 2, 5, 4)], {}),
    ("scale_maps_dk", [(2, 6, 5, 4), (2, 6, 5, 4)], {"groups": 2}),
    ("binarize_gradient", [MAP], {}),
    ("conv", [MAP, (4, 3, 3, 3)], {"stride": (2, 1), "pad": 1}),
    ("conv", [(1, 4, 7, 6), (6, 2, 3, 3)], {"groups": 2, "dilation": 2, "pad": 1}),
    ("conv", [MAP, (5, 3, 1, 1)], {}),
    ("conv", [MAP, (5, 3, 1, 1)], {"stride": (2, 2)}),
    ("conv_dx", [(2, 4, 3, 4), (4, 3, 3, 3)], {"size": (5, 4), "stride": (2, 1), "pad": 1}),
    ("conv_dw", [(2, 4, 3, 4), MAP], {"kernel": 3, "stride": (2, 1), "pad": 1}),
    ("conv_dx", [(1, 6, 5, 4), (6, 2, 3, 3)], {"size": (7, 6), "groups": 2, "dilation": 2, "pad": 1}),
    ("conv_dw", [(1, 6, 5, 4), (1, 4, 7, 6)], {"kernel": 3, "groups": 2, "dilation": 2, "pad": 1}),
    ("conv_dx", [(2, 4, 5, 4), (4, 3, 1, 1)], {"size": (5, 4)}),
    ("conv_dw", [(2, 4, 5, 4), MAP], {"kernel": 1}),
    ("deconv", [MAP, (3, 2, 3, 3)], {"stride": 2, "pad": 1}),
    ("local", [MAP, (6, 2, 3, 3, 3)], {"out": (3, 2)}),
    ("local_dx", [(2, 2, 3, 2), (6, 2, 3, 3, 3)], {"size": (5, 4)}),
    ("local_dw", [(2, 2, 3, 2), MAP], {"kernel": 3}),
    ("linear", [ROWS, (4, 7)], {}),
    ("linear_dx", [(3, 4), (4, 7)], {}),
    ("linear_dw", [(3, 4), ROWS], {}),
    ("yolo_activate", [(2, 14, 3, 4)], {"anchors": 2, "classes": 2, "scale_x_y": 1.1}),
    ("region_activate", [(2, 14, 3, 4)],
     {"anchors": 2, "coords": 4, "classes": 2, "softmax_classes": True, "background": False}),
    ("region_activate", [(2, 30, 5, 7)],  # more pixels than a vector has lanes
     {"anchors": 2, "coords": 4, "classes": 10, "softmax_classes": False, "background": True, "groups": (3, 7)}),
    ("softmax_loss", [ROWS, ROWS], {"masked": True}),
    ("logistic_loss", [ROWS, ROWS], {}),
    *[("cost_loss", [ROWS, ROWS], {"kind": kind, "noobj": 0.5, "thresh": 0.1, "smooth": 0.1})
      for kind in ("sse", "masked", "smooth", "L1", "seg", "wgan")],
    ("batchnorm", [*BN, CHANNELS], {"eps": 1e-5}),
    ("batch_statistics", [MAP], {}),
    ("batch_statistics", [ROWS], {}),
    ("batchnorm_dx", [MAP, *BN], {"eps": 1e-5, "exact": False}),
    ("batchnorm_rectified", [*BN, CHANNELS], {"eps": 1e-5, "kind": "leaky"}),
    ("batchnorm_rectified_dx", [MAP, MAP, *BN], {"eps": 1e-5, "exact": False, "kind": "relu"}),
    ("lrn", [MAP], {"size": 3, "alpha": 0.1, "beta": 0.75, "kappa": 1.0}),
    ("lrn_dx", [MAP, MAP], {"beta": 0.75}),
    ("l2norm", [MAP], {}),
    ("softmax", [ROWS], {"sizes": (3, 4), "temperature": 2.0}),
    ("softmax", [MAP], {"sizes": (2,)}),
    ("maxpool", [MAP], {"size": 3, "stride": (2, 1), "pad": 2}),
    ("maxpool_dx", [(2, 3, 3, 4), MAP], {"size": 3, "stride": (2, 1), "pad": 2}),
    ("maxpool_dx", [(2, 3, 3, 2), MAP], {"size": 2, "stride": (2, 2), "pad": 1}),
    ("avgpool", [MAP], {}),
    ("avgpool_dx", [(2, 3, 1, 1)], {"size": (5, 4)}),
    ("upsample", [MAP], {"stride": 3, "factor": 0.5}),
    ("downsample", [(2, 3, 6, 4)], {"stride": 2, "factor": 0.5}),
    ("reorg", [(2, 4, 6, 4)], {"stride": 2}),
    ("reorg_reverse", [(2, 4, 3, 5)], {"stride": 2}),
    ("reorg_reverse_dx", [(2, 1, 6, 10)], {"stride": 2}),
    ("channels_last", [MAP], {}),
    ("channels_first", [MAP], {}),
    ("shortcut", [MAP, MAP], {}),
    ("shortcut", [MAP, (2, 5, 10, 8)], {"alpha": 0.5}),
    ("shortcut_dx", [MAP], {"alpha": 0.5}),
    ("shortcut_dy", [MAP], {"shape": (5, 10, 8), "beta": 0.5}),
    ("crop", [MAP], {"top": 1, "left": 2, "size": (3, 2), "flip": True, "factor": 2.0, "shift": -1.0}),
    ("crop_dx", [(2, 3, 3, 2)], {"top": 1, "left": 2, "size": (5, 4), "flip": True, "factor": 2.0}),
    ("pad_tail", [MAP], {"extra": 3}),
    ("sgd_update", [CHANNELS] * 3, {"rate": 0.1, "momentum": 0.9, "decay": 0.1}),
    ("adam_update", [CHANNELS] * 4, {"rate": 0.1, "b1": 0.9, "b2": 0.99, "eps": 1e-7, "decay": 0.1, "step": 2}),
    ("clamp", [MAP], {"limit": 0.5}),
]
# whole losses of heads: tests/layers; weights that are Signs: tests/test_packed.py
ELSEWHERE = {"yolo_loss", "region_loss", "detection_loss", "iseg_loss", "unpack"}
IDS = [f"{i}-{op}" for i, (op, _, _) in enumerate(TABLE)]


def arrays(shapes, dtype):
    random = np.random.default_rng(1)
    return [random.uniform(0.1, 1, shape).astype(dtype) for shape in shapes]  # positive: some are variances


def call(ops, op, args, kw):
    if op == "dropout_mask":
        kw = kw | {"random": np.random.default_rng(0)}
    result = getattr(ops, op)(*args, **kw)
    return result if isinstance(result, tuple) else () if result is None else (result,)


def test_the_table_is_complete():
    assert {op for op, _, _ in TABLE} == OPS.keys() - ELSEWHERE


@pytest.mark.parametrize(("op", "shapes", "kw"), TABLE, ids=IDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reference(op, shapes, kw, dtype):
    args = arrays(shapes, dtype)
    before = [a.copy() for a in args]
    results = call(Reference(), op, args, kw)
    promised = OPS[op](*args, **(kw | {"random": None} if op == "dropout_mask" else kw))
    promised = (promised,) if isinstance(promised, Out) else promised or ()
    assert [r.shape for r in results] == [p.shape for p in promised]
    assert [r.dtype for r in results] == [p.dtype or dtype for p in promised]
    for r in results:
        assert np.isfinite(r).all()
        assert op in VIEWS or r.flags.c_contiguous
        assert any(np.shares_memory(r, a) for a in args) == (op in VIEWS)
    changed = [not np.array_equal(a, b) for a, b in zip(args, before, strict=True)]
    assert changed[0] == (op in WRITES)
    if op not in WRITES:
        assert not any(changed)


@pytest.mark.parametrize(("op", "shapes", "kw"), TABLE, ids=IDS)
def test_fast_backend_agrees(op, shapes, kw):
    ours, theirs = arrays(shapes, "float32"), arrays(shapes, "float32")
    for a, b in zip(call(Cpu(), op, ours, kw), call(Reference(), op, theirs, kw), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    for a, b in zip(ours, theirs, strict=True):  # what was written to, and what was not
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_an_unknown_op_is_named():
    with pytest.raises(AttributeError, match="no op 'frobnicate'"):
        Reference().frobnicate  # noqa: B018

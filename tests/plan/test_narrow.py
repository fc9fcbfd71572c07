"""Plans in bfloat16 and int8: the same numbers as NumPy gives with the same rounding, on every kind of small net."""

import os
import subprocess
import sys

import numpy as np
import pytest

import darkpy
from darkpy.ops import Reference
from darkpy.ops.cpu.tile import narrow_products
from darkpy.plan import choose
from darkpy.plan.blocked import Form
from darkpy.plan.calibration import Calibration
from darkpy.plan.choose import Choice
from darkpy.plan.lower import lower
from darkpy.plan.narrow import Forms, possible, quantised
from darkpy.plan.run import Executable
from darkpy.plan.trace import Program, Step, Value
from tests.plan import harness, nets

STORED = {"bf16": "bfloat16", "int8": "uint8"}
OPS = Reference()


@pytest.fixture(params=STORED)
def precision(request):
    if not narrow_products(STORED[request.param]):
        pytest.skip(f"this CPU has no instructions for {request.param}")
    return request.param


def bfloat(x):
    """float32 rounded to the nearest bfloat16, ties to even."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)


def stored(x, form):
    """What a map of this form holds of x, as numbers."""
    if form.dtype == "bfloat16":
        return bfloat(x)
    if form.dtype == "float32":
        return x
    return (np.clip(np.rint(x / form.scale + form.zero), 0, 255) - form.zero) * form.scale


def chain(precision, shapes, x, weights, bias, ranges, **kw):
    """Two convolutions and the sum of both, each followed by a leaky activation, as a plan and in NumPy.

    x -> a = leaky(conv) -> b = leaky(leaky(conv) + a) -> y = conv; maps x, a, b are narrow, y is not."""
    x_, a1, a2, a, b1, b2, b3, b4, b, y = (Value(s) for s in shapes)
    leaky = {"kind": "leaky"}
    steps = [Step("conv", (x_, weights[0]), kw, (a1,), 0), Step("add_bias", (a1, bias[0]), {}, (a2,), 0),
             Step("activation", (a2,), leaky, (a,), 0),
             Step("conv", (a, weights[1]), {"pad": 1}, (b1,), 1), Step("add_bias", (b1, bias[1]), {}, (b2,), 1),
             Step("activation", (b2,), leaky, (b3,), 1), Step("shortcut", (b3, a), {}, (b4,), 2),
             Step("activation", (b4,), leaky, (b,), 2), Step("conv", (b, weights[2]), {}, (y,), 3)]
    program = Program(x_, [y], steps, {x_: 0, a: 1, b: 2})
    forms = Forms(program, precision, dict(enumerate(ranges)))
    narrowed = [forms.of(v) for v in (x_, a, b)]
    run = Executable(lower(program, forms, memory=1e-9))
    rounded = [bfloat(w) if precision == "bf16" else w for w in weights]

    def act(v):
        return OPS.activation(v.astype(np.float32), kind="leaky").astype(np.float64)

    x = stored(x, narrowed[0]).astype(np.float64)
    a = stored(act(OPS.conv(x, rounded[0].astype(np.float64), **kw) + bias[0][:, None, None]), narrowed[1])
    b = OPS.conv(a.astype(np.float64), rounded[1].astype(np.float64), pad=1) + bias[1][:, None, None]
    b = stored(act(act(b) + a), narrowed[2])
    return run(np.ascontiguousarray(x, np.float32))[0], OPS.conv(b.astype(np.float64), rounded[2].astype(np.float64))


@pytest.mark.parametrize("channels, filters, size, kernel, stride", [
    (8, 16, (5, 5), 3, 1), (16, 33, (7, 3), 1, 1), (17, 20, (1, 1), 3, 1), (67, 65, (9, 31), 3, 2),
    (40, 1, (6, 6), 5, 1), (31, 48, (4, 13), 2, 2), (9, 7, (3, 2), 3, 3), (64, 32, (2, 70), 1, 2),
])
def test_kernels_are_exact(precision, channels, filters, size, kernel, stride):
    """With whole numbers in and out nothing is left to rounding but what the narrow types round: all must be equal."""
    random = np.random.default_rng(channels)
    h, w = ((n + 2 * (kernel // 2) - kernel) // stride + 1 for n in size)
    x = random.integers(-3, 6, (2, channels, *size)).astype(np.float32)
    inner, last = (2, filters, h, w), (2, 11, h, w)
    weights = [random.integers(-2, 3, s).astype(np.float32) for s in
               ((filters, channels, kernel, kernel), (filters, filters, 3, 3), (11, filters, 1, 1))]
    for weight in weights:
        weight[:, 0, 0, 0] = 127  # so that the unit of int8 weights is 1
    bias = [random.integers(-9, 10, filters).astype(np.float32) for _ in range(2)]
    # scales of 1, 64 and 4096: powers of two keep the quotients exact
    ranges = [(-32.0, 223.0), (-20 * 64.0, 235 * 64.0), (-40 * 4096.0, 215 * 4096.0)]
    mine, truth = chain(precision, [x.shape, *[inner] * 8, last], x, weights, bias, ranges, pad=kernel // 2,
                        stride=(stride, stride))
    if precision == "int8":
        np.testing.assert_array_equal(mine, truth)
    else:  # sums beyond 2**24 round, and a leaky map may fall to the other side of a bfloat16
        np.testing.assert_allclose(mine, truth, rtol=0, atol=2e-3 * np.abs(truth).max())


@pytest.mark.parametrize("name", nets.NETS)
def test_small(name, precision):
    """Every rule of the plan: as near to float32 as the number of bits lets expect."""
    text, options = nets.NETS[name]
    net = harness.net_of(text, **options)
    x = harness.images(net, 2) - 0.5
    plan = net.plan(precision=precision, calibration=net.calibrate([x]))
    truth = harness.outputs(net, x)
    mine = plan(x)
    assert plan.precision == precision and not plan.note
    # where signs of maps are taken, the least difference may be a whole one
    assert harness.worst(mine, truth) <= {"bf16": 0.02, "int8": 0.05}[precision] or name.startswith("bits")
    executable = plan.program(2)
    executable.arena[:] = 0xFF  # no result depends on what lay there before
    for a, b in zip(mine, plan(x), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("stride, tile, kind", [
    *((1, tile, "bfloat16") for tile in choose.NARROW_TILES), (1, 6, "float32"), (2, 4, "float32"),
])
def test_winograd_on_bfloat16(stride, tile, kind, monkeypatch):
    """Tiles that reach over the edges, one block of filters and several, a residual, few tiles and many."""
    if not narrow_products("bfloat16"):
        pytest.skip("this CPU has no instructions for bf16")
    monkeypatch.setattr(choose, "select", lambda program, forms, memory: {
        id(step): Choice(tile, 0, 0, kind=kind) if step.op == "conv" and step.args[1].shape[2] == 3
        else Choice(0, 0, 0, kind="bfloat16") for step in program.steps})
    for size in ((31, 26), (5, 7)):
        net = harness.net_of(nets.conv(40) + nets.conv(56, 3, stride=stride) + nets.conv(56)
                             + nets.section("shortcut", from_=-2, activation="relu") + nets.conv(33, 3, stride=stride)
                             + nets.conv(33, 3, stride=1) + nets.section("shortcut", from_=-2, activation="linear")
                             + nets.conv(7), height=size[0], width=size[1])
        plan = net.plan(precision="bf16")
        for n in (1, 3):
            x = harness.images(net, n) - 0.5
            assert harness.worst(plan(x), harness.outputs(net, x)) <= 0.02
        used = [step.algorithm for step in plan.program(1).program.steps if "F(" in getattr(step, "algorithm", "")]
        assert len(used) == 3
        assert all(name.endswith("bf16") == (kind == "bfloat16") for name in used)


def test_joined_maps_share_a_form():
    text = (nets.conv(32, 3) + nets.conv(32, 3) + nets.section("route", layers="-1,-2")
            + nets.section("maxpool", size=2, stride=2) + nets.conv(16) + nets.section("upsample", stride=2)
            + nets.section("route", layers="-1,0") + nets.conv(5))
    net = harness.net_of(text)
    plan = net.plan(precision="int8", calibration=net.calibrate([harness.images(net, 2)]))
    if plan.precision != "int8":
        pytest.skip(plan.note)
    steps = plan.program(1).program.steps
    copies = [step.algorithm for step in steps if getattr(step, "algorithm", "").startswith(("copy", "uint8 to"))]
    assert copies == ["copy"], "layer 0 is in two routes"
    assert len({step.out.form for step in steps if getattr(step, "layer", 9) in (0, 1, 3, 4, 5)
                and hasattr(getattr(step, "out", None), "form") and step.out.form.dtype == "uint8"}) == 1


def test_forms():
    assert quantised(0, 255) == Form("uint8", 1, 0)
    assert quantised(-255, 0) == Form("uint8", 1, 255)
    assert quantised(3, 510) == Form("uint8", 2, 0), "0 is always there"
    assert quantised(0, 0) == Form("uint8", 1, 0)
    assert quantised(-32, 223).convert(Form("uint8", 2.0, 7)) == (0.5, -9)


def test_precision_is_checked():
    net = harness.net_of(nets.conv(3))
    with pytest.raises(darkpy.UsageError, match="one of float32, bf16, int8"):
        net.plan(precision="int4")
    if narrow_products("uint8"):  # elsewhere it computes in float32, and says so
        with pytest.raises(darkpy.UsageError, match="needs a calibration"):
            net.plan(precision="int8")
    for memory in (0, -1, float("nan")):
        with pytest.raises(darkpy.UsageError, match="memory"):
            net.plan(memory=memory)


def test_explanation(precision):
    net = harness.net_of(nets.conv(32, 3) + nets.conv(32) + nets.conv(8))
    text = str(net.plan(precision=precision, calibration=net.calibrate([harness.images(net, 1)])).explain(passes=1))
    assert f"direct 1x1 {precision}" in text and f"precision {precision}" in text
    assert "of at most" in text and "memory=2.5 times the raw ones" in text


def test_memory():
    net = harness.net_of(nets.conv(64, 3) + nets.conv(64, 3) + nets.conv(64, 3), width=64, height=64)
    sizes = []
    for memory in (1, 1.8, 10):
        found = net.plan(memory=memory).explain(passes=1)
        assert found.weight_bytes <= memory * found.raw_bytes * 1.05 and found.times_raw == memory
        sizes.append(found.weight_bytes)
    assert sizes[0] <= sizes[1] <= sizes[2] > sizes[0]


OTHER_CPU = """
import numpy as np
from tests.plan import harness, nets
net = harness.net_of(nets.conv(32, 3) + nets.conv(8))
x = harness.images(net, 1)
for precision in ("bf16", "int8"):
    plan = net.plan(precision=precision, calibration=net.calibrate([x]))
    assert harness.worst(plan(x), harness.outputs(net, x)) < 1e-5
    print(plan.precision, plan.note, str(plan.explain(passes=1)).splitlines()[-2], sep="|")
"""


@pytest.mark.slow
def test_cpu_without_the_instructions():
    environment = os.environ | {"NUMBA_CPU_NAME": "haswell"}
    done = subprocess.run([sys.executable, "-c", OTHER_CPU], capture_output=True, text=True, env=environment,
                          check=False)
    assert done.returncode == 0, done.stderr
    for line, name in zip(done.stdout.splitlines(), ("BF16", "VNNI"), strict=True):
        used, note, last = line.split("|")
        assert used == "float32" and "AVX512-" + name in note and last.endswith(f"precision float32 ({note})")


def test_possible():
    assert possible("float32") == ("float32", "")
    note = "precision fp16: it is for NVIDIA GPUs (device cuda), so float32 is computed"
    assert possible("fp16") == ("float32", note)


# -- calibration ----------------------------------------------------------------------------------------------------


def test_calibration(tmp_path):
    net = harness.net_of(nets.conv(8, 3) + nets.conv(3))
    net.seen = 77
    x = harness.images(net, 3)
    found = net.calibrate([x[:1], x[1:]])
    net.forward(x, keep=True)
    assert found.images == 3 and found.seen == 77
    assert found.layers == [(float(y.min()), float(y.max())) for y in net.outputs]
    found.save(tmp_path / "a.json")
    assert Calibration.load(tmp_path / "a.json") == found
    np.testing.assert_array_equal(net.plan(precision="int8", calibration=found)(x)[0],
                                  net.plan(precision="int8", calibration=str(tmp_path / "a.json"))(x)[0])
    with pytest.raises(darkpy.DataError, match="needs at least one image"):
        net.calibrate([])
    with pytest.raises(darkpy.DataError, match="with 2 layers, this one has 1"):
        harness.net_of(nets.conv(3)).plan(precision="int8", calibration=found)
    net.seen = 78
    with pytest.raises(darkpy.DataError, match="had seen 77 images, these have seen 78"):
        net.plan(precision="int8", calibration=found)


def test_numbers_that_are_none_do_not_count():
    net = harness.net_of(nets.conv(8, 3) + nets.conv(3))
    x = harness.images(net, 2)
    x[0, 0, 0, 0] = np.nan
    x[1, 0, 1, 1] = np.inf
    assert all(np.isfinite(pair).all() for pair in net.calibrate([x]).layers)


GOOD = '{"format": "darkpy calibration 1", "seen": 0, "images": 1, "layers": [[-1, 2], null]}'


@pytest.mark.parametrize("text, problem", [
    ("", "is no calibration"), ("[]", "its format is not"), (GOOD.replace(" 1\"", " 2\""), "its format is not"),
    (GOOD.replace("[-1, 2]", "[2, 1]"), "2 to 1 is no range"), (GOOD.replace("2]", "1e999]"), "is no range"),
    (GOOD.replace("2]", "1e39]"), "is no range"),
    (GOOD.replace("[-1, 2]", "7"), "'7' is no range"), (GOOD.replace('"seen": 0, ', ""), "lacks 'seen'"),
    (GOOD.replace("-1", '"x"'), "is no calibration"), (GOOD.replace("[[-1, 2], null]", "3"), "is no calibration"),
    ("[" * 100000, "is no calibration"), (GOOD + " " * (1 << 20), "larger than"), ("\xff", "is no calibration"),
])
def test_bad_files(tmp_path, text, problem):
    path = tmp_path / "c.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(darkpy.DataError, match=problem) as caught:
        Calibration.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(darkpy.DataError, match="No such file"):
        Calibration.load(tmp_path / "none.json")

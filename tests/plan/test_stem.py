"""The kernel of a first convolution: odd sizes, strides, borders, pools, activations, several images."""

import numpy as np
import pytest

from darkpy.ops.cpu.stem import pack
from darkpy.plan import stem
from tests.plan import harness
from tests.plan.nets import conv, section

BY_ROWS = "winograd by rows"
SIZES = [(2, 2), (3, 5), (13, 9), (8, 64), (6, 70), (33, 130)]
KERNELS = [(7, 2, 3), (11, 4, 0), (5, 1, 2), (6, 2, 2), (4, 2, 0), (2, 1, 1), (7, 2, 5), (5, 2, 2), (7, 3, 3)]


@pytest.fixture(autouse=True)
def everywhere(monkeypatch):
    """Plans take the kernel on every CPU, and for small images too."""
    monkeypatch.setattr(stem, "WIDE", True)
    monkeypatch.setattr(stem, "SHORTEST", 1)


def text_of(filters=20, activation="leaky", padding=1, pool=False, size=3, stride=1) -> str:
    text = conv(filters, size, activation, pad=0, padding=padding, stride=stride, batch_normalize=1)
    return text + (section("maxpool", size=2, stride=2) if pool else "") + conv(8)


def algorithms(plan) -> list[str]:
    return [step.algorithm for step in plan.explain(passes=1).steps]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pool", [False, True])
def test_sizes(size, pool):
    for channels, filters, n in ((3, 20, 2), (4, 32, 1), (7, 5, 3)):
        net = harness.net_of(text_of(filters, pool=pool), channels=channels, height=size[0], width=size[1])
        x = harness.images(net, n) - 0.5
        plan = net.plan()
        assert harness.worst(plan(x), harness.outputs(net, x, exact=True)) < harness.LIMIT
        fused = pool and size[0] % 2 == size[1] % 2 == 0
        assert algorithms(plan)[0] == BY_ROWS + " 3x3" + (", pool" if fused else "")


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_kernels(kernel):
    size, stride, padding = kernel
    for (height, width), pool, filters in (((40, 31), False, 20), ((34, 150), True, 33), ((13, 12), False, 16)):
        text = text_of(filters, padding=padding, pool=pool, size=size, stride=stride)
        net = harness.net_of(text, height=height, width=width)
        x = harness.images(net, 2) - 0.5
        plan = net.plan()
        assert harness.worst(plan(x), harness.outputs(net, x, exact=True)) < harness.LIMIT
        name = f"{BY_ROWS} {size}x{size}" + (f"/{stride}" if stride > 1 else "")
        assert algorithms(plan)[0].startswith(name)


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("activation", ["linear", "relu", "mish", "logistic"])
def test_borders_and_activations(padding, activation):
    for pool in (False, True):
        net = harness.net_of(text_of(16, activation, padding, pool), height=12, width=18)
        x = harness.images(net, 2) - 0.5
        plan = net.plan()
        assert harness.worst(plan(x), harness.outputs(net, x, exact=True)) < harness.LIMIT
        assert algorithms(plan)[0].startswith(BY_ROWS if activation in ("linear", "relu") or not pool else "pad")


@pytest.mark.parametrize("options", [{"dilation": 2}, {"size": 1}, {"size": 7}, {"size": 2, "stride": 2},
                                     {"size": 3, "stride": 2}, {"channels": 2}, {"size": 13, "stride": 2}])
def test_others_are_direct(options):
    """Also where a phase would have more taps than there are points to transform with."""
    options = {"size": 3} | options
    net = harness.net_of(conv(16, **{k: v for k, v in options.items() if k != "channels"}) + conv(8),
                         channels=options.get("channels", 3))
    x = harness.images(net, 1)
    plan = net.plan()
    assert harness.worst(plan(x), harness.outputs(net, x, exact=True)) < harness.LIMIT
    assert not any(BY_ROWS in a for a in algorithms(plan))


@pytest.mark.parametrize("size, stride, width, rows", [(3, 1, 10, True), (7, 2, 128, True), (7, 2, 64, False),
                                                       (11, 4, 227, True), (11, 4, 112, False)])
def test_choice(size, stride, width, rows, monkeypatch):
    """With strides short rows would be transformed in vain."""
    monkeypatch.undo()
    monkeypatch.setattr(stem, "WIDE", True)
    net = harness.net_of(text_of(16, size=size, stride=stride), height=32, width=width)
    assert (BY_ROWS in algorithms(net.plan())[0]) == rows


def test_threads_agree():
    """Each band of rows transforms the rows above it anew."""
    net = harness.net_of(text_of(), height=50, width=40)
    x = harness.images(net, 1)
    one, two = (net.plan(threads=threads)(x)[0] for threads in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("pool", [False, True])
def test_a_missing_number_stays_near(pool):
    """NaN in one pixel reaches no tile that does not see it."""
    net = harness.net_of(text_of(pool=pool), height=20, width=200)
    x = harness.images(net, 1)
    clean = net.plan()(x)[0]
    x[0, 1, 10, 100] = np.nan
    with np.errstate(all="ignore"):
        hit = (net.plan()(x)[0] != clean).any((0, 1))
    if pool:  # each of its pixels stands for four
        hit = hit.repeat(2, 0).repeat(2, 1)
    assert hit[9:12, 99:102].all() and not hit[:8].any() and not hit[13:].any()
    assert not hit[:, :92].any() and not hit[:, 108:].any()
    x[0, 1, 10, 100] = 0
    assert np.isfinite(clean).all()


def test_weights():
    """A row of weights 0 1 0 gives the values of its polynomial at the points, over their denominators; unused filters
    are zero."""
    w = np.zeros((3, 2, 3, 3), np.float32)
    w[1, 0, 2, 1] = 2
    packed = pack(w, np.array([1, 3, 1], np.float32), stride=1)
    assert packed.shape == (1, 2, 3, 6, 16)
    assert set(zip(*(axis.tolist() for axis in np.nonzero(packed)), strict=True)) == {
        (0, 0, 2, k, 1) for k in (1, 2, 3, 4)}
    assert packed[0, 0, 2, 1, 1] == -packed[0, 0, 2, 2, 1]
    apart = pack(w, np.ones(3, np.float32), stride=2)  # the middle tap has a phase of its own, which needs no transform
    assert apart.shape == (1, 2, 3, 9, 16) and np.all(apart[0, 0, 2, 5:, 1] == 2) and np.count_nonzero(apart) == 4

"""Recording a CUDA graph: what is asked of the driver, and that a plan gives the same with one and without."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from darkpy import cuda
from darkpy.ops.cuda.memory import Array, pool
from tests.cuda import nets
from tests.cuda.test_network import batch, pair
from tests.cuda.test_plan import ODD


class Driver:
    """Stands for cuda.bindings.driver; `fails`: the function that gives an error."""

    CUresult = SimpleNamespace(CUDA_SUCCESS=0)
    CUstreamCaptureMode = SimpleNamespace(CU_STREAM_CAPTURE_MODE_RELAXED=2)
    CUstream = int

    def __init__(self, fails=""):
        self.fails, self.calls = fails, []

    def __getattr__(self, name):
        def call(*args):
            self.calls.append(name)
            error = 1 if name == self.fails else 0
            return (error, name) if name in ("cuStreamEndCapture", "cuGraphInstantiate") else (error,)

        return call


@pytest.fixture
def driver(monkeypatch):
    def use(fails=""):
        made = Driver(fails)
        monkeypatch.setattr(cuda, "SIMULATED", False)
        monkeypatch.setattr(cuda, "stream", lambda: 7)
        monkeypatch.setitem(sys.modules, "cuda.bindings.driver", made)
        return made

    return use


RECORDED = ["cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiate", "cuGraphDestroy"]


def test_record(driver):
    made, ran = driver(), []
    launch = cuda.record(lambda: ran.append(1))
    assert made.calls == RECORDED and ran == [1]
    launch()
    launch()
    assert made.calls == [*RECORDED, "cuGraphLaunch", "cuGraphLaunch"] and ran == [1]
    del launch
    assert made.calls[-1] == "cuGraphExecDestroy"


@pytest.mark.parametrize(("fails", "calls"), [("cuStreamBeginCapture", RECORDED[:1]),
                                              ("cuStreamEndCapture", RECORDED[:2]), ("cuGraphInstantiate", RECORDED)])
def test_a_driver_that_cannot(driver, fails, calls):
    made = driver(fails)
    assert cuda.record(lambda: None) is None
    assert made.calls == calls


def test_what_fails_while_it_is_recorded(driver):
    made = driver()
    assert cuda.record(lambda: 1 / 0) is None
    assert made.calls == RECORDED[:2]  # the capture is ended


@pytest.mark.parametrize("text", [nets.YOLO3, ODD[-1]])
def test_a_plan_with_a_graph(text, monkeypatch):
    _, net = pair(text)
    x = np.random.default_rng(0).random((net.batch, *net.input_shape), np.float32)
    launched = []

    def record(run):
        return lambda: (launched.append(1), run())

    plain = [net.plan()(x) for _ in range(3)][-1]
    monkeypatch.setattr(cuda, "record", record)
    plan = net.plan()
    for _ in range(3):
        for mine, expected in zip(plan(x), plain, strict=True):
            np.testing.assert_array_equal(mine, expected)
    assert len(launched) == 2


def test_memory_of_a_graph_is_its_own():
    with pool.keeping() as kept:
        array = Array((1000,))
        block = array.block.data
        del array
    assert [b for _, b in kept] == [block]
    others = [Array((1000,)) for _ in range(3)]
    assert all(a.block.data is not block for a in others)
    pool.give(*kept[0])
    assert Array((1000,)).block.data is block


def test_a_plan_gives_it_back(monkeypatch):
    _, net = pair(nets.YOLO3)
    x, _ = batch(net)
    monkeypatch.setattr(cuda, "record", lambda run: (run(), lambda: None)[1])
    plan = net.plan()
    for _ in range(3):
        plan(x)
    del plan
    held = pool.held
    plan = net.plan()
    for _ in range(3):
        plan(x)
    assert pool.held == held

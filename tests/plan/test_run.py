"""Running plans: batches, threads, forks, state, wrong input, numbers that are none."""

import os
import subprocess
import sys
import threading

import llvmlite.binding as llvm
import numpy as np
import pytest

import darkpy
from darkpy import jit
from darkpy.plan.kernels import Kernel
from darkpy.plan.run import KEPT
from tests.plan import harness, nets

BODY = nets.conv(32, 3) + nets.conv(48, 3) + nets.conv(48, 3, groups=48) + nets.conv(7)


def packed(plan, batch):
    """Addresses of the packed weights of each kernel."""
    found = []
    for step in plan.program(batch).program.steps:
        if isinstance(step, Kernel) and step.weight_bytes:
            found.append((step.algorithm, [part.weights.ctypes.data for part in step.conv.packed.parts]))
    return found


def test_batches_share_weights_and_few_programs_are_kept():
    net = harness.net_of(BODY)
    plan = net.plan()
    x = harness.images(net, KEPT + 3)
    truth = net.forward(x)
    for n in range(1, KEPT + 4):
        (y,) = plan(x[:n])
        np.testing.assert_allclose(y, truth[:n], rtol=0, atol=1e-4)
    assert list(plan.programs) == list(range(4, KEPT + 4))
    plan(x[:4])
    assert list(plan.programs)[-1] == 4, "the last used is dropped last"
    one, two = packed(plan, 6), packed(plan, 7)
    assert len(one) == 4 and all(b == d for (a, b), (c, d) in zip(one, two, strict=True) if a == c)
    assert sum(a == c for (a, _), (c, _) in zip(one, two, strict=True)) >= 3


def test_input():
    net = harness.net_of(nets.conv(3))
    plan = net.plan()
    x = harness.images(net, 2)
    np.testing.assert_array_equal(plan(x)[0], plan(x.astype(np.float64).reshape(2, -1))[0])
    np.testing.assert_array_equal(plan(x[::-1])[0], plan(x)[0][::-1])
    for wrong in (x[:0], x[:, :2], np.zeros(5), x[0].transpose(1, 2, 0)):  # the last: height, width, channels
        with pytest.raises(darkpy.UsageError, match="this net takes"):
            plan(wrong)


@pytest.mark.parametrize("text", [nets.conv(20, 3), nets.conv(20, 5), nets.conv(20, 3) + nets.section(
    "route", layers="-1") + nets.section("connected", output=3), nets.section("connected", output=3)])
def test_input_is_read_where_it_lies(text):
    """Inputs at other addresses, one gone before the next comes, none changed."""
    net = harness.net_of(text)
    plan = net.plan()
    for seed in range(3):
        x = harness.images(net, 2, seed)
        kept = x.copy()
        assert harness.worst(plan(x), harness.outputs(net, x, exact=True)) <= harness.LIMIT
        np.testing.assert_array_equal(x, kept)
        x[...] = np.nan
        del x
        assert harness.worst(plan(kept), harness.outputs(net, kept, exact=True)) <= harness.LIMIT


def test_results_are_the_callers_own():
    net = harness.net_of(nets.conv(3))
    plan = net.plan()
    x = harness.images(net, 1)
    (first,) = plan(x)
    kept = first.copy()
    plan(1 - x)
    np.testing.assert_array_equal(first, kept)


def test_more_threads_than_there_are():
    net = harness.net_of(BODY)
    x = harness.images(net, 2)
    (y,) = net.plan(threads=1)(x)
    np.testing.assert_array_equal(net.plan(threads=1000)(x)[0], y)


CALLERS = """
import threading
import numpy as np
from tests.plan import harness, nets
net = harness.net_of(nets.conv(32, 3) + nets.conv(48, 3) + nets.conv(7, activation="logistic"))
x = harness.images(net, 2)
plans = [net.plan() for _ in range(3)]
(expected,) = plans[0](x)
layers = net.forward(x)
same = []
def call(run, truth):
    for _ in range(20):
        same.append(np.array_equal(run(x), truth))
jobs = [threading.Thread(target=call, args=(lambda x, p=p: p(x)[0], expected)) for p in (*plans, plans[0])]
jobs += [threading.Thread(target=call, args=(net.forward, layers)) for _ in range(2)]
for job in jobs:
    job.start()
for job in jobs:
    job.join()
print(len(same), all(same))
"""

FORK = """
import os
import darkpy
from tests.plan import harness, nets
net = harness.net_of(nets.conv(32, 3) + nets.conv(7))
x = harness.images(net, 2)
plan = net.plan()
plan(x)
for run in (plan, net.forward):
    child = os.fork()
    if child == 0:
        try:
            run(x)
            print("computed", flush=True)
        except darkpy.UsageError as e:
            print("spawn" if "spawn" in str(e) else e, flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
"""


def script(text, **variables):
    environment = os.environ | variables
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_no_more_threads_than_have_scratch_memory():
    count = "from darkpy.jit import numba, running, threads_allowed\n" \
            "with running():\n    print(threads_allowed(), numba.get_num_threads())"
    assert script(count, NUMBA_NUM_THREADS="4", DARKPY_THREADS="2") == ["2", "2"]


@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_threads_of_python(layer):
    assert script(CALLERS, NUMBA_THREADING_LAYER=layer) == ["120", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_after_a_fork(layer):
    """What follows is computed or refused; Numba by itself would end the process."""
    harness.net_of(nets.conv(3)).plan()(np.zeros((1, 3, 16, 16), np.float32))
    refused = layer == "default" and jit.threading_layer() == "omp"
    assert script(FORK, NUMBA_THREADING_LAYER=layer) == (["spawn"] if refused else ["computed"]) * 2


def test_state_of_recurrent_layers():
    """Carried from call to call as the layers do, shared with them, and reset with them."""
    net = harness.fill(darkpy.load(harness.ROOT / "cfg" / "gru.cfg"), 0, 1.0)
    plan = net.plan()
    xs = [np.eye(256, dtype=np.float32)[None, k] for k in (10, 200, 31)]
    planned = [plan(x)[0] for x in xs]
    net.reset_state()
    for x, y in zip(xs, planned, strict=True):
        assert harness.error(y.reshape(1, -1), net.forward(x).reshape(1, -1)) < harness.LIMIT
    assert np.abs(planned[0] - planned[1]).max() > 0
    net.reset_state()
    np.testing.assert_array_equal(plan(xs[0])[0], planned[0])


BROKEN = {
    "direct": (nets.conv(20, 3, stride=3), 1),
    "planar": (nets.conv(20, 5), 2),
    "winograd": (nets.conv(32) + nets.conv(32, 3), 9),
    "strided": (nets.conv(32) + nets.conv(32, 3, stride=2), 9),
    "depthwise": (nets.conv(20) + nets.conv(20, 3, groups=20), 1),
    "maxpool": (nets.conv(20) + nets.section("maxpool", size=3, stride=1), 1),
}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", BROKEN)
def test_numbers_that_are_none(name, value):
    """Where the layers give no finite number, nor does the plan.  It may spread over a Winograd tile and no further:
    beyond that, and in other images of the batch, not a bit changes.  What is finite in both is equal; infinities may
    become NaN, since a tile subtracts them from themselves."""
    text, reach = BROKEN[name]
    net = harness.net_of(text, width=40, height=40, channels=3)
    x = harness.images(net, 2)
    plan = net.plan()
    (clean,) = plan(x)
    x[0, 1, 20, 17] = value
    (mine,) = plan(x)
    with np.errstate(invalid="ignore"):
        (truth,) = harness.outputs(net, x)
    assert not np.isfinite(mine[~np.isfinite(truth)]).any()
    finite = np.isfinite(mine)
    assert np.abs(mine[finite] - truth[finite]).max() <= harness.LIMIT * np.abs(mine[finite]).max()
    i, j = np.indices(mine.shape[2:]) * 40 / mine.shape[2]
    far = np.maximum(abs(i - 20), abs(j - 17)) > reach
    np.testing.assert_array_equal(mine[0][:, far], clean[0][:, far])
    np.testing.assert_array_equal(mine[1], clean[1])
    assert far.any() and np.isfinite(clean).all()


def test_explain():
    net = harness.net_of(BODY + nets.section("avgpool") + nets.section("softmax"))
    plan = net.plan()
    told = plan.explain(batch=2, passes=2)
    assert told.batch == 2 and [s.layer for s in told.steps if s.flops] == [0, 1, 2, 3]
    flops = sum(2 * layer.flops for layer in net.layers if layer.kind == "convolutional")
    assert sum(s.flops for s in told.steps) == flops
    assert told.peak > 1e8 and told.arena_bytes > 0 and told.weight_bytes > 0
    lines = str(told).splitlines()
    assert len(lines) == len(told.steps) + 3
    assert "softmax" in lines[-3] and "2x7x1x1" in str(told) and "GFLOP/s" in lines[-2] and "exceed" in lines[-1]


def test_a_thread_started_while_another_compiles():
    net = harness.net_of(BODY, seed=3)
    plan = net.plan()
    x = harness.images(net, 1)
    found = []
    jobs = [threading.Thread(target=lambda: found.append(plan(x)[0])) for _ in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(found) == 4 and all(np.array_equal(y, found[0]) for y in found)


NARROW = """
from darkpy.ops.cpu.tile import WIDE
from tests.plan import harness, nets
assert not WIDE
for name in ("winograd", "depthwise", "groups", "residual", "pooling", "heads"):
    text, options = nets.NETS[name]
    net = harness.net_of(text, **options)
    x = harness.images(net, 2) - 0.5
    print(harness.worst(net.plan()(x), harness.outputs(net, x, exact=True)) < harness.LIMIT)
"""


@pytest.mark.skipif(not llvm.get_host_cpu_features().get("avx2"), reason="this machine has no AVX2")
def test_on_narrower_registers():
    """The kernels that a machine without AVX-512 compiles."""
    assert script(NARROW, NUMBA_CPU_NAME="haswell") == ["True"] * 6


def test_released_weights():
    """A plan may take the weights over: other batch sizes still work, the net itself says that it cannot run."""
    net = harness.net_of(BODY)
    x = harness.images(net, 3)
    (truth,) = net.plan()(x)
    plan = net.plan(release=True)
    np.testing.assert_array_equal(plan(x)[0], truth)
    assert all(not any(net.params(i)["weights"].strides) for i in range(4)), "no weights are left in the net"
    np.testing.assert_allclose(plan(x[:1])[0], truth[:1], rtol=0, atol=1e-5 * abs(truth).max())
    for use in (net.plan, lambda: net.forward(x), lambda: net.save("never.weights")):
        with pytest.raises(darkpy.errors.UsageError, match="released to its plan"):
            use()

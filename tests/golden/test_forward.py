"""Every layer of the stock networks, and the outputs of their plans, against the original program."""

import numpy as np
import pytest

from darkpy import cuda
from tests.golden import harness
from tests.shared import ROOT


def like_cpu_build(net):
    """The recordings divide by sqrt(variance) + 1e-6; make sqrt(variance' + 1e-5) the same number."""
    for layer in net.layers:
        for key, v in layer.params.items():
            if key.endswith("rolling_variance"):
                v[...] = (np.sqrt(v.astype(np.float64)) + 1e-6) ** 2 - 1e-5


ON_GPU = pytest.param("cuda", marks=[pytest.mark.cuda, pytest.mark.skipif(
    bool(cuda.missing()) or cuda.SIMULATED, reason=f"needs a GPU: {cuda.missing()}")])


@pytest.mark.golden
@pytest.mark.parametrize("device", ["cpu", ON_GPU])
@pytest.mark.parametrize("name", harness.names("forward"))
def test_forward(name, device):
    g = harness.golden("forward", f"{name}.npz")
    m = g.meta
    text = (ROOT / "cfg" / m["cfg"]).read_text()
    net = harness.network(text, str(ROOT), device, **m["override"])
    with net.on_host():
        harness.fill(net, m["seed"], m["gain"])
        like_cpu_build(net)
    x = harness.module("fill").fill_input(m["inputs"] * m["batch"], m["seed"]).reshape(m["batch"], -1)
    for _ in range(m["forward_calls"]):
        net.forward(x, keep=True)
    net.reset_state()
    plan = net.plan()
    for _ in range(m["forward_calls"]):
        planned = dict(zip(net.output_layers, plan(x), strict=True))
    assert [layer.kind for layer in net.layers] == m["types"]
    limit = 2e-4 if len(net.layers) < 30 else 1e-3
    if name == "strided":  # its final softmax is the least stable of all: see the README of the recordings
        limit = 1e-3
    for ref in g.layers():
        got = np.asarray(net.outputs[ref["index"]]).ravel()
        dims = ref["dims"]
        # of a recurrent layer the batch is recorded without its time steps
        steps = net.config.time_steps if ref["type"] in ("rnn", "crnn", "gru", "lstm") else 1
        assert got.size == dims["outputs"] * dims["batch"] * steps, ref["type"]
        e = harness.error(got[ref["idx"]], ref["val"])
        assert e <= limit, f"layer {ref['index']} {ref['type']}: {e:.2e}"
        if ref["index"] in planned:
            e = harness.error(planned.pop(ref["index"]).ravel()[ref["idx"]], ref["val"])
            assert e <= limit, f"the plan's layer {ref['index']} {ref['type']}: {e:.2e}"
    assert not planned

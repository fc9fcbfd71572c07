"""Whole networks on the device: what the CPU gives, forward and in training, and what is saved."""

import numpy as np
import pytest

from darkpy import cfg
from darkpy.build import build
from darkpy.network import Network
from darkpy.ops.cuda.memory import Array, pool
from darkpy.train import checkpoint
from tests.cuda import nets

LIMIT = 1e-4  # of the largest number: a few layers of float32, summed up in another order


def pair(text):
    """The same net on both sides."""
    made = []
    for device in ("cpu", "cuda"):
        net = Network(build(cfg.parse(text)), device, seed=3)
        with net.on_host():
            for layer in net.layers:
                if "rolling_variance" in layer.params:
                    layer.params["rolling_variance"][...] = 0.5
        made.append(net)
    return made


def close(found, expected, what, limit=LIMIT):
    assert found.shape == expected.shape, what
    scale = max(float(np.abs(expected).max(initial=0)), 1e-3)
    assert float(np.abs(found - expected).max(initial=0)) <= limit * scale, what


def host(net, table):
    return {(i, name): a.host() if isinstance(a, Array) else a for i, layer in enumerate(net.layers)
            for name, a in getattr(layer, table).items()}


def batch(net, seed=0):
    random = np.random.default_rng(seed)
    x = random.random((net.batch, *net.input_shape), np.float32)
    last = net.layers[-1]
    if last.kind == "yolo":
        truth = np.zeros((net.batch, 3, 5), np.float32)
        truth[:, :2] = [[0.3, 0.4, 0.3, 0.2, 1], [0.7, 0.6, 0.8, 0.9, 0]]
        truth[1, 1] = 0
    else:
        truth = np.eye(last.out_shape[0], dtype=np.float32)[random.integers(0, last.out_shape[0], net.batch)]
    return x, truth.reshape(net.batch, -1)


@pytest.mark.parametrize("text", [nets.YOLO3, nets.CLASSIFIER, nets.RECURRENT], ids=["yolo", "classifier", "gru"])
def test_forward(text):
    cpu, cuda = pair(text)
    x, _ = batch(cpu)
    close(cuda.forward(x, keep=True), cpu.forward(x, keep=True), "output")
    for i, (mine, reference) in enumerate(zip(cuda.outputs, cpu.outputs, strict=True)):
        assert isinstance(mine, np.ndarray)
        close(mine, reference, f"layer {i}")


@pytest.mark.parametrize("text", [nets.YOLO3, nets.CLASSIFIER, nets.RECURRENT], ids=["yolo", "classifier", "gru"])
def test_training_step(text, tmp_path):
    """Two steps: gradients, parameters and moments as on the CPU, and everything stays on the device in between."""
    cpu, cuda = pair(text)
    for step in range(2):
        x, truth = batch(cpu, step)
        for net in (cpu, cuda):
            net.seen += len(x)
        assert cuda.loss(x, truth) == pytest.approx(cpu.loss(x, truth), rel=1e-4)
        for net in (cpu, cuda):
            net.backward()
        assert all(isinstance(a, Array) for layer in cuda.layers
                   for table in (layer.params, layer.grads) for a in table.values())
        found, expected = host(cuda, "grads"), host(cpu, "grads")
        assert found.keys() == expected.keys()
        for key, array in expected.items():
            close(found[key], array, f"gradient {key}", 1e-3)
        if cpu.complete:
            assert cuda.step() == cpu.step()
    for table in ("params", "moments", "state"):
        found, expected = host(cuda, table), host(cpu, table)
        assert found.keys() == expected.keys()
        for key, array in expected.items():
            close(found[key], array, f"{table} {key}", 5e-3 if cpu.config.adam else 1e-3)


def test_weights_and_checkpoint_go_both_ways(tmp_path):
    cpu, cuda = pair(nets.YOLO3)
    x, truth = batch(cpu)
    cuda.train_step(x, truth)
    cuda.save(tmp_path / "a.weights")
    checkpoint.save(tmp_path / "a.checkpoint", cuda, {})
    cpu.load_weights(tmp_path / "a.weights")
    assert cpu.seen == cuda.seen
    for key, array in host(cpu, "params").items():
        np.testing.assert_array_equal(array, host(cuda, "params")[key])
    checkpoint.load(tmp_path / "a.checkpoint", cpu)
    cpu.save(tmp_path / "b.weights")
    _, again = pair(nets.YOLO3)
    again.load_weights(tmp_path / "b.weights")
    checkpoint.load(tmp_path / "a.checkpoint", again)
    for table in ("params", "moments"):
        for key, array in host(cuda, table).items():
            np.testing.assert_array_equal(array, host(again, table)[key])
    assert all(isinstance(a, Array) for layer in again.layers for a in layer.params.values())


def test_state_is_carried_and_reset():
    cpu, cuda = pair(nets.RECURRENT)
    x, _ = batch(cpu)
    first = cuda.forward(x)
    second = cuda.forward(x)
    assert not np.allclose(first, second)
    cpu.forward(x)
    close(second, cpu.forward(x), "second call")
    cuda.reset_state()
    np.testing.assert_array_equal(cuda.forward(x), first)


def test_what_is_not_finite_is_found():
    _, cuda = pair(nets.CLASSIFIER)
    params = list(cuda.layers[0].params.values())
    assert cuda.ops.finite(params)
    for bad in (np.nan, np.inf, -np.inf):
        values = np.ones(5, np.float32)
        values[3] = bad
        assert not cuda.ops.finite([*params, cuda.ops.upload(values)])


def test_memory_is_used_again():
    _, cuda = pair(nets.YOLO3)
    x, truth = batch(cuda)
    for _ in range(2):
        cuda.train_step(x, truth)
    held = pool.held
    cuda.train_step(x, truth)
    assert pool.held == held

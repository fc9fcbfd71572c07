"""Checks every recurrent layer has to pass: gradients through time, state, time steps, names, tracing."""

import numpy as np
import pytest

from darkpy.errors import UsageError
from darkpy.layers import LAYERS
from darkpy.layers.base import NetInfo
from darkpy.ops import Cpu, Reference
from darkpy.plan.run import Executable
from darkpy.plan.trace import trace

STEP = 1e-6


def make(kind, in_shape, steps, dtype=np.float32, seed=0, **options):
    """A layer with random parameters, away from the zeros and ones they start with."""
    cls = LAYERS[kind]
    layer = cls(cls.Config(**options), [in_shape], NetInfo(time_steps=steps, index=3))
    random = np.random.default_rng(seed)
    layer.allocate(random)
    for name, array in layer.params.items():
        noise = random.uniform(-0.5, 0.5, array.shape)
        layer.params[name] = (array + noise + (1 if name.endswith("variance") else 0)).astype(dtype)
    return layer


def rows(layer, batch, dtype=np.float32, seed=1):
    n = batch * layer.net.time_steps
    return np.random.default_rng(seed).uniform(-1, 1, (n, *layer.in_shapes[0])).astype(dtype)


def check_gradients(layer, batch):
    """Central differences in float64, the state starting at zero, for the input and all parameters."""
    ops, x = Reference(), rows(layer, batch, np.float64)
    weight = np.random.default_rng(2).uniform(-1, 1, (len(x), *layer.out_shape))

    def value():
        layer.state.clear()
        return (layer.forward(ops, x, train=True)[0] * weight).sum()

    layer.state.clear()
    y, saved = layer.forward(ops, x, train=True)
    assert y.shape == weight.shape
    dx = layer.backward(ops, weight, saved)
    assert dx.shape == x.shape
    assert set(layer.grads) == {name for name, p in layer.declared.items() if p.trained}
    for name, array, grad in [("x", x, dx), *((n, layer.params[n], g) for n, g in layer.grads.items())]:
        assert grad.shape == array.shape, name
        flat = array.reshape(-1)
        for i in np.random.default_rng(3).choice(flat.size, min(flat.size, 12), replace=False):
            kept = flat[i]
            flat[i] = kept + STEP
            up = value()
            flat[i] = kept - STEP
            down = value()
            flat[i] = kept
            assert grad.reshape(-1)[i] == pytest.approx((up - down) / (2 * STEP), rel=1e-5, abs=1e-7), (name, i)


def check_state(layer, batch):
    """Calls one after the other see what one long call sees; another number of sequences starts anew."""
    ops, x = Cpu(), rows(layer, batch)
    whole = layer.forward(ops, x)[0]
    again = layer.forward(ops, x)[0]
    assert not np.allclose(whole, again)  # the second call went on where the first ended
    steps = layer.net.time_steps
    single = make(layer.kind, layer.in_shapes[0], 1, **vars(layer.config))
    single.params.update(layer.params)
    parts = [single.forward(ops, x[t * batch : (t + 1) * batch])[0] for t in range(steps)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-5, atol=1e-6)
    for name, array in layer.state.items():
        assert np.abs(array).max() > 0
        np.testing.assert_array_equal(array.shape, (batch, *layer.state_shapes[name]))
    more = rows(layer, batch + 1)
    first = layer.forward(ops, more)[0]
    layer.state.clear()
    np.testing.assert_array_equal(layer.forward(ops, more)[0], first)


def check_sequences_are_apart(layer, batch):
    """What one sequence holds does not change the outputs of the others."""
    ops, x = Cpu(), rows(layer, batch)
    y = layer.forward(ops, x)[0]
    x[1::batch] += 1
    layer.state.clear()
    changed = layer.forward(ops, x)[0]
    same = np.arange(len(x)) % batch != 1
    np.testing.assert_allclose(changed[same], y[same], rtol=1e-5, atol=1e-6)
    assert not np.allclose(changed[~same], y[~same])


def check_rows(layer):
    """A call whose rows do not fill its time steps is an error of the caller's."""
    steps = layer.net.time_steps
    with pytest.raises(UsageError, match=rf"{steps + 1} rows .*\[{layer.kind}\], layer 3, .*multiple of {steps}"):
        layer.forward(Cpu(), rows(layer, 2)[: steps + 1])


def check_names(layer, subs, shares=("weights", "biases")):
    """Parameters are named by inner layer, in a weights file's order, and are the inner layers' own arrays."""
    assert list(dict.fromkeys(name.split(".")[0] for name in layer.declared)) == subs == list(layer.inner)
    assert list(layer.params) == list(layer.declared)
    assert layer.n_params == sum(p.size for p in layer.params.values())
    for sub, inner in layer.inner.items():
        assert set(shares) <= set(inner.params)
        for name, array in inner.params.items():
            assert array is layer.params[f"{sub}.{name}"]
        assert len(inner.grads) == 0
    ops = Reference()
    y, saved = layer.forward(ops, rows(layer, 3), train=True)
    layer.backward(ops, y, saved)
    for sub, inner in layer.inner.items():
        assert all(grad is layer.grads[f"{sub}.{name}"] for name, grad in inner.grads.items())
        assert set(shares) <= set(inner.grads)
    before = {name: grad.copy() for name, grad in layer.grads.items()}
    layer.state.clear()
    layer.backward(ops, *layer.forward(ops, rows(layer, 3), train=True))
    assert any(not np.allclose(layer.grads[name], before[name]) for name in before)  # they add up


def check_plan(layer, batch):
    """A traced program carries the state as the layer itself does."""
    layer.params = {name: p.astype(np.float32) for name, p in layer.params.items()}
    x = rows(layer, batch)
    plain = [layer.forward(Cpu(), x)[0] for _ in range(3)]
    layer.state.clear()
    program = Executable(trace([layer], [[-1]], layer.in_shapes[0], len(x), [0]))
    for y in plain:
        np.testing.assert_allclose(program(x)[0], y, rtol=1e-5, atol=1e-6)
    layer.forward(Cpu(), rows(layer, batch + 1))  # does not disturb the program's own state
    assert [len(s) for s in layer.state.values()] == [batch + 1] * len(layer.state)


def check_all(kind, in_shape, subs, steps=3, batch=2, **options):
    for check in (check_state, check_sequences_are_apart, check_plan):
        check(make(kind, in_shape, steps, **options), batch)
    check_rows(make(kind, in_shape, steps, **options))
    check_names(make(kind, in_shape, steps, **options), subs)
    check_gradients(make(kind, in_shape, steps, np.float64, **options), batch)

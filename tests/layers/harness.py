"""What every layer must satisfy, checked for each row of a table of cases.

    CASES = [case("connected", (7,), output=5), case("connected", (3, 4, 5), n=1, activation="leaky")]

    @pytest.mark.parametrize("c", CASES, ids=str)
    def test_connected(c):
        harness.check(c)

`check` runs the layer on symbols, on the obvious NumPy and on the fast backend, and its backward against central
differences in float64.
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from darkpy import cfg
from darkpy.layers import LAYERS, Layer
from darkpy.layers.base import LayerProblem, NetInfo
from darkpy.ops import Cpu, Reference, reference
from darkpy.plan.trace import Recorder, Value

EPS = 1e-5  # of the central differences, in float64
SAMPLES = 12  # numbers of each array whose gradient is checked
MARGIN = 64  # numbers on each side of an output that nobody may write


@dataclass
class Case:
    """A layer of `kind` with inputs of the given shapes and options of the cfg; `info`: what it knows of its net."""

    kind: str
    shapes: tuple[tuple[int, ...], ...]
    options: dict[str, Any]
    n: int = 2
    gradient: bool = True
    info: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        sizes = "+".join("x".join(map(str, s)) for s in self.shapes)
        return f"{self.kind}-n{self.n}-{sizes}-" + "-".join(f"{k}{v}" for k, v in self.options.items())


def case(kind: str, *shapes: tuple[int, ...], n: int = 2, gradient: bool = True, info: dict[str, Any] | None = None,
         **options: Any) -> Case:
    """`from_` stands for the option `from`.  gradient=False: the backward is not the derivative, by intention."""
    return Case(kind, shapes, {k.rstrip("_"): v for k, v in options.items()}, n, gradient, info or {})


def build(c: Case) -> Layer:
    """The layer of a case with parameters and rolling statistics away from their start.  Raises LayerProblem."""
    text = "[net]\n[" + c.kind + "]\n" + "".join(f"{k}={v}\n" for k, v in c.options.items())
    cls = LAYERS[c.kind]
    config, problems, _ = cfg.bind(cfg.parse(text)[1], cls.Config)
    assert not problems, problems
    cls.sources(config, len(c.shapes))
    info = {"batch": c.n, "index": len(c.shapes)} | c.info
    layer = cls(config, list(c.shapes), NetInfo(**info))
    random = np.random.default_rng(len(str(c)))
    layer.allocate(random)
    for name, array in layer.params.items():
        if name.endswith(("scales", "rolling_variance")):
            array[...] = random.uniform(0.5, 1.5, array.shape)
        elif not name.endswith("weights"):
            array[...] = random.uniform(-0.5, 0.5, array.shape)
        else:
            array[...] = random.standard_normal(array.shape) / math.sqrt(max(array[0].size, 1))
    return layer


def inputs(c: Case, dtype: str) -> list[np.ndarray]:
    random = np.random.default_rng(7)
    return [random.standard_normal((c.n, *shape)).astype(dtype) for shape in c.shapes]


def with_dtype(layer: Layer, dtype: str) -> Layer:
    """A copy of a layer on parameters of its own, and with random draws of its own."""
    copy = deepcopy(layer)
    for name, array in layer.params.items():
        copy.params[name] = array.astype(dtype)
    copy.random = np.random.default_rng(3)
    return copy


class Guarded(Cpu):
    """The fast backend with outputs between two margins, to see whether a kernel writes past its output's ends."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        block = np.full(math.prod(shape) + 2 * MARGIN, 77, dtype)
        self.blocks.append(block)
        return block[MARGIN : block.size - MARGIN].reshape(shape)

    def check(self) -> None:
        for block in self.blocks:
            assert (block[:MARGIN] == 77).all() and (block[-MARGIN:] == 77).all(), "a kernel wrote past its output"


class Apart:
    """For backends with a batch normalisation of their own: what comes with an activation is made of the two."""

    def batchnorm_rectified(self: Any, *args: Any, kind: str, **kw: Any) -> Any:
        return self.activation(self.batchnorm(*args, **kw), kind=kind)

    def batchnorm_rectified_dx(self: Any, dy: Any, y: Any, x: Any, *args: Any, kind: str, **kw: Any) -> Any:
        return self.batchnorm_dx(self.activation_dx(dy, y, x, kind=kind), x, *args, **kw)


class Exact(Apart, Reference):
    """Batch normalisation with its true gradient instead of Darknet's."""

    def batchnorm_dx(self, *args: Any, exact: bool, **kw: Any) -> Any:
        return reference.batchnorm_dx(*args, exact=True, **kw)


def check(c: Case) -> None:
    """All of the checks below."""
    layer = build(c)
    check_shapes(c, layer)
    check_backends(c, layer)
    if c.gradient and not layer.is_loss:
        check_gradient(c, layer)


def tuple_of(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def check_shapes(c: Case, layer: Layer) -> None:
    """Declared, traced and executed shapes are the same, and nothing writes to its inputs."""
    assert {k: a.shape for k, a in layer.params.items()} == {k: p.shape for k, p in layer.declared.items()}
    traced = with_dtype(layer, "float32")
    traced.prepare(c.n)
    value, _ = traced.forward(Recorder(), *(Value((c.n, *s)) for s in c.shapes), train=False)
    xs = inputs(c, "float32")
    before = [x.copy() for x in xs]
    y, saved = with_dtype(layer, "float32").forward(Reference(), *xs, train=False)
    assert tuple(value.shape) == y.shape == (c.n, *layer.out_shape)
    assert y.dtype == np.float32
    assert saved is None, "inference keeps nothing"
    trained = with_dtype(layer, "float32")
    y, saved = trained.forward(Reference(), *xs, train=True)
    assert y.shape == (c.n, *layer.out_shape)
    if not layer.is_loss:
        dy = np.ones_like(y)
        dx = tuple_of(trained.backward(Reference(), dy, saved))
        assert [d.shape for d in dx] == [x.shape for x in xs]
        assert (dy == 1).all(), "the gradient that came in was written to"
        for name, grad in trained.grads.items():
            assert grad.shape == layer.params[name].shape and grad.dtype == np.float32, name
        assert set(trained.grads) <= set(layer.params)
    for x, was in zip(xs, before, strict=True):
        np.testing.assert_array_equal(x, was)


def run(c: Case, layer: Layer, ops: Any, dtype: str = "float32") -> dict[str, np.ndarray]:
    """Outputs of inference and training, gradients, and what became of the rolling statistics."""
    layer = with_dtype(layer, dtype)
    xs = inputs(c, dtype)
    found = {"inference": layer.forward(ops, *xs, train=False)[0].copy()}
    layer.state.clear()
    y, saved = layer.forward(ops, *xs, train=True)
    found["training"] = y
    if not layer.is_loss:
        dy = np.random.default_rng(5).standard_normal(y.shape).astype(dtype)
        for i, dx in enumerate(tuple_of(layer.backward(ops, dy, saved))):
            found[f"dx{i}"] = dx
        found |= {f"d {name}": grad for name, grad in layer.grads.items()}
    found |= {name: array for name, array in layer.params.items() if "rolling" in name}
    return found


def close(mine: np.ndarray, reference: np.ndarray, what: str, limit: float = 2e-5) -> None:
    """Equal up to `limit` times the largest number of the reference."""
    scale = max(float(np.abs(reference).max(initial=0)), 1e-6)
    assert mine.shape == reference.shape, what
    worst = float(np.abs(mine - reference).max(initial=0)) / scale
    assert worst <= limit, f"{what}: differs by {worst:.1e} of its largest number"


def check_backends(c: Case, layer: Layer) -> None:
    """Every backend computes what the obvious NumPy computes, and writes only where it should."""
    expected = run(c, layer, Reference(), "float64")
    guarded = Guarded()
    for ops in (Reference(), Cpu(), guarded):
        found = run(c, layer, ops)
        assert found.keys() == expected.keys()
        for what, value in expected.items():
            assert found[what].dtype == np.float32, what
            close(found[what], value, f"{ops.name} {what}")
    guarded.check()


def check_gradient(c: Case, layer: Layer) -> None:
    """Backward is the derivative of sum(weight * forward) for random weights, by central differences in float64."""
    ops = Exact()
    fresh = with_dtype(layer, "float64")
    xs = inputs(c, "float64")
    weight = np.random.default_rng(5).standard_normal((c.n, *layer.out_shape))

    def value() -> float:
        copy = with_dtype(fresh, "float64")
        y, _ = copy.forward(ops, *xs, train=True)
        return float((y * weight).sum())

    trained = with_dtype(fresh, "float64")
    _, saved = trained.forward(ops, *xs, train=True)
    dxs = tuple_of(trained.backward(ops, weight, saved))
    arrays = [(f"input {i}", x, dx) for i, (x, dx) in enumerate(zip(xs, dxs, strict=True))]
    arrays += [(name, fresh.params[name], grad) for name, grad in trained.grads.items()]
    for name, array, grad in arrays:
        compare_differences(name, array, grad, value)


def compare_differences(name: str, array: np.ndarray, grad: np.ndarray, value: Any, factor: float = 1.0) -> None:
    """`factor` * grad against (value(+eps) - value(-eps)) / 2eps at some places; kinks are left out."""
    numbers, kinks = array.reshape(-1), 0
    assert np.shares_memory(numbers, array)
    places = np.random.default_rng(9).permutation(numbers.size)[:SAMPLES]
    scale = max(float(np.abs(grad).max()), 1e-3)
    for k in places:
        was = numbers[k]
        at = []
        for step in (EPS, -EPS, 2 * EPS, -2 * EPS):
            numbers[k] = was + step
            at.append(value())
        numbers[k] = was
        near, far = (at[0] - at[1]) / (2 * EPS), (at[2] - at[3]) / (4 * EPS)
        if abs(near - far) > 1e-4 * scale:  # a bend or a step lies between
            kinks += 1
            continue
        mine = factor * grad.reshape(-1)[k]
        assert abs(mine - near) <= 1e-4 * scale, f"d {name}[{k}]: {mine:.6g}, but differences give {near:.6g}"
    assert kinks <= len(places) // 3, f"{name}: {kinks} kinks among {len(places)} places"


def check_loss(c: Case, truth: np.ndarray, factor: float = 1.0) -> None:
    """A loss layer: backends agree, and its gradient times `factor` is the derivative of its cost."""
    layer = build(c)
    check(c)

    def loss(ops: Any, xs: list[np.ndarray], dtype: str) -> Any:
        copy = with_dtype(layer, dtype)
        _, saved = copy.forward(ops, *xs, train=True)
        return copy.loss(ops, saved, truth.astype(dtype), 0)

    xs = inputs(c, "float64")
    expected = loss(Reference(), xs, "float64")
    for ops in (Reference(), Cpu()):
        found = loss(ops, inputs(c, "float32"), "float32")
        assert abs(found.cost - expected.cost) <= 1e-5 * max(abs(expected.cost), 1)
        assert found.dx.shape == xs[0].shape and found.dx.dtype == np.float32
        close(found.dx, expected.dx, f"{ops.name} dx")
    if c.gradient:
        compare_differences("input", xs[0], expected.dx, lambda: loss(Reference(), xs, "float64").cost, factor)


def problem(c: Case) -> LayerProblem:
    """The LayerProblem that building the case raises."""
    try:
        build(c)
    except LayerProblem as e:
        return e
    raise AssertionError(f"{c} was accepted")

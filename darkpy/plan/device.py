"""A network compiled for inference on a GPU: the passes of every plan, convolutions with their epilogues, one arena.

A chain  conv -> add_bias -> activation -> shortcut -> activation  is one kernel, its weights packed once.  All other
steps are their ops' kernels, which write into the arena.  In fp16 maps between convolutions are halves (half.py).  A
call copies the input over, launches every kernel on one stream without waiting, and waits once, for the outputs.  From
the second call on all kernels are one CUDA graph, where the driver can record one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from darkpy.layers.base import Layer, as_batch
from darkpy.ops import halves, spec
from darkpy.ops.boxes import BoxLayout
from darkpy.ops.signs import Signs
from darkpy.ops.spec import SLOPES, Shape
from darkpy.plan import memory, passes
from darkpy.plan.half import in_halves
from darkpy.plan.narrow import possible
from darkpy.plan.trace import Program, Scaled, Step, Value, trace

KEPT = 4  # batch sizes a plan keeps programs for


@dataclass
class Convolution:
    """A convolution as one kernel: y = f(f(w * x + bias) + residual), each f a slope for what is negative."""

    layer: int
    x: Value
    weights: Any
    kw: dict[str, Any]
    outs: tuple[Value, ...]
    bias: Any = None
    slope: float = 1.0
    residual: Value | None = None
    after: float = 1.0
    signs: bool = False  # of x are what counts, and the weights are Signs: it works on bits

    def inputs(self) -> list[Value]:
        return [self.x] if self.residual is None else [self.x, self.residual]


def plain(weights: Any) -> Any:
    """Weights of a step as an array."""
    if isinstance(weights, Scaled):
        inner = weights.weights
        if isinstance(inner, Signs):
            weights = Scaled(inner.array(), weights.factor)
        return weights.array()
    return weights.array() if isinstance(weights, Signs) else weights


def fuse(program: Program) -> Program:
    """The same program with chains behind convolutions as one step each."""
    from darkpy.ops.cuda.conv import by_thread

    readers = program.readers()
    quantized = {step.outs[0]: step.args[0] for step in program.steps
                 if step.op == "quantize" and step.kw.get("bits", 1) == 1 and isinstance(step.args[0], Value)}
    there = {program.input}
    done: set[int] = set()
    steps: list[Any] = []

    def follower(value: Value, op: str) -> Step | None:
        reader = program.only_reader(value, readers)
        return reader if reader is not None and reader.op == op else None

    def slope(conv: Convolution) -> float | None:
        act = follower(conv.outs[0], "activation")
        if act is None or act.kw["kind"] not in SLOPES:
            return None
        take(conv, act)
        return SLOPES[act.kw["kind"]]

    def take(conv: Convolution, step: Step) -> None:
        done.add(id(step))
        conv.outs = step.outs

    for step in program.steps:
        if id(step) in done:
            continue
        x, weights = (*step.args, None, None)[:2]
        if step.op != "conv" or not isinstance(x, Value) or isinstance(weights, Value):
            steps.append(step)
            there.update(step.outs)
            continue
        groups = step.kw.get("groups", 1)
        if by_thread(weights.shape[0] // groups, weights.shape[2], step.kw.get("dilation", 1), groups):
            steps.append(step)
            there.update(step.outs)
            continue
        conv = Convolution(step.layer, x, weights, step.kw, step.outs)
        if x in quantized and groups == 1 and isinstance(getattr(weights, "weights", weights), Signs):
            conv.x, conv.signs = quantized[x], True
        if bias := follower(conv.outs[0], "add_bias"):
            conv.bias = bias.args[1]
            take(conv, bias)
        if (found := slope(conv)) is not None:
            conv.slope = found
        join = None if conv.signs else follower(conv.outs[0], "shortcut")
        if join is not None:
            a, b = join.args
            other = b if a is conv.outs[0] else a
            if a is not b and a.shape == b.shape and other in there and (
                    join.kw.get("alpha", 1) == join.kw.get("beta", 1) == 1):
                conv.residual = other
                take(conv, join)
                if (found := slope(conv)) is not None:
                    conv.after = found
        steps.append(conv)
        there.update(conv.outs)
    read = {value for step in steps for value in step.inputs()} | set(program.outputs)
    program.steps = [step for step in steps if getattr(step, "op", "") != "quantize" or step.outs[0] in read]
    return program


class Executable:
    """A program bound to memory on the device, for one batch size."""

    def __init__(self, program: Program, ops: Any, packs: dict[tuple[int, int], Any], state: dict[int, Any]):
        """`state`: the device's array for the NumPy array of a layer's state, by its id."""
        from darkpy.cuda import numba_cuda
        from darkpy.ops.cuda.memory import Array, pool

        self.give = pool.give
        self.ops, self.program, self.packs, self.state = ops, program, packs, state
        offsets, size = memory.layout(program)
        self.arena = Array((size // 4,))
        self.input = Array(program.input.shape)
        self.arrays: dict[Value, Any] = {program.input: self.input}
        for value, offset in offsets.items():
            self.arrays[value] = self.arena.view(value.shape, offset // 4, dtype=value.dtype)
        # memory the device reads and writes by itself; the driver would have to copy other memory first
        self.sent = numba_cuda.pinned_array(program.input.shape, np.float32)
        self.packed = 0  # convolutions
        self.calls = [call for step in program.steps for call in self.bind(step)]
        self.outputs = [self.arrays[v] for v in program.outputs]
        self.graph: Callable[[], None] | None = None
        self.runs = 0
        self.kept: list[Any] = []  # memory between the steps of the graph
        self.received = [numba_cuda.pinned_array((a.size,), np.float32) for a in self.outputs]

    def bind(self, step: Any) -> list[Callable[[], Any]]:
        """Functions without arguments that launch a step."""
        from darkpy.ops.cuda import half
        from darkpy.ops.cuda.basic import copy_rows
        from darkpy.ops.cuda.memory import Array

        if isinstance(step, Convolution):
            return [self.convolution(step)]
        args = tuple(self.argument(a) for a in step.args)
        if any(v.dtype == halves.WORD for v in (*step.inputs(), *step.outs)):
            move, y = half.KERNELS[step.op], self.arrays[step.outs[0]]
            return [lambda: move(y, *args, **step.kw)]
        if step.op in spec.VIEWS:
            if step.op == "reshape" and not args[0].dense:
                copy = Array(args[0].shape)
                self.arrays[step.outs[0]] = self.ops.reshape(copy, **step.kw)
                return [lambda: copy_rows(copy, args[0])]
            self.arrays[step.outs[0]] = getattr(self.ops, step.op)(*args, **step.kw)
            return []
        function = getattr(self.ops, step.op)
        if step.op in spec.WRITES:
            return [lambda: function(*args, **step.kw)]
        outs = tuple(self.arrays[v] for v in step.outs)
        return [lambda: function(*args, into=outs, **step.kw)]

    def argument(self, a: Any) -> Any:
        if isinstance(a, Value):
            return self.arrays[a]
        if id(a) in self.state:
            return self.state[id(a)]
        array = plain(a)
        return self.ops.upload(array) if isinstance(array, np.ndarray) else array

    def convolution(self, step: Convolution) -> Callable[[], Any]:
        from darkpy.ops.cuda import tensor_cores, unfold
        from darkpy.ops.cuda.bits import BitConvolution

        x, y = self.arrays[step.x], self.arrays[step.outs[0]]
        w, kw = step.weights, step.kw
        self.packed += 1
        if step.signs:
            key = self.packed, 0
            if key not in self.packs:
                factor, signs = (w.factor, w.weights) if isinstance(w, Scaled) else (np.float32(1), w)
                self.packs[key] = BitConvolution(signs, factor, step.bias, kw)
            bits = self.packs[key]
            return lambda: bits(y, x, step.slope)
        place: Any = (tuple(kw.get("stride", (1, 1))), kw.get("pad", 0), kw.get("dilation", 1))
        residual = None if step.residual is None else self.arrays[step.residual]
        product: Any
        if x.dtype == halves.WORD:
            out = y.shape[1:3] if y.dtype == halves.WORD else y.shape[2:]
            product = tensor_cores.layout(x.shape, tuple(w.shape), out, *place)
            key = self.packed, product.tile.filters  # tiles of another size are packed in another way
            if key not in self.packs:
                self.packs[key] = product.pack(plain(w), step.bias)
        else:
            product = unfold.layout(x.shape, y.shape, w.shape[2], *place, kw.get("groups", 1))
            key = self.packed, product.packed[2]
            if key not in self.packs:
                bias = None if step.bias is None else self.ops.upload(np.asarray(step.bias, np.float32))
                self.packs[key] = unfold.pack(product, self.ops.upload(plain(w))), bias
        weights, bias = self.packs[key]
        return lambda: product(y, x, weights, bias, step.slope, residual, step.after)

    def launch(self, x: np.ndarray) -> None:
        """Start a pass."""
        from darkpy import cuda
        from darkpy.cuda import stream
        from darkpy.ops.cuda.memory import pool

        self.sent[...] = x
        self.input.data[: self.input.size].copy_to_device(self.sent.reshape(-1), stream())
        if self.runs == 1:  # the first run compiled all that there is
            with pool.keeping() as self.kept:
                self.graph = cuda.record(self.run)
        (self.graph or self.run)()
        self.runs += 1

    def run(self) -> None:
        for call in self.calls:
            call()

    def __del__(self) -> None:
        for key, block in getattr(self, "kept", ()):
            self.give(key, block)

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        from darkpy.cuda import stream

        self.launch(x)
        for array, received in zip(self.outputs, self.received, strict=True):
            array.data[: array.size].copy_to_host(received, stream())
        stream().synchronize()
        return [received.reshape(array.shape).copy()
                for array, received in zip(self.outputs, self.received, strict=True)]


class DevicePlan:
    """plan(x) -> outputs of all output layers, as NumPy arrays; compiled once for each batch size, as `Plan` is.

    `precision` "fp16" stores maps between convolutions as halves and multiplies them on tensor cores."""

    def __init__(self, layers: Sequence[Layer], wiring: Sequence[Sequence[int]], input_shape: Shape,
                 wanted: Sequence[int], ops: Any, on_host: Callable[[], AbstractContextManager[None]],
                 precision: str = "float32"):
        """Raises UsageError for a precision that GPUs have not."""
        self.precision, self.note = possible(precision, on_device=True)
        self.layers, self.wiring, self.input_shape, self.wanted = layers, wiring, input_shape, list(wanted)
        self.ops, self.on_host = ops, on_host
        self.programs: dict[int, Executable] = {}  # by batch size, the last used last
        self.packs: dict[tuple[int, int], Any] = {}
        self.lock = threading.RLock()

    def program(self, batch: int) -> Executable:
        """The program for so many images."""
        with self.lock:
            found = self.programs.pop(batch, None)
            if found is None:
                while len(self.programs) >= KEPT:
                    del self.programs[next(iter(self.programs))]
                with self.on_host():  # passes compute with parameters
                    program = passes.optimise(trace(self.layers, self.wiring, self.input_shape, batch, self.wanted))
                    state = {(i, name): a for i, layer in enumerate(self.layers) for name, a in layer.state.items()}
                there = {id(a): self.layers[i].state[name] for (i, name), a in state.items()}
                program = fuse(program)
                if self.precision == "fp16":
                    program = in_halves(program)
                found = Executable(program, self.ops, self.packs, there)
            self.programs[batch] = found
            return found

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        """Raises UsageError for an x of another shape, and where memory on the device is out."""
        x = as_batch(x, self.input_shape)
        with self.lock:
            return self.program(len(x))(x)

    def boxes(self, x: np.ndarray, layouts: Sequence[BoxLayout], terms: np.ndarray, thresh: float,
              nms: float) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """What `ops.cuda.boxes.kept` finds in the outputs, which stay on the device; `layouts` of all of them."""
        from darkpy.ops.cuda.boxes import kept

        x = as_batch(x, self.input_shape)
        with self.lock:
            program = self.program(len(x))
            program.launch(x)
            return kept(program.outputs, layouts, terms, thresh, nms)

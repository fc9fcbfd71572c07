"""Backends: objects with one method per op of `ops/spec.py`, so that a layer never asks which device it is on.

    ops = backend("cpu")           # or "reference", "cuda"
    y = ops.conv(x, w, stride=(1, 1), pad=1)

A backend's module function takes the op's inputs and returns its result (reference) or fills `out` (cpu, cuda).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from darkpy.ops import reference, spec

Array = Any


def first_dtype(args: tuple[Any, ...]) -> Any:
    return next(a.dtype for a in args if hasattr(a, "dtype"))


class Reference:
    """The obvious NumPy for every op, in the precision of the inputs: what the fast backends are tested against."""

    name = "reference"
    on_device = False  # whether arrays are elsewhere than NumPy's

    def __getattr__(self, op: str) -> Any:
        if op not in spec.OPS:
            raise AttributeError(f"no op {op!r} in ops/spec.py")
        function = getattr(reference, op)
        setattr(self, op, function)
        return function

    def empty(self, shape: spec.Shape, dtype: Any) -> Array:
        return np.empty(shape, dtype)

    def upload(self, array: Array) -> Array:
        """A NumPy array, where this backend computes."""
        return array

    def download(self, array: Array) -> Array:
        """The numbers as a NumPy array."""
        return array

    def finite(self, arrays: Iterable[Array]) -> bool:
        """Whether all numbers are.  A sum of squares (one pass of BLAS) settles it unless it overflows."""
        for array in arrays:
            flat = np.asarray(array).reshape(-1)
            with np.errstate(all="ignore"):
                if not np.isfinite(np.dot(flat, flat)) and not np.isfinite(flat).all():
                    return False
        return True


class Cpu(Reference):
    """Numba kernels where `ops/cpu/` has one for the op and float32 inputs; the reference for all else."""

    name = "cpu"

    def __init__(self) -> None:
        from darkpy.ops.cpu.workspace import Pool

        self.pool = Pool()

    def empty(self, shape: spec.Shape, dtype: Any) -> Array:
        return self.pool.empty(shape) if dtype == "float32" else super().empty(shape, dtype)

    def kernel(self, op: str) -> Any:
        """The function that fills an op's outputs, which come first; None where there is only the reference."""
        from darkpy.ops import cpu

        return cpu.KERNELS.get(op)

    def __getattr__(self, op: str) -> Any:
        slow = super().__getattr__(op)
        kernel = self.kernel(op)
        if kernel is None:
            return slow
        rule = spec.OPS[op]
        from darkpy.jit import running

        def run(*args: Any, out: Any = None, **kw: Any) -> Any:
            if first_dtype(args) != "float32":
                return slow(*args, **kw)
            if out is None:
                outs = rule(*args, **kw)
                if outs is None:  # it writes to its arguments
                    with running():
                        kernel(*args, **kw)
                    return None
                many = isinstance(outs, tuple)
                out = tuple(self.empty(o.shape, o.dtype or "float32") for o in (outs if many else (outs,)))
                with running():
                    kernel(*out, *args, **kw)
                return out if many else out[0]
            with running():
                kernel(*(out if isinstance(out, tuple) else (out,)), *args, **kw)
            return out

        run.__name__ = op
        setattr(self, op, run)
        return run


class Cuda(Reference):
    """CUDA kernels for every op, on arrays that stay on the device (`ops/cuda/memory.py`); float32."""

    name = "cuda"
    on_device = True

    def __init__(self) -> None:
        from darkpy.ops import cuda

        self.kernels, self.views = cuda.KERNELS, cuda.VIEWS
        self.constants: dict[Any, Any] = {}

    def upload(self, array: Array) -> Any:
        from darkpy.ops.cuda import memory

        return memory.upload(array)

    def download(self, array: Any) -> Array:
        return array.host()

    def finite(self, arrays: Iterable[Any]) -> bool:
        from darkpy.ops.cuda import reduce

        return reduce.finite(arrays)

    def constant(self, array: Any) -> Any:
        """The device's copy of a small table that a layer keeps as a NumPy array: anchors, a tree."""
        if not isinstance(array, np.ndarray):
            return array
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self.constants:
            self.constants[key] = self.upload(array)
        return self.constants[key]

    def unpack(self, signs: Any) -> Any:
        key = "signs", id(signs)
        if key not in self.constants:
            self.constants[key] = (signs, self.upload(signs.array()))  # with the signs, so that their id stays theirs
        return self.constants[key][1]

    def __getattr__(self, op: str) -> Any:
        if op not in spec.OPS:
            raise AttributeError(f"no op {op!r} in ops/spec")
        if op in self.views:
            run = self.views[op]
        else:
            from darkpy.ops.cuda.basic import dense
            from darkpy.ops.cuda.memory import Array as DeviceArray

            kernel, rule, takes_views = self.kernels[op], spec.OPS[op], op in ("concat", "assign", "add_to")

            def run(*args: Any, into: Any = None, **kw: Any) -> Any:
                args = tuple(self.constant(a) for a in args)
                if not takes_views:
                    args = tuple(dense(a) for a in args)
                if op in spec.WRITES:
                    return kernel(*args, **kw)
                if into is None:
                    outs = rule(*args, **kw)
                    many = isinstance(outs, tuple)
                    into = tuple(DeviceArray(o.shape, o.dtype or "float32") for o in (outs if many else (outs,)))
                kernel(*into, *args, **kw)
                return into if len(into) > 1 else into[0]

        setattr(self, op, run)
        return run


DEVICES = ("cpu", "cuda", "auto")


def backend(device: str = "cpu") -> Reference:
    """The backend of a device: "cpu", "cuda", "auto" (cuda where it can be used) or "reference"; "cuda:1" and "auto:1"
    are the second GPU.

    Raises UsageError for another name, and where CUDA is asked for and cannot be used; it says what is missing.
    """
    from darkpy.errors import UsageError

    name, colon, number = device.partition(":")
    if colon and not (name in ("cuda", "auto") and number.isascii() and number.isdigit()):
        name = ""
    if name == "reference":
        return Reference()
    if name in ("cuda", "auto"):
        from darkpy import cuda

        if name == "cuda" or not cuda.missing():
            cuda.choose(int(number or 0))
            return Cuda()
        name = "cpu"
    if name == "cpu":
        return Cpu()
    raise UsageError(f"device={device!r} is unknown: use {', '.join(DEVICES[:-1])} or {DEVICES[-1]}, and cuda:1 for "
                     "the second GPU")

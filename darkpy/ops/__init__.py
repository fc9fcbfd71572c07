"""Backends: objects with one method per op of `ops/spec.py`, so that a layer never asks which device it is on.

    ops = backend("cpu")           # or "reference", "cuda"
    y = ops.conv(x, w, stride=(1, 1), pad=1)

A backend's module function takes the op's inputs and returns its result (reference) or fills `out` (cpu, cuda).
"""

from __future__ import annotations

from typing import Any

from darkpy.ops import reference, spec

Array = Any


def first_dtype(args: tuple[Any, ...]) -> Any:
    return next(a.dtype for a in args if hasattr(a, "dtype"))


class Reference:
    """The obvious NumPy for every op, in the precision of the inputs: what the fast backends are tested against."""

    name = "reference"

    def __getattr__(self, op: str) -> Any:
        if op not in spec.OPS:
            raise AttributeError(f"no op {op!r} in ops/spec.py")
        function = getattr(reference, op)
        setattr(self, op, function)
        return function

    def empty(self, shape: spec.Shape, dtype: Any) -> Array:
        import numpy as np

        return np.empty(shape, dtype)


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


def backend(device: str = "cpu") -> Reference:
    """The backend of a device name."""
    from darkpy.errors import UsageError

    if device == "reference":
        return Reference()
    if device == "cpu":
        return Cpu()
    raise UsageError(f"device={device!r} is unknown here: use cpu")

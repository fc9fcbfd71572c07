"""The one door to numba.cuda: what is missing for it, kernels with declared signatures, the device's one stream.

    @kernel("FFi")                    # two float32 arrays and a whole number
    def double(y, x, n):
        for i in range(cuda.grid(1), n, cuda.gridsize(1)):
            y[i] = x[i] + x[i]

    double(n, y, x, n)                # as many threads as n needs
    double.blocks((3, 2), y, x, n)    # so many blocks of its own size

All arrays are one-dimensional.  A signature has a letter for each parameter: F float32, D float64, I int32 and U uint32
arrays; i, f whole and float32 numbers; T a tuple of whole numbers, its length behind it.  With it a kernel compiles to
PTX where there is no GPU, which is how it is tested; a launch checks it under the simulator (NUMBA_ENABLE_CUDASIM=1).

The simulator runs each thread of a block as a Python thread, so blocks are tiny there: `THREADS`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import math
import os
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from darkpy._version import __version__
from darkpy.errors import UsageError

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM", "") not in ("", "0")
THREADS = 2 if SIMULATED else 256  # of a block, where each works for itself
TEAM = 4 if SIMULATED else 256  # of a block that shares a sum: a power of two
BLOCKS = 2 if SIMULATED else 8192  # at most; threads then take several items each
INSTALL = "install it with: pip install 'darkpy[cuda]'"


def missing() -> str:
    """What device=cuda lacks on this machine, and how to get it; empty if nothing."""
    if importlib.util.find_spec("numba_cuda") is None:
        return f"the package numba-cuda is not installed: {INSTALL}"
    from darkpy import jit  # sets Numba up before its first import

    try:
        cuda = importlib.import_module("numba.cuda")
    except ImportError as e:
        return f"numba-cuda does not load ({first_line(e)}): {INSTALL}"
    if jit.numba.config.ENABLE_CUDASIM:
        return ""
    if not cuda.is_available():
        error = first_line(getattr(cuda, "cuda_error", lambda: None)() or "no NVIDIA GPU was found")
        return (f"no NVIDIA GPU can be used ({error}): check that nvidia-smi lists one, and install NVIDIA's driver "
                "if it does not; or use the CPU")
    try:
        nvvm = importlib.import_module("numba.cuda.cudadrv.nvvm")
        nvvm.NVVM()
    except Exception as e:  # whatever kind of error the toolkit's loader has
        return f"the CUDA toolkit's compiler library libnvvm does not load ({first_line(e)}): {INSTALL}"
    return ""


def first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".: ")


def check(number: int = 0) -> None:
    """Raise UsageError where CUDA cannot be used, or there is no GPU of this number."""
    if lack := missing():
        raise UsageError(f"device=cuda: {lack}")
    count = len(numba_cuda.gpus)
    if not 0 <= number < count:
        there = "the only one is 0" if count == 1 else f"they are 0 to {count - 1}"
        raise UsageError(f"device=cuda: there is no GPU {number}: {there}")


_number = 0  # of the GPU in use
_thread = threading.local()


def choose(number: int) -> None:
    """Compute on this GPU of those the driver lists.  Raises UsageError where it is not there, or where this process
    has begun on another: kernels, memory and the stream are one GPU's."""
    global _number
    check(number)
    if number != _number and _stream is not None:
        raise UsageError(f"device=cuda: this process computes on GPU {_number}: GPU {number} needs one of its own")
    _number = number
    attach()


def attach() -> None:
    """Have this thread use the GPU that was chosen; by itself a thread uses the first."""
    if getattr(_thread, "number", 0) != _number:
        numba_cuda.select_device(_number)
        _thread.number = _number


def capability() -> tuple[int, int]:
    """The compute capability of the GPU in use; the simulator stands for one that can do all."""
    if SIMULATED:
        return 9, 0
    attach()
    major, minor = numba_cuda.get_current_device().compute_capability
    return int(major), int(minor)


# -- what kernels are written with -----------------------------------------------------------------------------------
#
# `cuda` in a kernel is numba.cuda.  The simulator instead has an object for each running block; `Block` finds it, so
# that helpers are plain Python functions there.


class Block:
    """The simulator's counterpart of numba.cuda inside a kernel."""

    @property
    def context(self) -> Any:
        return importlib.import_module("numba.cuda.simulator.kernel")._get_kernel_context()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.context, name)

    def grid(self, _: int) -> int:
        return int(self.threadIdx.x + self.blockIdx.x * self.blockDim.x)

    def gridsize(self, _: int) -> int:
        return int(self.blockDim.x * self.gridDim.x)

    @property
    def shared(self) -> Block:
        return self

    def array(self, count: int, dtype: Any, alignment: int = 0) -> np.ndarray:
        """An array all threads of the block see: the one asked for in this line of the kernel."""
        caller = sys._getframe(1)
        arrays = self.context.__dict__.setdefault("arrays", {})
        return arrays.setdefault((caller.f_code.co_filename, caller.f_lineno), np.empty(count, dtype))


def _set_up() -> Any:
    from darkpy import jit  # its settings come before Numba's first import

    cuda = importlib.import_module("numba.cuda")
    if SIMULATED:
        return cuda
    config: Any = importlib.import_module("numba.cuda.core.config")
    config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # small kernels are small
    if not os.environ.get("NUMBA_CACHE_DIR"):
        digest = hashlib.sha256()
        for path in sorted([*Path(__file__).parent.glob("ops/cuda/*.py"), Path(__file__)]):
            digest.update(path.read_bytes())
        config.CACHE_DIR = str(jit.cache_root() / "kernels" / f"{__version__}-{digest.hexdigest()[:12]}-cuda")
    return cuda


numba_cuda: Any = _set_up() if importlib.util.find_spec("numba_cuda") else None
cuda: Any = Block() if SIMULATED else numba_cuda

LETTERS = {"F": "float32[::1]", "D": "float64[::1]", "I": "int32[::1]", "U": "uint32[::1]", "i": "int64",
           "f": "float32"}
KERNELS: dict[str, Kernel] = {}  # all, by module and name


def device(function: Callable[..., Any]) -> Any:
    """A helper that kernels call."""
    if SIMULATED or numba_cuda is None:
        return function
    return numba_cuda.jit(device=True, forceinline=True)(function)


class Kernel:
    """A function that runs on the device once for every thread; compiled when it is first launched."""

    def __init__(self, function: Callable[..., Any], letters: str, threads: int, registers: int | None):
        self.function, self.letters, self.threads, self.registers = function, letters, threads, registers
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.compiled: Any = None
        KERNELS[self.name + letters] = self

    def __call__(self, n: int, *args: Any) -> None:
        """Launch for n items that threads take in turn."""
        if n > 0:
            self.blocks(min(-(-n // self.threads), BLOCKS), *args)

    def blocks(self, grid: int | tuple[int, ...], *args: Any) -> None:
        """Launch so many blocks."""
        if self.compiled is None:
            options: dict[str, Any] = {} if SIMULATED else {"cache": True, "max_registers": self.registers}
            self.compiled = numba_cuda.jit(**options)(self.function)
        if SIMULATED:
            self.check(args)
            self.compiled[grid, self.threads](*args)
        else:
            self.compiled[grid, self.threads, stream()](*args)

    def signature(self) -> Any:
        """Types of the parameters, for compiling without arguments."""
        types = importlib.import_module("numba").types
        found: list[Any] = []
        for letter, count in self.parameters():
            if letter == "T":
                found.append(types.UniTuple(types.int64, count))
            elif letter in "FDIU":
                found.append(types.Array(getattr(types, LETTERS[letter].split("[")[0]), 1, "C"))
            else:
                found.append(getattr(types, LETTERS[letter]))
        return tuple(found)

    def parameters(self) -> list[tuple[str, int]]:
        """(letter, length of a tuple) for each."""
        found: list[tuple[str, int]] = []
        for part in self.letters.replace("T", " T").split():
            if part[0] == "T":
                digits = len(part[1:]) - len(part[1:].lstrip("0123456789"))
                found.append(("T", int(part[1 : 1 + digits])))
                part = part[1 + digits :]
            found += [(letter, 0) for letter in part]
        return found

    def check(self, args: tuple[Any, ...]) -> None:
        """Raise TypeError unless arguments fit the signature: a launch on a GPU would compile another kernel."""
        wanted = self.parameters()
        if len(args) != len(wanted):
            raise TypeError(f"{self.name} takes {len(wanted)} arguments, not {len(args)}")
        for i, (arg, (letter, count)) in enumerate(zip(args, wanted, strict=True)):
            if letter == "T":
                good = isinstance(arg, tuple) and len(arg) == count and all(type(a) is int for a in arg)
            elif letter in "FDIU":
                good = hasattr(arg, "copy_to_host") and str(arg.dtype) == LETTERS[letter][:-5] and arg.ndim == 1
            else:
                good = type(arg) is (int if letter == "i" else np.float32)
            if not good:
                raise TypeError(f"{self.name}: argument {i} is {arg!r}, its letter is {letter}{count or ''}")


def kernel(letters: str, threads: int = THREADS,
           registers: int | None = None) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a function a kernel with that signature, run by blocks of so many threads, with at most so many registers
    each."""
    return lambda function: Kernel(function, letters, threads, registers)


_stream: Any = None


def stream() -> Any:
    """The stream everything runs on, one thing after another."""
    global _stream
    attach()
    if _stream is None:
        _stream = numba_cuda.stream()
    return _stream


def record(run: Callable[[], None]) -> Callable[[], None] | None:
    """What `run` launches as one CUDA graph: a function that launches all of it at once, which spares the time Python
    takes for each kernel.  None where that is not possible; then nothing was launched.

    `run` must have run before, as nothing can be compiled meanwhile.  Its arrays must stay where they are.
    """
    if SIMULATED:
        return None
    try:
        driver = importlib.import_module("cuda.bindings.driver")
    except ImportError:
        return None
    success = driver.CUresult.CUDA_SUCCESS
    handle = driver.CUstream(int(stream()))
    if driver.cuStreamBeginCapture(handle, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)[0] != success:
        return None
    failed = True
    try:
        run()
        failed = False
    except Exception:  # what went wrong will go wrong again where it is no recording, and is told there
        pass
    finally:  # by Ctrl-C, too: else the stream would go on recording
        error, graph = driver.cuStreamEndCapture(handle)
    if failed or error != success:
        return None
    error, executable = driver.cuGraphInstantiate(graph, 0)
    driver.cuGraphDestroy(graph)
    if error != success:
        return None

    def launch() -> None:
        (error,) = driver.cuGraphLaunch(executable, handle)
        if error != success:
            raise RuntimeError(f"CUDA: a graph could not be launched: {error}")

    weakref.finalize(launch, driver.cuGraphExecDestroy, executable)
    return launch


# -- functions of float32, and of four at a time ---------------------------------------------------------------------
#
# Under the simulator they are NumPy's: Python's own raise an error where the device gives infinity.

exp: Any
log: Any
log1p: Any
expm1: Any
sqrt: Any
tanh: Any
floor: Any
power: Any
popcount: Any
load4: Any  # load4(a, i): a[i], ..., a[i + 3] in one move; i a multiple of 4, and a's start one of 16 bytes
store4: Any  # store4(a, i, v0, v1, v2, v3)


def _moves_of_four() -> tuple[Any, Any]:
    ir = importlib.import_module("llvmlite.ir")
    types = importlib.import_module("numba").types
    intrinsic = importlib.import_module("numba.cuda.extending").intrinsic

    def address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
        data = context.make_array(array_type)(context, builder, array).data
        place = builder.gep(data, [index])
        return builder.bitcast(place, ir.VectorType(place.type.pointee, 4).as_pointer(place.type.addrspace))

    def lane(k: int) -> Any:
        return ir.Constant(ir.IntType(32), k)

    @intrinsic
    def load4(typing: Any, a: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            values = builder.load(address(context, builder, sig.args[0], *args))
            values.align = 16
            return context.make_tuple(builder, sig.return_type,
                                      [builder.extract_element(values, lane(k)) for k in range(4)])

        return types.UniTuple(a.dtype, 4)(a, types.int64), generate

    @intrinsic
    def store4(typing: Any, a: Any, i: Any, v0: Any, v1: Any, v2: Any, v3: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            place = address(context, builder, sig.args[0], args[0], args[1])
            values = ir.Constant(place.type.pointee, ir.Undefined)
            for k in range(4):
                values = builder.insert_element(values, args[2 + k], lane(k))
            builder.store(values, place).align = 16
            return context.get_dummy_value()

        return types.void(a, types.int64, *[a.dtype] * 4), generate

    return load4, store4


if SIMULATED:
    exp, log, log1p, expm1, sqrt, tanh, floor, power = (
        np.exp, np.log, np.log1p, np.expm1, np.sqrt, np.tanh, np.floor, np.power)

    def popcount(x: Any) -> int:
        return (int(x) & 0xFFFFFFFF).bit_count()

    def load4(a: Any, i: int) -> Any:
        return a[i], a[i + 1], a[i + 2], a[i + 3]

    def store4(a: Any, i: int, v0: Any, v1: Any, v2: Any, v3: Any) -> None:
        a[i], a[i + 1], a[i + 2], a[i + 3] = v0, v1, v2, v3
elif numba_cuda is not None:
    libdevice = importlib.import_module("numba.cuda.libdevice")
    exp, log, log1p, expm1, sqrt, tanh = math.exp, math.log, math.log1p, math.expm1, math.sqrt, math.tanh
    floor, power, popcount = libdevice.floorf, libdevice.powf, libdevice.popc
    load4, store4 = _moves_of_four()

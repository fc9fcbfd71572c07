"""Arrays on the device, and the pool their memory comes from.

Asking the driver for memory waits until the device is idle, so blocks that are not needed any more are kept and given
out again.  That is safe without waiting, as everything runs on one stream: what reads a block was launched before what
writes it next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from darkpy.cuda import attach, numba_cuda, stream
from darkpy.errors import UsageError
from darkpy.ops.spec import Shape

STEP = 512  # bytes


class Pool:
    """Free blocks by dtype and length."""

    def __init__(self) -> None:
        self.free: dict[tuple[str, int], list[Any]] = {}
        self.held = 0  # bytes taken from the driver
        self.kept: list[Any] | None = None

    def take(self, key: tuple[str, int]) -> Any:
        """A one-dimensional device array of a dtype and length.  Raises UsageError where memory is out."""
        blocks = self.free.get(key)
        if blocks:
            return blocks.pop()
        dtype, length = key
        block = allocate(length, dtype)
        if block is None:
            self.clear()
            block = allocate(length, dtype)
        need = length * np.dtype(dtype).itemsize
        if block is None:
            raise UsageError(f"out of memory on the GPU: {mega(need)} more are needed, {mega(free_memory())} are free "
                             f"and {mega(self.held)} in use by this process: choose a smaller batch= (more "
                             "subdivisions=), a smaller input, or the CPU")
        self.held += need
        return block

    def give(self, key: tuple[str, int], block: Any) -> None:
        if self.kept is None:
            self.free.setdefault(key, []).append(block)
        else:
            self.kept.append((key, block))

    @contextmanager
    def keeping(self) -> Iterator[list[Any]]:
        """Blocks that become free inside are not given out again, but listed: a recorded graph goes on using them."""
        kept: list[Any] = []
        self.kept = kept
        try:
            yield kept
        finally:
            self.kept = None

    def clear(self) -> None:
        """Return all free blocks to the driver."""
        self.held -= sum(block.nbytes for blocks in self.free.values() for block in blocks)
        self.free.clear()


def rounded(count: int, itemsize: int) -> int:
    """Length of the block for so many numbers: few different ones, at most an eighth too long."""
    length = max(count, 1) * itemsize
    step = max(STEP, 1 << max(length.bit_length() - 4, 0))
    return -(-length // step) * step // itemsize


def allocate(length: int, dtype: str) -> Any:
    """A new block, or None where there is no memory for it."""
    attach()
    try:
        return numba_cuda.device_array(length, dtype)
    except MemoryError:
        return None
    except Exception as e:
        if "OUT_OF_MEMORY" in str(e):
            return None
        raise


def free_memory() -> float:
    return float(numba_cuda.current_context().get_memory_info()[0])


def mega(count: float) -> str:
    return f"{count / 2**20:,.0f} MB"


pool = Pool()


class Block:
    """Memory that goes back to the pool with the last array on it."""

    def __init__(self, count: int, dtype: str):
        self.key = dtype, rounded(count, np.dtype(dtype).itemsize)
        self.data = pool.take(self.key)

    def __del__(self, give: Any = pool.give) -> None:  # bound now: at the end of the process names are gone
        if hasattr(self, "data"):
            give(self.key, self.data)


class Array:
    """Numbers on the device in the order of a C array of `shape`; `data` is one-dimensional and begins with the first.

    `pitch` numbers lie between one item of the first axis and the next: more than an item has, where this is a view of
    some columns.  Only ops read the numbers; `host` copies them.
    """

    __slots__ = ("block", "data", "dtype", "pitch", "shape", "start")

    def __init__(self, shape: Shape, dtype: str = "float32", block: Block | None = None, start: int = 0,
                 pitch: int | None = None):
        self.shape, self.dtype = tuple(int(s) for s in shape), str(dtype)
        self.block = block or Block(self.size, self.dtype)
        self.start = start  # in the block
        self.data = self.block.data[start:] if start else self.block.data
        if self.dtype != self.block.key[0]:  # of the same size
            self.data = self.data.view(self.dtype)
        self.pitch = self.item if pitch is None else pitch

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def item(self) -> int:
        """Numbers of one item of the first axis."""
        return math.prod(self.shape[1:])

    @property
    def by_fours(self) -> bool:
        """Whether `load4` may begin here."""
        return self.start % 4 == 0

    @property
    def dense(self) -> bool:
        return self.pitch == self.item or self.shape[0] == 1

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{self.dtype} {list(self.shape)} on the device>"

    def view(self, shape: Shape, start: int = 0, pitch: int | None = None, dtype: str = "") -> Array:
        """The same numbers from `start` on in another shape, or the same bytes as those of another type."""
        return Array(shape, dtype or self.dtype, self.block, self.start + start, pitch)

    def host(self) -> np.ndarray:
        """A NumPy array of the numbers."""
        rows = self.shape[0] if self.shape else 1
        count = 0 if not self.size else (rows - 1) * self.pitch + self.item
        flat = np.empty(count, self.dtype)
        if count:
            self.data[:count].copy_to_host(flat, stream())
            stream().synchronize()
        if not self.dense:
            flat = np.lib.stride_tricks.as_strided(flat, (rows, self.item), (self.pitch * flat.itemsize, flat.itemsize))
        return np.ascontiguousarray(flat.reshape(self.shape))


def upload(array: np.ndarray) -> Array:
    """The numbers on the device."""
    array = np.ascontiguousarray(array)
    made = Array(array.shape, str(array.dtype))
    if array.size:
        made.data[: array.size].copy_to_device(array.reshape(-1), stream())
    return made

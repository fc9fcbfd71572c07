"""Memory that is kept and used again: fresh memory costs a page fault every few kB, more than many a kernel.

`workspace` is scratch memory inside a kernel.  `Pool` gives arrays for results, and takes their memory back when
nobody holds them any more, views included.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from typing import Any

import numpy as np

LINE = 64
_local = threading.local()


def workspace(size: int) -> int:
    """Address, a multiple of 64, of `size` bytes that are the calling thread's until its next call.

    Vectors are read whole: what follows within a line may be read, too, but not written.
    """
    block = getattr(_local, "block", None)
    if block is None or block.nbytes < size + 2 * LINE:
        _local.block = None  # before the larger one is taken
        _local.block = block = np.empty(size + 2 * LINE, np.uint8)
    return int(block.ctypes.data + -block.ctypes.data % LINE)


class Lease:
    """What an array of a pool stands on; when the last view of it is gone, its block goes back."""

    __slots__ = ("__array_interface__", "block", "pool")

    def __init__(self, pool: Pool, block: np.ndarray, shape: tuple[int, ...]):
        self.pool, self.block = pool, block
        start = block.ctypes.data + -block.ctypes.data % LINE
        self.__array_interface__ = {"shape": shape, "typestr": "<f4", "data": (start, False), "version": 3}

    def __del__(self) -> None:
        # may be called anywhere, by the garbage collector: no more than a call that cannot be interrupted
        self.pool.returned.append(self.block)


class Pool:
    """float32 arrays whose memory is used again, in all at most a quarter more than was ever held at once."""

    SMALL = 1 << 18  # bytes; below, the C library keeps memory by itself
    WASTE = 1.5  # a block may be so many times larger than what is asked for

    lock = threading.Lock()  # one for all pools, so that a child process can have a new one

    def __init__(self) -> None:
        self.returned: deque[np.ndarray] = deque()
        self.free: list[np.ndarray] = []  # the one unused for longest first
        self.held = self.most = 0  # bytes in arrays, now and at most

    def empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """An array with any numbers in it."""
        size = math.prod(shape) * 4
        if size < self.SMALL:
            return np.empty(shape, np.float32)
        with self.lock:
            block = self._block(size + LINE)
        return np.asarray(Lease(self, block, tuple(shape)))

    def _block(self, size: int) -> np.ndarray:
        while self.returned:
            block = self.returned.popleft()
            self.held -= block.nbytes
            self.free.append(block)
        fitting = [i for i, block in enumerate(self.free) if size <= block.nbytes <= size * self.WASTE]
        if fitting:
            # of the smallest that fit the one given back last: it may still be in the cache
            found: Any = self.free.pop(min(reversed(fitting), key=lambda i: self.free[i].nbytes))
        else:
            most = max(self.most, self.held + size)
            kept = sum(block.nbytes for block in self.free)
            while self.free and self.held + size + kept > 1.25 * most:
                kept -= self.free.pop(0).nbytes
            found = np.empty(size, np.uint8)
        self.held += found.nbytes
        self.most = max(self.most, self.held)
        return found


def _after_fork() -> None:
    Pool.lock = threading.Lock()  # whoever held it does not exist here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

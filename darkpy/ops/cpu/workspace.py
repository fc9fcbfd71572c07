"""Scratch memory of kernels that is kept from call to call: fresh memory costs a page fault every 4 kB."""

from __future__ import annotations

import threading

import numpy as np

_local = threading.local()
LINE = 64


def workspace(size: int) -> int:
    """Address, a multiple of 64, of at least `size` bytes that are the calling thread's until its next call."""
    block = getattr(_local, "block", None)
    if block is None or block.nbytes < size + LINE:
        _local.block = None  # before the larger one is taken
        _local.block = block = np.empty(size + LINE, np.uint8)
    return int(block.ctypes.data + -block.ctypes.data % LINE)

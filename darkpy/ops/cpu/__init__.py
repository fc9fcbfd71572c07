"""Fast CPU kernels by op name.  Each fills its outputs, which come first, from the op's inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from darkpy.ops.cpu import activations, binary, conv, gemm, head_loss, heads, norm, pool, reorg, update

KERNELS: dict[str, Callable[..., Any]] = {
    name: function
    for module in (activations, binary, conv, gemm, head_loss, heads, norm, pool, reorg, update)
    for name, function in module.KERNELS.items()
}

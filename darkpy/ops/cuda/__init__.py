"""CUDA kernels for every op, by name.  Each fills its outputs, which come first, from the op's inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from darkpy.ops.cuda import (
    activations,
    basic,
    binary,
    conv,
    gemm,
    head_loss,
    head_loss_grid,
    heads,
    loss,
    norm,
    pool,
    recurrent,
    region_loss,
    reorg,
    update,
)

KERNELS: dict[str, Callable[..., Any]] = {
    name: function
    for module in (activations, basic, binary, conv, gemm, head_loss, head_loss_grid, heads, loss, norm, pool,
                   recurrent, region_loss, reorg, update)
    for name, function in module.KERNELS.items()
}
VIEWS: dict[str, Callable[..., Any]] = basic.VIEWS  # these return arrays on the memory of their input

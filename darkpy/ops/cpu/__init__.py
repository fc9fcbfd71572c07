"""Fast CPU kernels by op name.  Each fills its outputs, which come first, from the op's inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

KERNELS: dict[str, Callable[..., Any]] = {}

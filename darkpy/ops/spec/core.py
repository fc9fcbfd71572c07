"""Shapes, the table of ops, and the words shared by all their rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Out:
    """Shape of a result and its dtype; "" means the dtype of the first array among the inputs."""

    shape: Shape
    dtype: str = ""


OPS: dict[str, Callable[..., Any]] = {}
VIEWS = {"reshape", "rows", "columns"}  # results that share memory with the first input
# ops that write to their first input (those of an update also to the next ones) and return nothing
WRITES = {"assign", "add_to", "adam_update", "clamp", "sgd_update"}

ACTIVATIONS = ("logistic", "loggy", "relu", "elu", "selu", "relie", "plse", "hardtan", "lhtan", "linear", "ramp",
               "leaky", "tanh", "stair", "swish", "mish", "hard_mish", "relu6", "gelu", "sign")
SLOPES = {"linear": 1.0, "leaky": 0.1, "relu": 0.0, "relie": 0.01}  # rectifiers: y = x for x > 0, else slope * x


def op(rule: Callable[..., Any]) -> Callable[..., Any]:
    OPS[rule.__name__] = rule
    return rule


def same(x: Any) -> Out:
    return Out(tuple(x.shape))


def conv_size(size: int, kernel: int, stride: int, pad: int, dilation: int = 1) -> int:
    """Length of a convolution's output along one axis."""
    return (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1

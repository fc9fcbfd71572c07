"""Packing: the weights of a network into a file with one bit for each binary weight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from darkpy.errors import UsageError
from darkpy.network import load
from darkpy.packed import one_bit
from darkpy.tasks.weight_tools import same_file


@dataclass(frozen=True)
class Packing:
    """What was written: bytes of the file and of the one it was made from, binary weights and all parameters."""

    out: str
    nbytes: int
    before: int
    binary: int
    params: int


def pack(cfg: str, weights: str, out: str | None = None, lax: bool = False) -> Packing:
    """Write `out`, by default the name of the weights ending in .dpk.  Raises CfgError, WeightsError, UsageError."""
    out = out or str(Path(weights).with_suffix(".dpk"))
    for path in (cfg, weights):
        if same_file(out, path):
            raise UsageError(f"{out}: is also read: give another output file")
    net = load(cfg, weights, batch=1, lax=lax)
    binary = sum(layer.declared["weights"].size for layer in net.layers if one_bit(layer))
    return Packing(out, net.save_packed(out), Path(weights).stat().st_size, binary, net.graph.n_params)

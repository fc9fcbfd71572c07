"""Where the arrays of layers are: on a GPU they stay there, and come to the host to be read from files and saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from darkpy.layers import Layer
from darkpy.ops.signs import Signs


def arrays(layers: Sequence[Layer]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every array of the layers that lasts, as the table it is in and its name there; but for weights as packed signs,
    which no kernel reads."""
    for layer in layers:
        for table in (layer.params, layer.moments, layer.state):
            yield from ((table, name) for name in list(table) if not isinstance(table[name], Signs))


def to_device(ops: Any, layers: Sequence[Layer]) -> None:
    """Bring all to where `ops` computes."""
    if ops.on_device:
        for table, name in arrays(layers):
            table[name] = ops.upload(table[name])


@contextmanager
def on_host(ops: Any, layers: Sequence[Layer], changes: bool) -> Iterator[None]:
    """Inside, all are NumPy arrays; with `changes` what was written to them is brought back behind it."""
    if not ops.on_device:
        yield
        return
    there = {(id(table), name): table[name] for table, name in arrays(layers)}
    for table, name in arrays(layers):
        table[name] = ops.download(table[name])
    try:
        yield
    finally:
        for table, name in arrays(layers):
            array = there.get((id(table), name))
            if array is None or array.shape != table[name].shape:
                array = ops.upload(table[name])
            elif changes:
                ops.assign(array, ops.upload(table[name]))
            table[name] = array

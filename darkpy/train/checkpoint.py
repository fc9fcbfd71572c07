"""Checkpoints: all a training needs to go on as if it had never stopped, in one file.

    b"darkpy checkpoint\n"; uint32 version; uint32 length of what follows; JSON; the arrays, float32, one behind the
    other; uint32 CRC-32 of everything before it.  All little-endian.

The JSON says what it was a training of (a digest of the cfg), which arrays follow (layer, group, name, shape; groups
are Layer's params, moments and state), and holds the counters, the state of the random generator, the loader's
position and the averages.  A .weights file holds parameters alone: training that goes on from one does go on, but
without momentum, and with other random numbers.

A file is written whole or not at all, and judged whole (length, CRC, cfg, shapes) before anything of a net changes.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from darkpy._version import __version__
from darkpy.atomic import replacing
from darkpy.cfg import Section
from darkpy.errors import ModelError
from darkpy.network import Network
from darkpy.vision.textfile import show

MAGIC = b"darkpy checkpoint\n"
VERSION = 1
HEAD = struct.Struct("<II")
MAX_HEADER = 1 << 26
CHUNK = 1 << 20
GROUPS = ("params", "moments", "state")


class CheckpointError(ModelError):
    """A checkpoint cannot be written, or is none for this network."""


@dataclass(frozen=True)
class Entry:
    """An array of the file: `getattr(layers[layer], group)[name]`."""

    layer: int
    group: str
    name: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return 4 * math.prod(self.shape)


def digest(sections: Sequence[Section]) -> str:
    """Of what a cfg says: kinds, keys, values.  `max_batches` may differ: a training may be prolonged."""
    said = [[s.kind, sorted((key, option.value) for key, option in s.options.items() if key != "max_batches")]
            for s in sections]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def save(path: str | os.PathLike[str], net: Network, more: dict[str, Any]) -> None:
    """Write the state of a net between two updates, and what else JSON can hold.  Raises CheckpointError."""
    entries, arrays = [], []
    with net.on_host(changes=False):
        for i, layer in enumerate(net.layers):
            for group in GROUPS:
                for name, array in getattr(layer, group).items():
                    entries.append([i, group, name, list(array.shape)])
                    arrays.append(np.ascontiguousarray(array, "<f4"))
    header = json.dumps({"cfg": digest(net.graph.sections), "darkpy": __version__, "seen": net.seen,
                         "updates": net.updates, "random": net.random.bit_generator.state, "arrays": entries,
                         "more": more}).encode()
    with replacing(path, CheckpointError) as file:
        crc = 0
        contents: list[bytes | memoryview] = [a.reshape(-1).view(np.uint8).data for a in arrays]
        for part in [MAGIC, HEAD.pack(VERSION, len(header)), header, *contents]:
            file.write(part)
            crc = zlib.crc32(part, crc)
        file.write(struct.pack("<I", crc))


def load(path: str | os.PathLike[str], net: Network) -> dict[str, Any]:
    """Give a net the state a file holds; returns the `more` it was saved with.

    Raises CheckpointError, and then nothing has changed.
    """
    shown = show(path)
    try:
        with open(path, "rb") as file:
            header = read_header(file, shown)
            check_sum(file, shown)
            try:
                entries = [Entry(i, group, name, tuple(shape)) for i, group, name, shape in header["arrays"]]
                random = np.random.default_rng(0)
                random.bit_generator.state = header["random"]
                seen, updates, more = int(header["seen"]), int(header["updates"]), dict(header["more"])
                made_of = str(header["cfg"])
            except (KeyError, TypeError, ValueError):
                raise CheckpointError(f"{shown}: its header does not say what it must: take another one") from None
            if made_of != digest(net.graph.sections):
                raise CheckpointError(f"{shown}: belongs to a training of another cfg than {show(net.graph.path)}: "
                                      "restore that cfg, or begin anew without --resume")
            start = len(MAGIC) + HEAD.size + header["length"]
            check_arrays(entries, net, os.fstat(file.fileno()).st_size - start - 4, shown)
            file.seek(start)
            with net.on_host():
                for entry in entries:
                    fill(file, entry, net, shown)
    except FileNotFoundError:
        raise CheckpointError(f"{shown}: no such file: check the path, or train without --resume") from None
    except OSError as e:
        raise CheckpointError(f"{shown}: cannot be read: {(e.strerror or str(e)).lower()}") from None
    net.random.bit_generator.state = header["random"]
    net.seen, net.updates = seen, updates
    return more


def read_header(file: BinaryIO, shown: str) -> dict[str, Any]:
    """The JSON, with its `length` added."""
    if file.read(len(MAGIC)) != MAGIC:
        raise CheckpointError(f"{shown}: is not a checkpoint of darkpy (a .weights file is given behind the cfg)")
    head = file.read(HEAD.size)
    version, length = HEAD.unpack(head) if len(head) == HEAD.size else (VERSION, MAX_HEADER + 1)
    if version != VERSION:
        raise CheckpointError(f"{shown}: is a checkpoint of version {version}, this darkpy reads {VERSION}: go on with "
                              "the darkpy that wrote it")
    if length > min(MAX_HEADER, os.fstat(file.fileno()).st_size):
        raise CheckpointError(f"{shown}: is damaged: take another one")
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise CheckpointError(f"{shown}: is damaged: take another one")
    return header | {"length": length}


def check_sum(file: BinaryIO, shown: str) -> None:
    left = os.fstat(file.fileno()).st_size - 4
    file.seek(0)
    crc = 0
    while left > 0:
        part = file.read(min(CHUNK, left))
        if not part:
            break
        crc = zlib.crc32(part, crc)
        left -= len(part)
    if file.read(4) != struct.pack("<I", crc):
        raise CheckpointError(f"{shown}: is damaged, its sum does not fit: take another one")


def check_arrays(entries: list[Entry], net: Network, size: int, shown: str) -> None:
    """That they are what this net has: all parameters, moments of parameters, and nothing else."""
    known = all(e.group in GROUPS and isinstance(e.layer, int) and 0 <= e.layer < len(net.layers) for e in entries)
    params = {(e.layer, e.name): e.shape for e in entries if e.group == "params"}
    wanted = {(i, name): array.shape for i, layer in enumerate(net.layers) for name, array in layer.params.items()}
    moments = known and all(e.shape == wanted.get((e.layer, e.name.rpartition(".")[0])) for e in entries
                            if e.group == "moments")
    if not known or params != wanted or not moments or sum(e.bytes for e in entries) != size:
        raise CheckpointError(f"{shown}: holds other arrays than this network has: take another one")


def fill(file: BinaryIO, entry: Entry, net: Network, shown: str) -> None:
    there = getattr(net.layers[entry.layer], entry.group)
    if entry.name not in there or there[entry.name].shape != entry.shape:
        there[entry.name] = np.zeros(entry.shape, np.float32)
    content = file.read(entry.bytes)
    if len(content) != entry.bytes:
        raise CheckpointError(f"{shown}: became shorter while it was read")
    there[entry.name][...] = np.frombuffer(content, "<f4").reshape(entry.shape)

"""Packed weights (.dpk): a network's parameters with one bit for each binary weight.

    magic (8 bytes); version, number of pieces (uint32); images seen, bytes of the file (uint64); SHA-256 (32 bytes) of
    the fields before it and of all that follows
    for each piece, in the order of a .weights file: number of the layer, kind (uint32), numbers (uint64)
    the pieces: float32 numbers (kind 0), or signs (kind 1): a float32 factor for each filter, then for each filter its
    bits, the first weight in the lowest bit, filled up to whole bytes

All is little-endian.  As with .weights the cfg tells what the pieces are, but every piece must agree with it.  Weights
of one bit are those the convolution computes with: what options such as alpha= and center= make of the real ones, which
are not kept.  A file is judged whole, its checksum included, before any parameter changes.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from darkpy.atomic import replacing
from darkpy.errors import WeightsError
from darkpy.layers.base import Layer
from darkpy.ops import Reference
from darkpy.ops.signs import Signs
from darkpy.vision.textfile import show
from darkpy.weights import CHUNK, MAX_SEEN, PACKED_MAGIC, open_weights

VERSION = 1
HEAD = struct.Struct("<8sIIQQ")
ENTRY = struct.Struct("<IIQ")
DIGEST = 32
FLOATS, SIGNS = 0, 1


@dataclass(frozen=True)
class Packable:
    """A parameter as a file holds it."""

    index: int
    layer: Layer
    name: str
    kind: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.layer.declared[self.name].shape

    @property
    def size(self) -> int:
        return self.layer.declared[self.name].size

    @property
    def nbytes(self) -> int:
        return packed_bytes(self.shape) if self.kind == SIGNS else 4 * self.size

    @property
    def place(self) -> str:
        return f"layer {self.index} [{self.layer.kind}] {self.name}"


@dataclass(frozen=True)
class Found:
    """What a file says of itself."""

    seen: int
    nbytes: int


def packed_bytes(shape: Sequence[int]) -> int:
    """Bytes of weights (F, ...) as signs."""
    per_filter = int(np.prod(shape[1:]))
    return shape[0] * (4 + -(-per_filter // 8))


def one_bit(layer: Layer) -> bool:
    """Whether a layer's weights are a bit each."""
    binary = getattr(layer, "binary", None)
    return binary is not None and binary.config.wbits == 1


def contents(layers: Sequence[Layer]) -> list[Packable]:
    """What a file holds for these layers, in order."""
    return [Packable(i, layer, name, SIGNS if name == "weights" and one_bit(layer) else FLOATS)
            for i, layer in enumerate(layers) for name, param in layer.declared.items() if param.stored]


def is_packed(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as packed weights do; False for one that cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(len(PACKED_MAGIC)) == PACKED_MAGIC
    except (OSError, ValueError):
        return False


# -- writing -------------------------------------------------------------------------------------------------------


def write(path: str | Path, layers: Sequence[Layer], seen: int) -> int:
    """Write the parameters of all layers, whole or not at all; the number of bytes.  Raises WeightsError."""
    pieces = contents(layers)
    size = HEAD.size + DIGEST + sum(ENTRY.size + piece.nbytes for piece in pieces)
    head = HEAD.pack(PACKED_MAGIC, VERSION, len(pieces), seen, size)
    table = b"".join(ENTRY.pack(p.index, p.kind, p.size) for p in pieces)
    digest = hashlib.sha256(head + table)
    with replacing(path, WeightsError) as file:
        file.write(head + bytes(DIGEST) + table)
        for piece in pieces:
            for array in arrays_of(piece, show(path)):
                data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
                digest.update(data)
                file.write(data)
        file.seek(HEAD.size)
        file.write(digest.digest())
    return size


def arrays_of(piece: Packable, shown: str) -> Iterator[np.ndarray]:
    """A piece as it is written."""
    value = piece.layer.params[piece.name]
    if piece.kind == SIGNS and not isinstance(value, Signs):
        weights, _ = piece.layer.binary.weights(Reference(), piece.layer.params)  # type: ignore[attr-defined]
        value = Signs.of(weights)
        if value is None:  # a NaN is the only number that is not plus or minus itself
            raise WeightsError(f"{shown}: not written: {piece.place} holds numbers that are not finite")
    floats = value.factor if isinstance(value, Signs) else value
    if not np.isfinite(floats).all():
        raise WeightsError(f"{shown}: not written: {piece.place} holds numbers that are not finite")
    yield floats.astype("<f4", copy=False)
    if isinstance(value, Signs):
        yield value.bits


# -- reading -------------------------------------------------------------------------------------------------------


def read(path: str | os.PathLike[str], layers: Sequence[Layer]) -> Found:
    """Fill the parameters of all layers; binary weights become Signs.  After a WeightsError none has changed."""
    shown = show(path)
    with open_weights(path, shown) as file:
        found = judge(file, shown, layers)
        values = [load_piece(file, shown, piece) for piece in contents(layers)]
    for piece, value in zip(contents(layers), values, strict=True):
        piece.layer.params[piece.name] = value
    return found


def check(path: str | os.PathLike[str], layers: Sequence[Layer]) -> Found:
    """Judge a file without taking memory for its numbers."""
    shown = show(path)
    with open_weights(path, shown) as file:
        return judge(file, shown, layers)


def judge(file: BinaryIO, shown: str, layers: Sequence[Layer]) -> Found:
    """Refuse a file that is damaged or does not belong to these layers; leaves it at its first piece."""
    pieces = contents(layers)
    head = file.read(HEAD.size + DIGEST)
    if len(head) < HEAD.size + DIGEST:
        raise WeightsError(f"{shown}: {len(head)} bytes, but the header alone has {HEAD.size + DIGEST}: copy or pack "
                           "it again")
    magic, version, count, seen, size = HEAD.unpack_from(head)
    actual = os.fstat(file.fileno()).st_size
    if magic != PACKED_MAGIC:
        raise WeightsError(f"{shown}: not a file of packed weights: give a .dpk file, made by darkpy pack")
    if version != VERSION:
        raise WeightsError(f"{shown}: packed weights of version {version}, and this darkpy reads version {VERSION}: "
                           "pack them again with this darkpy")
    if actual != size:
        raise WeightsError(f"{shown}: {actual:,} bytes, but its header says {size:,}: it is cut short or damaged: copy "
                           "or pack it again")
    if count != len(pieces):
        raise WeightsError(f"{shown}: holds {count:,} arrays, but this cfg has {len(pieces):,}: it belongs to another "
                           "cfg: pack the weights again with this one")
    table = file.read(ENTRY.size * count)
    if len(table) < ENTRY.size * count:
        raise WeightsError(f"{shown}: {size:,} bytes do not hold the table of its {count:,} arrays: it is damaged: "
                           "pack it again")
    for piece, entry in zip(pieces, ENTRY.iter_unpack(table), strict=True):
        if entry != (piece.index, piece.kind, piece.size):
            kinds = {FLOATS: "numbers", SIGNS: "signs"}
            raise WeightsError(f"{shown}: where this cfg has {piece.place}, {piece.size:,} {kinds[piece.kind]}, it has "
                               f"{entry[2]:,} {kinds.get(entry[1], 'of an unknown kind')} of layer {entry[0]}: it "
                               "belongs to another cfg: pack the weights again with this one")
    needed = HEAD.size + DIGEST + len(table) + sum(piece.nbytes for piece in pieces)
    if size != needed:
        raise WeightsError(f"{shown}: {size:,} bytes, but this cfg needs {needed:,}: it is damaged: pack it again")
    digest = hashlib.sha256(head[: HEAD.size] + table)
    start = file.tell()
    while chunk := file.read(4 * CHUNK):
        digest.update(chunk)
    if digest.digest() != head[HEAD.size :]:
        raise WeightsError(f"{shown}: its checksum is wrong, so it is damaged: copy or pack it again")
    if seen >= MAX_SEEN:
        raise WeightsError(f"{shown}: its header says {seen:,} images were seen: pack it again")
    file.seek(start)
    return Found(seen, size)


def load_piece(file: BinaryIO, shown: str, piece: Packable) -> np.ndarray | Signs:
    """The next piece of a file that was judged."""
    count = piece.shape[0] if piece.kind == SIGNS else piece.size
    floats = take(file, shown, 4 * count).view("<f4").astype(np.float32, copy=False)
    if not np.isfinite(floats).all():
        raise WeightsError(f"{shown}: {piece.place} holds numbers that are not finite: pack it again")
    if piece.kind == FLOATS:
        return floats.reshape(piece.shape)
    bits = take(file, shown, piece.nbytes - 4 * count).reshape(count, -1)
    return Signs(bits, floats, piece.shape)


def take(file: BinaryIO, shown: str, size: int) -> np.ndarray:
    data = np.empty(size, np.uint8)
    if file.readinto(data.data) != size:  # type: ignore[attr-defined]
        raise WeightsError(f"{shown}: became shorter while it was read: load it again once it is whole")
    return data

"""Bytes of a .weights file <-> parameters, in each layer's declared order.  docs/weights.md describes the format.

    int32 major, minor, revision; seen (uint64 from version 0.2 on, before that int32); then float32 numbers,
    layer by layer; all little-endian.

A file is judged before anything changes: its kind and header, its size against what the layers need, then its numbers,
which must be finite.  Only then a second pass over the file (still in the system's cache) reads them straight into the
parameter arrays, so that a refused file leaves the network as it was and nothing is held in memory twice.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from darkpy.atomic import replacing
from darkpy.errors import UsageError, WeightsError
from darkpy.layers.base import Layer
from darkpy.vision.textfile import show

VERSION = (0, 2, 0)  # what `write` puts into the header
MAX_VERSION = 9999  # of a believable major, minor or revision
MAX_SEEN = 1 << 48  # of a believable count of images
CHUNK = 1 << 18  # numbers looked at in one go
STATISTICS = ("scales", "rolling_mean", "rolling_variance")

PACKED_MAGIC = b"\x89DPK\r\n\x1a\n"  # of packed.py; the line ends show a transfer as text
FOREIGN = (  # how files of other kinds begin, what they are, and the mend
    (b"version https://git-lfs", "a Git LFS pointer, not the file it stands for", "run git lfs pull"),
    (PACKED_MAGIC, "packed weights (.dpk), which hold signs only", "give the .weights file they were made from"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it first"),
    (b"BZh", "compressed with bzip2", "unpack it first"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it first"),
    (b"PK\x03\x04", "a zip archive (or a PyTorch checkpoint, which is one)", "unpack it, or give a .weights file"),
    (b"\x89HDF", "an HDF5 (Keras) file", "give a .weights file"),
    (b"[net", "a .cfg", "the order is: cfg, then weights"),
    (b"\x89PNG", "a picture (PNG)", "the order is: cfg, weights, images"),
    (b"\xff\xd8\xff", "a picture (JPEG)", "the order is: cfg, weights, images"),
)
WEB_PAGE = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")


@dataclass(frozen=True)
class Header:
    """The first 16 or 20 bytes of a file."""

    major: int
    minor: int
    revision: int
    seen: int  # images the network was trained on
    size: int  # bytes

    @property
    def transposed(self) -> bool:
        """Whether connected layers are stored (inputs, outputs), as the very first files were."""
        return self.major > 1000 or self.minor > 1000


@dataclass(frozen=True)
class Piece:
    """A run of numbers in a file, and the parameter of layer `index` they belong to."""

    index: int
    layer: Layer
    name: str
    filters: int = 0  # only so many of the layer's filters (numload)
    transposed: bool = False  # the file holds the matrix (rest, filters)

    @property
    def count(self) -> int:
        shape = self.layer.declared[self.name].shape
        return self.layer.declared[self.name].size // shape[self.axis] * (self.filters or shape[self.axis])

    @property
    def axis(self) -> int:
        """Where the filters are counted: a deconvolution's weights are (channels, filters, size, size)."""
        return int(self.layer.kind == "deconvolutional" and self.name == "weights")

    @property
    def place(self) -> str:
        return f"layer {self.index} [{self.layer.kind}] {self.name}"

    def array(self) -> np.ndarray:
        """A view of the parameter in the shape and order of the file."""
        array = self.layer.params[self.name]
        if self.filters:
            array = array[:, : self.filters] if self.axis else array[: self.filters]
        return array.reshape(len(array), -1).T if self.transposed else array


@dataclass(frozen=True)
class Extent:
    """How the size of a file compares with what the layers need."""

    size: int  # bytes there are
    needed: int  # bytes the layers take, header included
    stop: Piece | None  # the first piece the file does not hold whole
    on_boundary: bool  # the file ends between two layers, or behind the last


@dataclass(frozen=True)
class Loaded:
    """What `read` found."""

    header: Header
    extent: Extent

    @property
    def seen(self) -> int:
        return self.header.seen

    @property
    def note(self) -> str:
        """What a reading with `partial` left out; empty where the file fits."""
        stop, surplus = self.extent.stop, self.extent.size - self.extent.needed
        if stop and self.extent.on_boundary:
            return f"ends before layer {stop.index} [{stop.layer.kind}]: the layers from there on keep their values"
        if stop:
            return f"ends in {stop.place}: what comes after it keeps its values"
        return f"{surplus:,} bytes at its end are not used" if surplus else ""


def pieces_to_read(layers: Sequence[Layer], transposed: bool = False, start: int = 0,
                   cutoff: int | None = None) -> list[Piece]:
    """What a file holds for layers[start:cutoff], in order.

    Of the options that change reading, numload concerns convolutions, dontloadscales those and connected layers, and
    neither the layers inside a recurrent one: as in the original.
    """
    check_cutoff(cutoff)
    pieces = []
    for index in range(len(layers))[start:cutoff]:
        layer, config = layers[index], layers[index].config
        if config.dontload:
            continue
        convolves = layer.kind in ("convolutional", "deconvolutional")
        without_scales = config.dontloadscales and (convolves or layer.kind == "connected")
        filters = config.numload if convolves else 0
        if filters and not 0 < filters <= config.filters:
            raise WeightsError(f"layer {index} [{layer.kind}] numload={filters} of {config.filters} filters: "
                               f"it must lie between 1 and {config.filters}")
        for name, param in layer.declared.items():
            if not param.stored or (without_scales and name in STATISTICS):
                continue
            matrix = name.endswith("weights") and len(param.shape) == 2  # of a connected layer, or one inside another
            flipped = name == "weights" and getattr(config, "flipped", False)
            pieces.append(Piece(index, layer, name, filters, flipped or (transposed and matrix)))
    return pieces


def pieces_to_write(layers: Sequence[Layer], cutoff: int | None = None) -> list[Piece]:
    """What `write` puts into a file, in order."""
    check_cutoff(cutoff)
    return [Piece(i, layer, name) for i, layer in enumerate(layers[:cutoff]) if not layer.config.dontsave
            for name, param in layer.declared.items() if param.stored]


def check_cutoff(cutoff: int | None) -> None:
    if cutoff is not None and cutoff < 0:
        raise UsageError(f"cutoff={cutoff}: it is the number of layers to take, so at least 0")


def complete(layer: Layer) -> bool:
    """Whether a file that fits gives this layer every number it stores."""
    c = layer.config
    return not (c.dontload or c.dontloadscales or c.numload)


# -- reading -------------------------------------------------------------------------------------------------------


def read(path: str | os.PathLike[str], layers: Sequence[Layer], cutoff: int | None = None, partial: bool = False,
         start: int = 0) -> Loaded:
    """Fill the parameters of layers[start:cutoff] from a file.

    With `cutoff` the file may hold more layers.  With `partial` its size need not fit at all, as in the original: what
    it does not hold keeps its value, what is left over is not looked at.  Raises WeightsError, and then no parameter
    has changed.
    """
    shown = show(path)
    with open_weights(path, shown) as file:
        header, extent, pieces = _judge(file, shown, layers, cutoff, partial, start)
        _check_finite(file, shown, header, pieces)
        file.seek(header.size)
        left = (extent.size - header.size) // 4
        for piece in pieces:
            count = min(piece.count, left)
            left -= count
            _fill(file, shown, piece.array(), count)
    return Loaded(header, extent)


def check(path: str | os.PathLike[str], layers: Sequence[Layer], cutoff: int | None = None,
          partial: bool = False) -> Loaded:
    """Judge a file by its header and size without reading its numbers; the layers need no arrays yet."""
    with open_weights(path, show(path)) as file:
        header, extent, _ = _judge(file, show(path), layers, cutoff, partial)
    return Loaded(header, extent)


def open_weights(path: str | os.PathLike[str], shown: str) -> BinaryIO:
    """A regular file, to be read; `shown`: its name in messages."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise WeightsError(f"{shown}: is a directory: give the .weights file in it")
        if not stat.S_ISREG(mode):
            raise WeightsError(f"{shown}: is not a regular file: weights are read twice, so save them to a file first")
        return open(path, "rb")
    except FileNotFoundError:
        raise WeightsError(f"{shown}: no such file: check the path, or download the weights first") from None
    except PermissionError:
        raise WeightsError(f"{shown}: no permission to read it: ask its owner, or chmod it") from None
    except OSError as e:
        raise WeightsError(f"{shown}: cannot be read: {(e.strerror or str(e)).lower()}: check the path") from None
    except ValueError:  # a NUL character in the name
        raise WeightsError(f"{shown}: no such file: check the path") from None


def _judge(file: BinaryIO, shown: str, layers: Sequence[Layer], cutoff: int | None, partial: bool,
           start: int = 0) -> tuple[Header, Extent, list[Piece]]:
    header = _read_header(file, shown)
    pieces = pieces_to_read(layers, header.transposed, start, cutoff)
    extent = _measure(os.fstat(file.fileno()).st_size, header, pieces)
    left_over = extent.size > extent.needed and (cutoff is None or cutoff >= len(layers))
    if not partial and (extent.stop or left_over):
        raise WeightsError(f"{shown}: {_misfit(header, extent, layers)}")
    return header, extent, pieces


def _read_header(file: BinaryIO, shown: str) -> Header:
    try:
        head = file.read(512)
    except OSError as e:
        raise WeightsError(f"{shown}: cannot be read: {(e.strerror or str(e)).lower()}") from None
    if not head:
        raise WeightsError(f"{shown}: the file is empty: download or save it again")
    for prefix, what, mend in FOREIGN:
        if head.startswith(prefix):
            raise WeightsError(f"{shown}: this is {what}: {mend}")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(WEB_PAGE):
        raise WeightsError(f"{shown}: this is a web page, saved in place of the weights: download the file again")
    if len(head) < 16:
        raise WeightsError(f"{shown}: {len(head)} bytes, but the header alone has 16: download or save it again")
    major, minor, revision = struct.unpack_from("<iii", head)
    if not all(0 <= number <= MAX_VERSION for number in (major, minor, revision)):
        raise WeightsError(f"{shown}: its header says version {major}.{minor}.{revision}: "
                           "not a Darknet weights file: give a .weights file")
    wide = major * 10 + minor >= 2 and major < 1000 and minor < 1000
    if wide and len(head) < 20:
        raise WeightsError(f"{shown}: {len(head)} bytes, but the header alone has 20: download or save it again")
    (seen,) = struct.unpack_from("<Q" if wide else "<i", head, 12)
    if not 0 <= seen < MAX_SEEN:
        raise WeightsError(f"{shown}: its header says {seen:,} images were seen: the file is damaged, or no Darknet "
                           "weights file: download or save it again")
    return Header(major, minor, revision, seen, 20 if wide else 16)


def _measure(size: int, header: Header, pieces: Sequence[Piece]) -> Extent:
    needed, stop, on_boundary = header.size, None, True
    index = None
    for piece in pieces:
        if stop is None and needed + 4 * piece.count > size:
            stop, on_boundary = piece, needed == size and index is not None and piece.index != index
        needed += 4 * piece.count
        index = piece.index
    return Extent(size, needed, stop, on_boundary)


def _misfit(header: Header, extent: Extent, layers: Sequence[Layer]) -> str:
    """What is wrong with a file's size, and what may mend it."""
    difference = extent.size - extent.needed
    text = f"{extent.size:,} bytes, but this cfg needs {extent.needed:,}: "
    if extent.stop and extent.on_boundary:
        text += f"it ends before layer {extent.stop.index} [{extent.stop.layer.kind}]"
        mend = "a backbone file, to start training from? load it with --allow-partial (partial=True)"
    elif extent.stop:
        text += f"it ends in {extent.stop.place}"
        mend = "the download broke off, or it belongs to another cfg (number of classes?)"
    else:
        text += f"{difference:,} bytes are left over"
        mend = "it belongs to another cfg (number of classes?)"
    classes = _classes_that_fit(layers, difference)
    if classes:
        mend = f"it would fit classes={classes}: take the cfg it was trained with"
    elif difference == 4 and header.size == 16:
        mend = (f"some converters write a count of 8 bytes under version {header.major}.{header.minor}, which has 4: "
                "let them write version 0.2")
    return f"{text}: {mend}"


def _classes_that_fit(layers: Sequence[Layer], difference: int) -> int:
    """The number of classes of a detection net that explains a difference in bytes, or 0."""
    per_class, now = 0, set()
    for conv, head in zip(layers, layers[1:], strict=False):
        if head.kind in ("yolo", "region") and conv.kind == "convolutional":
            config: Any = head.config
            anchors = len(config.mask) if head.kind == "yolo" and config.mask else config.num
            per_class += 4 * anchors * (conv.n_params // conv.config.filters)
            now.add(config.classes)
    if len(now) != 1 or difference % per_class:
        return 0
    return max(now.pop() + difference // per_class, 0)


def _check_finite(file: BinaryIO, shown: str, header: Header, pieces: Sequence[Piece]) -> None:
    """WeightsError where a number the pieces would take is NaN or infinite."""
    buffer = np.empty(CHUNK, np.float32)
    file.seek(header.size)
    for piece in pieces:
        bad = 0
        for at in range(0, piece.count, CHUNK):
            chunk = buffer[: min(CHUNK, piece.count - at)]
            chunk = chunk[: _read_into(file, shown, chunk)]
            finite = np.isfinite(chunk)
            bad += 0 if finite.all() else len(chunk) - np.count_nonzero(finite)
        if bad:
            raise WeightsError(f"{shown}: {piece.place}: {bad:,} of {piece.count:,} numbers are not finite: the file "
                               "is damaged or its training diverged: take another one")


def _fill(file: BinaryIO, shown: str, array: np.ndarray, count: int) -> None:
    """The next `count` numbers of the file into the first places of `array`, in the file's order."""
    direct = array.flags.c_contiguous
    numbers = array.reshape(-1) if direct else array.flatten()
    if _read_into(file, shown, numbers[:count]) < count:
        raise WeightsError(f"{shown}: became shorter while it was read: load it again once it is whole")
    if not direct:
        array[...] = numbers.reshape(array.shape)


def _read_into(file: BinaryIO, shown: str, numbers: np.ndarray) -> int:
    """Whole numbers read into a contiguous array: fewer than it holds only at the end of the file."""
    try:
        return file.readinto(numbers.view(np.uint8)) // 4  # type: ignore[attr-defined]
    except OSError as e:
        raise WeightsError(f"{shown}: cannot be read: {(e.strerror or str(e)).lower()}") from None


# -- writing -------------------------------------------------------------------------------------------------------


def write(path: str | Path, layers: Sequence[Layer], seen: int, cutoff: int | None = None) -> None:
    """Write the parameters of layers[:cutoff], whole or not at all.  Raises WeightsError.

    Numbers that are not finite are refused: no such file could be read again.
    """
    if not 0 <= seen < MAX_SEEN:
        raise UsageError(f"seen={seen}: the count of images must lie between 0 and {MAX_SEEN:,}")
    with replacing(path, WeightsError) as file:
        file.write(struct.pack("<iiiQ", *VERSION, seen))
        for piece in pieces_to_write(layers, cutoff):
            numbers = np.ascontiguousarray(piece.array(), "<f4").reshape(-1)
            for at in range(0, len(numbers), CHUNK):
                if not np.isfinite(numbers[at : at + CHUNK]).all():
                    raise WeightsError(f"{show(path)}: not written: {piece.place} holds numbers that are not finite: "
                                       "the training diverged: go on from an earlier file")
            file.write(numbers.view(np.uint8).data)

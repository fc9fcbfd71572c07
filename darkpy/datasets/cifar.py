"""The binary files of CIFAR-10: data_batch_1.bin to data_batch_5.bin, test_batch.bin, batches.meta.txt.

A record is a class and the 3072 bytes of an image of 32x32 pixels, plane by plane.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from darkpy.errors import DataError
from darkpy.vision.names import read_names
from darkpy.vision.textfile import PathLike, read_bytes, show

SIDE = 32
RECORD = 1 + 3 * SIDE * SIDE
FILE_BYTES = 1 << 28
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def files(folder: PathLike) -> dict[str, list[Path]]:
    """The files to learn from, "train", and to measure on, "test".  Raises DataError where there are none."""
    patterns = {"train": "data_batch_*.bin", "test": "test_batch.bin"}
    found = {use: sorted(Path(folder).glob(pattern)) for use, pattern in patterns.items()}
    if not found["train"]:
        raise DataError(f"{show(folder)}: holds no data_batch_1.bin: name the folder cifar-10-batches-bin")
    return found


def class_names(folder: PathLike) -> list[str]:
    """Of batches.meta.txt, where it is there."""
    path = Path(folder) / "batches.meta.txt"
    return [name for name in read_names(path) if name] if path.exists() else CLASSES


def read(path: PathLike, classes: int) -> Iterator[tuple[int, np.ndarray]]:
    """Class and uint8 (32, 32, 3) of each record.  Raises DataError for a file that is none."""
    content = read_bytes(path, "a file of CIFAR", FILE_BYTES)
    if not content or len(content) % RECORD:
        raise DataError(f"{show(path)}: has {len(content)} bytes, which is no whole number of records of {RECORD}: "
                        "load it down again")
    table = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    if table[:, 0].max() >= classes:
        number = int((table[:, 0] >= classes).argmax())
        raise DataError(f"{show(path)}: record {number} has class {table[number, 0]} of {classes}: is it of CIFAR-10?")
    for record in table:
        yield int(record[0]), record[1:].reshape(3, SIDE, SIDE).transpose(1, 2, 0)

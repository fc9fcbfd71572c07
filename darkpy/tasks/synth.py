"""Use case: a data set of drawn scenes, ready to train on.

    OUT/images/000001.jpg ...   OUT/labels/000001.txt ...   class x y w h for each thing
    OUT/train.txt, OUT/valid.txt, OUT/OUT.names, OUT/OUT.data
    OUT/preview.jpg             some scenes with their boxes

The same seed, size and numbers of images give the same scenes, on any number of processes; the first images of a
larger set are those of a smaller one.  The folder appears complete or not at all.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from darkpy.atomic import new_folder
from darkpy.jit import threads_allowed
from darkpy.synth.scene import Scene, draw_scene
from darkpy.synth.things import NAMES
from darkpy.tasks.convert import data_text
from darkpy.vision.decode import write_image
from darkpy.vision.draw import draw_detections

QUALITY = 90  # of the JPEGs
PREVIEW = 12  # scenes
FEW = 100  # scenes for which starting processes does not pay
CHUNK = 8  # scenes a process draws in one go

Progress = Callable[[Iterable[Counter[str]], int], Iterable[Counter[str]]]


@dataclass(frozen=True)
class Options:
    """`train`, `valid`: numbers of images; size in pixels; `relative`: lists count from the folder, which can then be
    moved (the original program must be started in it)."""

    train: int = 2000
    valid: int = 200
    width: int = 416
    height: int = 416
    seed: int = 0
    relative: bool = False
    workers: int | None = None  # processes; as many as help, if not given


@dataclass
class Made:
    """What was written: the .data file, and objects by class."""

    data: Path
    objects: Counter[str] = field(default_factory=Counter)


def synth(out: str | Path, options: Options, progress: Progress = lambda items, total: items) -> Made:
    """Draw the data set into the folder `out`, which must not exist yet or be empty.  Raises UsageError, DataError."""
    out = Path(out)
    made = Made(out / f"{out.name}.data")
    total = options.train + options.valid
    with new_folder(out) as folder:
        (folder / "images").mkdir()
        (folder / "labels").mkdir()
        for objects in progress(draw_all(folder, total, options), total):
            made.objects += objects
        base = Path() if options.relative else out.absolute()
        lists = {"train": range(options.train), "valid": range(options.train, total)}
        for name, numbers in lists.items():
            if numbers:
                (folder / f"{name}.txt").write_text("".join(f"{base / 'images' / stem(k)}.jpg\n" for k in numbers))
        train, valid = (name if lists[name] else None for name in ("train", "valid"))
        (folder / f"{out.name}.names").write_text("".join(f"{name}\n" for name in NAMES))
        (folder / f"{out.name}.data").write_text(data_text(base, out.name, len(NAMES), train, valid))
        write_image(folder / "preview.jpg", preview(options, min(PREVIEW, total)))
    return made


def stem(number: int) -> str:
    """Of the files of a scene, which are counted from 1."""
    return f"{number + 1:06}"


def draw_all(folder: Path, total: int, options: Options) -> Iterator[Counter[str]]:
    """Write all scenes; the objects in each, in order."""
    write = partial(write_scene, folder, options)
    workers = min(options.workers or threads_allowed(), total)
    if workers == 1 or total <= FEW:
        yield from map(write, range(total))
        return
    draw_scene(0, 0, 64, 64)  # its kernels are compiled once, not in every process
    context = multiprocessing.get_context("spawn")  # a fork would lose the threads of kernels that ran before
    with ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        try:
            yield from pool.map(write, range(total), chunksize=CHUNK)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def write_scene(folder: Path, options: Options, number: int) -> Counter[str]:
    """Write the picture and the labels of a scene."""
    scene = draw_scene(options.seed, number, options.width, options.height)
    Image.fromarray(scene.picture).save(folder / "images" / f"{stem(number)}.jpg", quality=QUALITY)
    rows = (f"{k} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n" for k, x, y, w, h in scene.labels)
    (folder / "labels" / f"{stem(number)}.txt").write_text("".join(rows))
    return Counter(NAMES[label[0]] for label in scene.labels)


def with_boxes(scene: Scene) -> np.ndarray:
    """The picture with what its labels say."""
    height, width = scene.picture.shape[:2]
    rows = np.array([label[1:] for label in scene.labels]).reshape(-1, 4) * (width, height, width, height)
    xyxy = np.concatenate([rows[:, :2] - rows[:, 2:] / 2, rows[:, :2] + rows[:, 2:] / 2], 1)
    return draw_detections(scene.picture, xyxy, [label[0] for label in scene.labels], None, NAMES)


def preview(options: Options, count: int) -> np.ndarray:
    """The first scenes in a grid of up to four columns."""
    tiles = [with_boxes(draw_scene(options.seed, k, options.width, options.height)) for k in range(count)]
    columns = min(4, count)
    tiles += [np.full_like(tiles[0], 255)] * (-count % columns)
    return np.vstack([np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)])

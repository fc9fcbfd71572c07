"""Batches of a data set, loaded by threads ahead of the computation.

Everything about a batch follows from the seed and the number of its first sample, the position:

    epoch, k = divmod(position, images)     the k-th image of that epoch's random order
    its random numbers                      from a generator of its own, made of the seed and the position

so that the number of threads changes nothing, and a training resumed at a position goes on with the same bytes.
(The original draws each image at random, so that some come twice before others come once; here each epoch is complete.)

A sample that cannot be read is put aside, and the next that can be takes its place, with its own random numbers.

Threads do: decoding and the kernels of `vision` let other threads run meanwhile.
"""

from __future__ import annotations

import functools
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from darkpy.datasets.paths import ImageList
from darkpy.errors import DataError
from darkpy.jit import threads_allowed
from darkpy.vision.textfile import show

ORDER, SAMPLE = 1, 2  # keep the random numbers of orders and of samples apart
MAX_WORKERS = 8
GIVE_UP = 1000  # samples in a row that cannot be read


class Samples(Protocol):
    """What can be loaded: a DetectionSet or ClassificationSet."""

    @property
    def images(self) -> ImageList: ...

    @property
    def numbers(self) -> int:
        """Of truth for one image."""

    def load(self, i: int, random: np.random.Generator, x: np.ndarray, truth: np.ndarray) -> None:
        """Fill x (C, h, w) and truth (numbers,) from image i, or raise DataError."""


@dataclass(frozen=True)
class Batch:
    """x (N, C, h, w) in [0, 1], truth (N, numbers), and the images they show."""

    x: np.ndarray
    truth: np.ndarray
    paths: list[str]
    position: int  # of its first sample


@dataclass
class Quarantine:
    """Images that could not be used, in the order in which they were met, each with its reason."""

    found: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.found)

    def report(self, limit: int = 20) -> list[str]:
        """Lines for the end of a training; none where all was well."""
        if not self.found:
            return []
        head = f"{len(self)} image{'s were' if len(self) > 1 else ' was'} left out of training:"
        lines = [head, *(f"  {reason}" for reason in list(self.found.values())[:limit])]
        return lines + ([f"  and {len(self) - limit} more"] if len(self) > limit else [])


class Batches(Protocol):
    """What a training takes its batches from: a Loader or a TextLoader."""

    count: int  # images, or characters
    quarantine: Quarantine

    def __next__(self) -> Batch: ...

    def state(self) -> dict[str, Any]: ...

    def check_state(self, state: dict[str, Any]) -> None: ...


class Loader:
    """An iterator over batches, endless unless `end` is given.  Close it, or use it in a `with`.

    channels   of the net's input
    size       (h, w) of a batch by the position of its first sample
    batch      images in each; the last before `end` may have fewer
    start      position to begin at: the `cursor` of an earlier loader
    end        position to stop at, as `len(samples.images)` for all images once
    shuffle    False: in the order of the list
    workers    threads; as many as help, if not given
    ahead      batches that are loaded while one is in use
    """

    def __init__(self, samples: Samples, channels: int, size: Callable[[int], tuple[int, int]], batch: int,
                 seed: int = 0, start: int = 0, end: int | None = None, shuffle: bool = True,
                 workers: int | None = None, ahead: int = 2):
        if batch < 1 or start < 0 or seed < 0 or ahead < 1:
            raise ValueError("batch and ahead are at least 1, start and seed at least 0")
        self.samples, self.channels, self.size, self.batch = samples, channels, size, batch
        self.seed, self.end, self.shuffle, self.ahead = seed, end, shuffle, ahead
        self.cursor = start  # position of the next batch to be given
        self.quarantine = Quarantine()
        self.count = len(samples.images)
        self.order = functools.lru_cache(maxsize=3)(self._order)
        self.bad: set[int] = set()  # numbers of images that failed
        self.pool = ThreadPoolExecutor(workers or default_workers(), "darkpy-load")
        self.waiting: deque[tuple[Batch, list[Future[Loaded]]]] = deque()
        self.next_position = start
        self.closed = False

    # -- giving batches ----------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        """The next batch.  Raises DataError where nothing of the data set can be read.

        If it is interrupted, the next call gives the same batch.
        """
        if self.closed:
            raise StopIteration
        self._submit()
        if not self.waiting:
            self.close()
            raise StopIteration
        batch, futures = self.waiting[0]
        try:
            loaded = [future.result() for future in futures]
        except Exception:
            self.close()
            raise
        self.waiting.popleft()
        for i, failures in loaded:
            batch.paths.append(self.samples.images.images[i])
            for number, reason in failures:
                self.quarantine.found.setdefault(self.samples.images.images[number], reason)
        self.cursor = batch.position + len(batch.x)
        self._submit()
        return batch

    def _submit(self) -> None:
        """Set threads to work until `ahead` batches are under way, besides the one about to be taken."""
        while len(self.waiting) < self.ahead and (self.end is None or self.next_position < self.end):
            position = self.next_position
            n = self.batch if self.end is None else min(self.batch, self.end - position)
            x = np.empty((n, self.channels, *self.size(position)), np.float32)
            batch = Batch(x, np.empty((n, self.samples.numbers), np.float32), [], position)
            self.waiting.append((batch, [self.pool.submit(self._load, position + k, x[k], batch.truth[k])
                                         for k in range(n)]))
            self.next_position += n

    def close(self) -> None:
        """Stop all threads; samples that are being loaded are finished, others are not begun."""
        self.closed = True
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.waiting.clear()

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    # -- in the threads ------------------------------------------------------------------------------------------------

    def _load(self, position: int, x: np.ndarray, truth: np.ndarray) -> Loaded:
        """Fill x and truth with the first sample from `position` on that can be read."""
        failures: list[tuple[int, str]] = []
        tries = min(2 * self.count, GIVE_UP)  # the rest of this epoch and the whole of the next hold every image
        for p in range(position, position + tries):
            i = self.index(p)
            if i in self.bad:
                continue
            try:
                self.samples.load(i, np.random.default_rng((self.seed, SAMPLE, p)), x, truth)
                return i, failures
            except DataError as e:
                self.bad.add(i)
                failures.append((i, str(e)))
        reasons = failures[0][1] if failures else "see the errors before"
        raise DataError(f"{show(self.samples.images.path)}: of {min(self.count, tries)} images in a row none can be "
                        f"used: {reasons}")

    def index(self, position: int) -> int:
        """The number in the list of the image at a position."""
        epoch, k = divmod(position, self.count)
        return int(self.order(epoch)[k]) if self.shuffle else k

    def _order(self, epoch: int) -> np.ndarray:
        return np.random.default_rng((self.seed, ORDER, epoch)).permutation(self.count).astype(np.int32)

    # -- going on later ------------------------------------------------------------------------------------------------

    @property
    def epoch(self) -> float:
        """How often all images were given."""
        return self.cursor / self.count

    def state(self) -> dict[str, Any]:
        """What a later loader needs to go on: give its `position` as `start`, after `check_state`."""
        return {"position": self.cursor, "seed": self.seed, "images": self.count, "list": self._fingerprint()}

    def check_state(self, state: dict[str, Any]) -> None:
        """DataError where a state is of another list of images or another seed: the bytes would not be the same."""
        if (state["images"], state["list"]) != (self.count, self._fingerprint()):
            raise DataError(f"{show(self.samples.images.path)}: has {self.count} images and is not the list this "
                            f"training began with ({state['images']} images): restore that, or begin a new training")
        if state["seed"] != self.seed:
            raise DataError(f"this training began with seed {state['seed']}, not {self.seed}: give that seed")

    def _fingerprint(self) -> int:
        """Of the list of images, in order, whatever folder they are in."""
        names = [os.path.basename(path) for path in self.samples.images.images]
        return zlib.crc32("\n".join(names).encode("utf-8", "surrogateescape"))


Loaded = tuple[int, list[tuple[int, str]]]  # the image shown, and those (with reasons) that failed before


def default_workers() -> int:
    """Half of the CPUs: the network needs them more, and one thread alone loads more than most nets can take."""
    return min(MAX_WORKERS, max(1, threads_allowed() // 2))

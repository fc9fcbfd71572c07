"""Text for recurrent networks: batches of one-hot characters, the truth being the character that comes next.

Several streams are read at once, each from a place of its own and, behind the end, on from the beginning.  Before each
batch a stream is put to another place, and what the net remembers of it forgotten, with a chance of 1 in 64, as in the
original.  A character is a byte; with `tokenized` the file holds whole numbers instead.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from darkpy.datasets.loader import Batch, Quarantine
from darkpy.errors import DataError
from darkpy.vision.textfile import PathLike, read_bytes, show

TEXT_BYTES = 1 << 32
CHANCE = 1 / 64
STREAM = 4  # keeps the random numbers apart from those of other uses


def read_text(path: PathLike, characters: int, tokenized: bool = False) -> np.ndarray:
    """The numbers of the characters (or tokens) of a file, (n,) below `characters`.  Raises DataError."""
    content = read_bytes(path, "a text", TEXT_BYTES)
    if tokenized:
        words = content.split()
        bad = next((w for w in words if not (w.isdigit() and len(w) < 10)), None)
        if bad is not None:
            raise DataError(f"{show(path)}: {ascii(bad[:40])[1:]} is not the number of a token")
        text = np.array(words, np.int64)
    else:
        text = np.frombuffer(content, np.uint8)
    if len(text) < 2:
        raise DataError(f"{show(path)}: is too short to learn from")
    if text.max() >= characters:
        where = f"at {int(text.argmax())}" if tokenized else f"in line {content[: int(text.argmax())].count(10) + 1}"
        raise DataError(f"{show(path)}: holds the character {text.max()} {where}, but the net takes {characters}: "
                        f"inputs={int(text.max()) + 1} would do")
    return text


class TextLoader:
    """Endless batches of a text, in the order [connected] after [rnn] wants them: by time step, then by stream.

    `forget` is called with the number of a stream that begins anew.  `state` is what `self.state()` gave.
    """

    def __init__(self, text: np.ndarray, characters: int, streams: int, steps: int, forget: Callable[[int], None],
                 seed: int = 0, position: int = 0, state: dict[str, Any] | None = None):
        self.text, self.characters, self.streams, self.steps = text, characters, streams, steps
        self.forget, self.seed, self.position = forget, seed, position
        self.count = len(text)
        self.quarantine = Quarantine()  # of a text all can be used
        self.offsets = self.random(-1).integers(0, self.count, streams)
        self.begun = False
        if state is not None:
            self.check_state(state)
            self.position, self.offsets, self.begun = state["position"], np.array(state["offsets"]), True

    def random(self, part: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, STREAM, part + 1))

    def __next__(self) -> Batch:
        if self.begun:
            self.jump()
        self.begun = True
        at = (self.offsets + np.arange(self.steps + 1)[:, None]) % self.count  # (steps + 1, streams)
        seen = self.text[at]
        rows = self.steps * self.streams
        x, truth = np.zeros((2, rows, self.characters), np.float32)
        x[np.arange(rows), seen[:-1].reshape(-1)] = 1
        truth[np.arange(rows), seen[1:].reshape(-1)] = 1
        batch = Batch(x, truth, [], self.position)
        self.offsets = (self.offsets + self.steps) % self.count
        self.position += rows
        return batch

    def jump(self) -> None:
        """Put some streams to another place."""
        random = self.random(self.position)
        for k in np.flatnonzero(random.random(self.streams) < CHANCE):
            self.offsets[k] = random.integers(0, self.count)
            self.forget(int(k))

    def state(self) -> dict[str, Any]:
        """What a later loader of the same text needs to go on."""
        return {"position": self.position, "seed": self.seed, "offsets": self.offsets.tolist(), "text": self.digest()}

    def check_state(self, state: dict[str, Any]) -> None:
        """DataError where a state is of another text or seed."""
        if state["text"] != self.digest() or len(state["offsets"]) != self.streams:
            raise DataError("this training began with another text: give that one, or begin a new training")
        if state["seed"] != self.seed:
            raise DataError(f"this training began with seed {state['seed']}, not {self.seed}: give that seed")

    def digest(self) -> int:
        return zlib.crc32(np.ascontiguousarray(self.text).tobytes())

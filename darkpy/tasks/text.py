"""A recurrent network that knows how a text goes on: it writes, measures and describes texts, a character at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from darkpy import cfg
from darkpy.errors import DataError
from darkpy.network import Network, load
from darkpy.tasks.train import check_text_net

LEAST = 1e-4  # characters less likely than this are never written, as in the original


class Writer:
    """A net that reads a character at a time, whatever time_steps= its cfg trains with.

    temperature  divides what goes into the softmax: below 1 the likely becomes likelier
    Raises CfgError, WeightsError, ModelError for a net that is not for text.
    """

    def __init__(self, path: str, weights: str | None, temperature: float = 1.0, lax: bool = False):
        sections = cfg.parse(cfg.read_text(path), path)
        for key in ("time_steps", "subdivisions"):
            sections[0].options[key] = cfg.Option(key, "1", sections[0].line)
        self.net: Network = load(sections, weights, batch=1, lax=lax)
        self.characters = check_text_net(self.net)
        for layer in self.net.layers:
            if layer.kind == "softmax":
                layer.config.temperature = temperature
        self.net.reset_state()

    def read(self, character: int, keep: bool = False) -> np.ndarray:
        """The probabilities (n,) of what comes behind this character and all that were read before."""
        if not 0 <= character < self.characters:
            raise DataError(f"the character {character} is not among the {self.characters} the net knows")
        x = np.zeros((1, self.characters), np.float32)
        x[0, character] = 1
        return self.net.forward(x, keep=keep)[0]

    def write(self, seed: Iterable[int], count: int, random: np.random.Generator) -> Iterator[int]:
        """`count` characters that go on from the seed, which is not repeated."""
        p: np.ndarray | None = None
        for character in seed:
            p = self.read(character)
        if p is None:
            p = self.read(0)
        for _ in range(count):
            p = np.where(np.nan_to_num(p) < LEAST, 0, p).astype(np.float64)
            character = int(random.choice(self.characters, p=p / p.sum())) if p.sum() else 0
            yield character
            p = self.read(character)

    def describe(self, text: bytes) -> np.ndarray:
        """What the first layer gives when the text, and a blank, have been read from a state of nothing."""
        self.net.reset_state()
        for character in text + b" ":
            self.read(character, keep=True)
        return self.net.outputs[0].reshape(-1)


@dataclass
class Measured:
    """How well a text was foreseen."""

    characters: int = 0
    words: int = 1
    bits: float = 0.0

    @property
    def bpc(self) -> float:
        """Bits for each character."""
        return self.bits / max(self.characters, 1)

    @property
    def perplexity(self) -> float:
        return power_of_two(self.bpc)

    @property
    def word_perplexity(self) -> float:
        return power_of_two(self.bits / self.words)


def power_of_two(exponent: float) -> float:
    return 2.0**exponent if exponent < 1024 else math.inf


def measure(writer: Writer, seed: bytes, text: bytes) -> Iterator[Measured]:
    """The state behind each character of the text but the first; the seed is read before it."""
    state = Measured()
    for character in seed:
        writer.read(character)
    for character, following in zip(text, text[1:], strict=False):
        p = writer.read(character)
        if following >= writer.characters:
            raise DataError(f"the character {following} is not among the {writer.characters} the net knows")
        state.characters += 1
        state.words += following in b" \n\t"
        state.bits -= math.log2(max(float(p[following]), np.finfo(np.float32).tiny))
        yield state

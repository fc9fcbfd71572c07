"""What is said on stderr: notes, errors, warnings, progress.  Results go to stdout, by `print`.

The library logs to the logger "darkpy" (a notice that kernels are compiled, a warning about a cfg); here it is shown.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class ToStderr(logging.Handler):
    """Shows log records on whatever stderr is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        note(("warning: " if record.levelno >= logging.WARNING else "") + record.getMessage())


class Compiling(logging.Handler):
    """Says once that kernels are compiled, and then now and then how many they are."""

    EVERY = 5.0  # seconds

    def __init__(self) -> None:
        super().__init__()
        self.start = self.told = 0.0
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        self.count += 1
        if not self.start:
            self.start = self.told = now
            note("compiling kernels for this CPU: this happens once")
        elif now - self.told > self.EVERY:
            self.told = now
            note(f"compiling: {self.count} kernels after {now - self.start:.0f} s")


def setup() -> None:
    for name, kind in (("darkpy", ToStderr), ("darkpy.compile", Compiling)):
        logger = logging.getLogger(name)
        if not any(isinstance(h, kind) for h in logger.handlers):
            logger.addHandler(kind())
        logger.setLevel(logging.INFO)
    logger.propagate = False


def note(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def error(text: str) -> None:
    """An error, one line for each problem."""
    sys.stdout.flush()  # so that results and errors keep their order on a terminal
    note(text)


def terminal(stream: object = None) -> bool:
    """Whether somebody watches."""
    return bool(getattr(stream or sys.stderr, "isatty", lambda: False)())


def progress(items: Iterable[T], total: int | None, what: str, prints: bool = False) -> Iterator[T]:
    """The items, with a bar on a terminal; nothing is drawn elsewhere, nor for a single item.

    `prints`: results are printed meanwhile; where stdout is a terminal they show the progress well enough.
    """
    if not terminal() or total == 1 or (prints and terminal(sys.stdout)):
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(what, total=total)
        for item in items:
            yield item
            bar.advance(task)

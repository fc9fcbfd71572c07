"""What is said on stderr: notes, errors, warnings, progress.  Results go to stdout, by `print`.

The library logs to the logger "darkpy" (a notice that kernels are compiled, a warning about a cfg); here it is shown.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class ToStderr(logging.Handler):
    """Shows log records on whatever stderr is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        note(("warning: " if record.levelno >= logging.WARNING else "") + record.getMessage())


def setup() -> None:
    logger = logging.getLogger("darkpy")
    if not any(isinstance(h, ToStderr) for h in logger.handlers):
        logger.addHandler(ToStderr())
    logger.setLevel(logging.INFO)


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

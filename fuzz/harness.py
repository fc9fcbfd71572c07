"""What all fuzz targets share: bytes become a file, and an error must be one that a user can read."""

from __future__ import annotations

import atexit
import contextlib
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def instrumented() -> Any:
    """Imports inside are watched by atheris where a target runs as a program; elsewhere they are plain imports."""
    if not Path(sys.argv[0]).name.startswith("fuzz_"):
        return contextlib.nullcontext()
    import atheris

    return atheris.instrument_imports(include=["darkpy"])


with instrumented():
    from darkpy.errors import DarkpyError

REFUSED: list[str] = []  # messages of errors that were right
FOLDER = Path(tempfile.mkdtemp(prefix="darkpy-fuzz-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def file_of(data: bytes, name: str) -> str:
    """Path of a file that holds the bytes, the same one each time."""
    path = FOLDER / name
    path.write_bytes(data)
    return str(path)


@contextlib.contextmanager
def refusing(path: str, *kinds: type[DarkpyError]) -> Iterator[None]:
    """Errors of these kinds are right if each line begins with the path and can be printed; all others are faults."""
    try:
        yield
    except kinds as e:
        for line in str(e).split("\n"):
            assert line.startswith(path) and line.isprintable() and len(line) < 2000, line
        REFUSED[:] = [str(e)]


def fuzz(attempt: Callable[[bytes], None]) -> None:
    """Run `attempt` on bytes without end, or as the arguments say."""
    import atheris

    logging.getLogger("darkpy").setLevel(logging.CRITICAL)
    atheris.Setup(sys.argv, attempt)
    atheris.Fuzz()

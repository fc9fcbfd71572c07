"""Files written whole or not at all: a temporary file beside the target, fsync, rename."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from darkpy.errors import DarkpyError


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], error: type[DarkpyError] = DarkpyError) -> Iterator[BinaryIO]:
    """A binary file to write; when the block ends it takes the place of `path`, which until then stays as it was.

    Where the block fails nothing is left behind.  What the system refuses (no space, no permission) becomes `error`
    with one line.  A link is followed; a device, pipe or directory is refused: it cannot be replaced.
    """
    name = os.fspath(path)
    shown = name if name.isprintable() else ascii(name)
    try:
        target = Path(os.path.realpath(name))
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            raise error(f"{shown}: is not a regular file, so it is not written to: give the name of a file")
        # not tempfile.mkstemp: its files are private to the user, and the result would stay so
        temporary = target.parent / f".darkpy-{secrets.token_hex(8)}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except FileNotFoundError:
        raise error(f"{shown}: its folder does not exist: make it first") from None
    except NotADirectoryError:
        raise error(f"{shown}: what should be its folder is a file: choose another place") from None
    except OSError as e:
        raise error(f"{shown}: cannot be written: {(e.strerror or str(e)).lower()}: choose another place") from None
    except ValueError as e:
        if "null" not in str(e):
            raise
        raise error(f"{shown}: is no name of a file: it holds a NUL character") from None

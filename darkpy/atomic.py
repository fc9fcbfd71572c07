"""Files and folders written whole or not at all: a temporary one beside the target, fsync, rename."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from darkpy.errors import DarkpyError, DataError, UsageError


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


def check_new_folder(path: Path) -> None:
    """UsageError where a folder cannot be made because there is something already."""
    shown = str(path) if str(path).isprintable() else ascii(str(path))
    if not path.name or not path.name.isprintable():
        raise UsageError(f"{shown}: give the folder to be made a name")
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise UsageError(f"{shown} exists already: name a new folder")


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the name `path` when the block ends without an error; else nothing is left.

    `path` must not exist yet or be empty.  Raises UsageError, and DataError where the system refuses.
    """
    check_new_folder(path)
    temporary = path.parent / f".darkpy-{secrets.token_hex(8)}.tmp"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if path.is_dir():
            path.rmdir()
        os.replace(temporary, path)
    except OSError as e:
        shown = str(path) if str(path).isprintable() else ascii(str(path))
        raise DataError(f"{shown}: cannot be written: {(e.strerror or str(e)).lower()}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

"""Reading of small text files from outside: bounded, and every failure is one DataError line.

Darknet reads such files line by line without a limit and keeps the carriage return of files written on Windows, so
that no name ever matches.  Here a byte-order mark and carriage returns are dropped and the size is bounded first.
"""

from __future__ import annotations

import os
import stat

from darkpy.errors import DataError

PathLike = str | os.PathLike[str]


def show(path: PathLike) -> str:
    """The path as it should appear in a message: always one line, whatever characters the name holds."""
    text = os.fspath(path)
    return text if text.isprintable() else ascii(text)


def os_problem(path: PathLike, error: OSError, what: str) -> DataError:
    """The DataError for a failed system call on `path`, where a `what` ("an image") was expected."""
    if isinstance(error, FileNotFoundError):
        return DataError(f"{show(path)}: no such file: check the path")
    if isinstance(error, IsADirectoryError):
        return DataError(f"{show(path)}: is a directory, not {what}: give the name of a file in it")
    if isinstance(error, PermissionError):
        return DataError(f"{show(path)}: no permission to read it: ask its owner, or chmod it")
    return DataError(f"{show(path)}: cannot be read: {(error.strerror or str(error)).lower()}: check the path")


def read_bytes(path: PathLike, what: str, max_bytes: int) -> bytes:
    """The content of a regular file of at most `max_bytes` bytes.

    Pipes and devices are refused: reading one could block or never end.  Raises DataError.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError
        if not stat.S_ISREG(mode):
            raise DataError(f"{show(path)}: is not a regular file, so not {what}: save it to a file first")
        with open(path, "rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise os_problem(path, error, what) from None
    except ValueError:  # a NUL character in the name
        raise DataError(f"{show(path)}: no such file: check the path") from None
    if len(content) > max_bytes:
        raise DataError(f"{show(path)}: larger than {max_bytes:,} bytes, so not {what}: is it the right file?")
    return content


def read_lines(path: PathLike, what: str, max_bytes: int = 1 << 24) -> list[str]:
    """The lines of a UTF-8 text file, without line ends and without blank lines at the end.

    A byte-order mark and carriage returns are dropped.  Raises DataError naming the line of the first byte that is not
    UTF-8, or of the first NUL (a sure sign of a binary file).
    """
    content = read_bytes(path, what, max_bytes).removeprefix(b"\xef\xbb\xbf")
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise DataError(f"{show(path)}:{line}: contains a NUL byte, so it is not {what} in UTF-8 text: is it the right "
                        "file?")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise DataError(f"{show(path)}:{line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from None
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines

"""Published weights from their author's site: resumed where a connection broke, checked, written whole or not at all.

The bytes gather in `<file>.part` beside the target.  `<file>.part.tag` holds what the server calls this version of the
file, so that a later run never joins halves of two versions.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from darkpy import cfg
from darkpy._version import __version__
from darkpy.errors import DarkpyError, UsageError
from darkpy.tasks.models import KNOWN

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known

CHUNK = 1 << 18
TIMEOUT = 30.0  # seconds without a byte
TRIES = 4  # of a connection that breaks, as long as each brings something
PAUSE = 1.0  # seconds between them
MAX_BYTES = 1 << 34


class DownloadError(DarkpyError):
    """A file could not be fetched, or is not the right one."""


class Lost(DownloadError):
    """The connection broke: another try goes on from there."""


class Restart(Exception):
    """What was fetched before cannot be continued."""


@dataclass(frozen=True)
class Wanted:
    """Where a file can be had, and how the right one is known (empty: unknown)."""

    urls: Sequence[str]
    name: str
    sizes: tuple[int, ...] = ()
    sha256: str = ""


def wanted(name: str | None, url: str | None = None, sha256: str = "") -> Wanted:
    """What a known model's name, or any address, asks for.  Raises UsageError."""
    if url is None:
        key = (name or "").removesuffix(".weights")
        if key not in KNOWN:
            raise UsageError(f"no model is known as {cfg.clip(name or '')!r}{cfg.nearest(key, KNOWN)}")
        model = KNOWN[key]
        return Wanted(model.urls, PurePosixPath(model.file).name, model.sizes, model.sha256)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(f"{cfg.clip(url)!r} is no address of a file: it must begin with https:// or http://")
    file = PurePosixPath(unquote(parts.path)).name
    if file in ("", "..") or "\\" in file or not file.isprintable():
        raise UsageError(f"{cfg.clip(url)!r} does not end in the name of a file: give -output")
    if sha256 and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise UsageError("a SHA-256 has 64 digits 0-9 a-f")
    return Wanted([url], file, (), sha256.lower())


def download(want: Wanted, output: str | Path | None = None, progress: Progress = lambda done, total: None) -> Path:
    """The path of the file, fetched unless a right copy lies there already.

    `output`: a file or a folder; by default the folder `models` of the cache.  Raises DownloadError.
    """
    target = place(want, output)
    if (want.sizes or want.sha256) and target.is_file() and not fault(target, want):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.with_name(target.name + ".part")) as part:
            fetch(want, part, progress)
            part.flush()
            os.fsync(part.fileno())
        done = Path(part.name)
        wrong = fault(done, want)
        if wrong:
            discard(done)
            raise DownloadError(f"{want.urls[0]}: {wrong}: it was not kept")
        os.replace(done, target)
        tag_of(done).unlink(missing_ok=True)
    except OSError as e:
        raise DownloadError(f"{cfg.show(target)}: cannot be written: {(e.strerror or str(e)).lower()}") from None
    return target


def place(want: Wanted, output: str | Path | None) -> Path:
    if output is None:
        from darkpy.jit import cache_root

        return cache_root() / "models" / want.name
    path = Path(output)
    return path / want.name if path.is_dir() or str(output).endswith(("/", os.sep)) else path


def fault(path: Path, want: Wanted) -> str:
    """What is wrong with a finished file; "" where nothing is."""
    size = path.stat().st_size
    if want.sizes and size not in want.sizes:
        return f"has {size:,} bytes, and the right file {' or '.join(f'{n:,}' for n in want.sizes)}"
    if want.sha256:
        digest = hashlib.sha256()
        with open(path, "rb") as f:
            while chunk := f.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != want.sha256:
            return f"has the SHA-256 {digest.hexdigest()}, and the right file {want.sha256}"
    return ""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """The part file, open for reading and appending, for this process alone (where the system has locks)."""
    with open(path, "a+b") as part:
        try:
            import fcntl

            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except OSError:
            raise DownloadError(f"{cfg.show(path)}: another process is downloading this file: wait for it") from None
        yield part


def tag_of(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    tag_of(part).unlink(missing_ok=True)


# -- one file over HTTP -------------------------------------------------------------------------------------------


def fetch(want: Wanted, part: BinaryIO, progress: Progress) -> None:
    """All bytes into the part file, from the first address that has them."""
    problems = []
    for url in want.urls:
        try:
            keep_trying(url, want, part, progress)
            return
        except Lost:
            raise
        except DownloadError as e:
            problems.append(str(e))
    if not size_of(part):
        discard(Path(part.name))
    raise DownloadError("\n".join(problems))


def keep_trying(url: str, want: Wanted, part: BinaryIO, progress: Progress) -> None:
    for tries_left in range(TRIES - 1, -1, -1):
        before = size_of(part)
        try:
            transfer(url, want, part, progress)
            return
        except Restart:
            restart(part)
        except Lost:
            if not tries_left or size_of(part) == before:
                raise
            time.sleep(PAUSE)
    raise Lost(f"{url}: the server does not give the file in one piece: try again later")


def transfer(url: str, want: Wanted, part: BinaryIO, progress: Progress) -> None:
    """One request, which goes on where the part file ends."""
    have = size_of(part)
    headers = {"User-Agent": f"darkpy/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        headers |= {"If-Range": tag} if (tag := read_tag(part)) else {}
        if not tag and not want.sizes and not want.sha256:
            raise Restart  # nothing would show that the halves do not fit
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
            have, total = begin(url, want, part, have, answer)
            progress(have, total)
            while chunk := answer.read1(CHUNK):
                have += len(chunk)
                if have > (total or MAX_BYTES):
                    raise DownloadError(f"{url}: is longer than the {total or MAX_BYTES:,} bytes expected")
                part.write(chunk)
                progress(have, total)
            part.flush()
            if total is not None and have < total:
                raise Lost(broken(url, have, total))
    except urllib.error.HTTPError as e:
        if e.code == 416 and have:  # we have as much as there is, or more
            if e.headers.get("Content-Range", "").endswith(f"/{have}"):
                return
            raise Restart from None
        raise DownloadError(f"{url}: the server answers {e.code} {cfg.clip(str(e.reason))}") from None
    except urllib.error.URLError as e:
        reason = getattr(e.reason, "strerror", None) or str(e.reason)
        raise DownloadError(f"{url}: no connection: {cfg.clip(reason).lower()}") from None
    except (http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as e:
        part.flush()
        if size_of(part):
            raise Lost(broken(url, size_of(part), None)) from None
        raise DownloadError(f"{url}: the connection fails: {cfg.clip(str(e) or type(e).__name__).lower()}") from None


def begin(url: str, want: Wanted, part: BinaryIO, have: int,
          answer: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Look at an answer's head before its body is stored; (bytes already there, bytes in all where known)."""
    length = answer.headers.get("Content-Length", "")
    total = int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None
    if answer.status == 206:
        span = re.fullmatch("bytes ([0-9]{1,15})-[0-9]{1,15}/([0-9]{1,15})", answer.headers.get("Content-Range", ""))
        if not span or int(span[1]) != have:
            raise Restart
        total = int(span[2])
    elif have:
        restart(part)  # the server starts from the beginning
        have = 0
    if answer.headers.get_content_type() == "text/html":
        raise DownloadError(f"{url}: is a web page, not a file of weights")
    if total is not None and want.sizes and total not in want.sizes:
        if have:
            raise Restart
        raise DownloadError(f"{url}: has {total:,} bytes, and the right file "
                            f"{' or '.join(f'{n:,}' for n in want.sizes)}")
    if total is not None and total > MAX_BYTES:
        raise DownloadError(f"{url}: has {total:,} bytes: at most {MAX_BYTES:,} are fetched")
    folder = Path(part.name).parent
    free = shutil.disk_usage(folder).free
    if total is not None and total - have > free:
        raise DownloadError(f"{cfg.show(folder)}: {(total - have) / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are "
                            "free: make room, or give -output on another disk")
    tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
    if tag.isprintable() and not tag.startswith("W/") and tag != read_tag(part):
        tag_of(Path(part.name)).write_text(tag, encoding="utf-8")
    return have, total


def read_tag(part: BinaryIO) -> str:
    try:
        tag = tag_of(Path(part.name)).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
    return tag if tag.isprintable() and len(tag) < 1000 else ""


def restart(part: BinaryIO) -> None:
    part.truncate(0)
    tag_of(Path(part.name)).unlink(missing_ok=True)


def size_of(part: BinaryIO) -> int:
    part.flush()
    return os.fstat(part.fileno()).st_size


def broken(url: str, have: int, total: int | None) -> str:
    of = f" of {total:,}" if total else ""
    return f"{url}: the connection broke after {have:,}{of} bytes: the same command goes on from there"

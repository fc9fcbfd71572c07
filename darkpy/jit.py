"""The one door to Numba: sets it up before its first use and gives `njit` with the habits of this package.

What must happen before Numba starts its threads or compiles anything, happens here:

- compiled kernels are kept on disk below `DARKPY_CACHE` (by default the user's cache directory), in a folder named
  after this version, the kernels' sources and the CPU, so that a second process compiles nothing and no stale machine
  code is ever run;
- idle threads wait passively: spinning ones cost more than they gain as soon as another process holds a core;
- as many threads as the process may really use (`DARKPY_THREADS`, else its CPU affinity and cgroup quota).

Numba runs parallel kernels on OpenMP where it finds it, else on a pool of its own, "workqueue".  Neither allows
everything: after a fork OpenMP's threads are missing in the child, and Numba would end the process; workqueue does not
bear two threads that call kernels at once.  `running()` stands around calls of kernels and sees to both.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from darkpy._version import __version__
from darkpy.errors import UsageError


def cache_root() -> Path:
    """Folder for what can be made or fetched again: DARKPY_CACHE, else darkpy in the user's cache directory."""
    if os.environ.get("DARKPY_CACHE"):
        return Path(os.environ["DARKPY_CACHE"]).expanduser()
    if sys.platform == "darwin":
        return Path("~/Library/Caches/darkpy").expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "darkpy"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "darkpy"


@cache
def threads_allowed() -> int:
    """CPUs this process may use: DARKPY_THREADS, else the smaller of its affinity mask and its cgroup's quota.

    They are counted once: kernels take scratch memory for so many threads, and no more may ever work on it.
    """
    wish = os.environ.get("DARKPY_THREADS", "")
    if wish.isdigit() and int(wish) > 0:
        return int(wish)
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        count = min(count, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no cgroup v2, or "max": no quota
        pass
    return count


def _sources_digest() -> str:
    """Changes whenever a file with kernels does: Numba itself looks only at the file a kernel stands in."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted([*package.glob("ops/cpu/*.py"), *package.glob("vision/*.py"), Path(__file__)]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _set_up() -> Any:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("NUMBA_NUM_THREADS", str(threads_allowed()))
    if os.environ.get("NUMBA_CPU_NAME"):  # compile for that CPU, not for its name with this machine's features
        os.environ.setdefault("NUMBA_CPU_FEATURES", "")
    numba: Any = importlib.import_module("numba")
    importlib.import_module("numba.extending")
    importlib.import_module("numba.core.event")

    cpu = os.environ.get("NUMBA_CPU_NAME") or platform.machine()
    folder = cache_root() / "kernels" / f"{__version__}-{_sources_digest()}-{cpu}"
    if not os.environ.get("NUMBA_CACHE_DIR"):
        numba.config.CACHE_DIR = str(folder)
    return numba


numba = _set_up()
prange = numba.prange
Listener: Any = numba.core.event.Listener
intrinsic: Any = numba.extending.intrinsic  # untyped: its functions are called with one argument less than they take


def njit(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """numba.njit, cached on disk, without the GIL, with NumPy's rules for division by zero."""
    settings = {"cache": True, "nogil": True, "error_model": "numpy"} | options

    def wrap(f: Callable[..., Any]) -> Any:
        return numba.njit(**settings)(f)

    return wrap(function) if function is not None else wrap


def set_threads(count: int) -> None:
    """Use so many threads from now on (in the calling thread), within what was allowed at the start."""
    numba.set_num_threads(max(1, min(count, threads_allowed(), numba.config.NUMBA_NUM_THREADS)))


_one_at_a_time = threading.RLock()
_lost_threads = False


def threading_layer() -> str:
    """What parallel kernels run on: "omp", "tbb", "workqueue"; "" before the first of them has run."""
    try:
        return str(numba.threading_layer())
    except ValueError:
        return ""


@contextmanager
def running() -> Iterator[None]:
    """Around calls of parallel kernels: one thread at a time where Numba's threads bear no more, and no more of Numba's
    threads than are allowed, whatever NUMBA_NUM_THREADS or a program that set Numba up before says.

    Raises UsageError in a process forked from one whose kernels ran on OpenMP.
    """
    if _lost_threads:
        raise UsageError("this process was forked after darkpy had computed, and OpenMP's threads do not survive a "
                         "fork: start processes with the method 'spawn', or set NUMBA_THREADING_LAYER=workqueue")
    if threads_allowed() < numba.config.NUMBA_NUM_THREADS:
        set_threads(numba.get_num_threads())
    if threading_layer() in ("omp", "tbb"):
        yield
    else:
        with _one_at_a_time:
            yield


def _after_fork() -> None:
    global _one_at_a_time, _lost_threads
    _one_at_a_time = threading.RLock()  # whoever held it does not exist here
    _lost_threads = threading_layer() == "omp"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)



class Watch(Listener):
    """Tells the logger "darkpy.compile" of every kernel that must be compiled; those found on disk cause no event.

    One record (INFO) for each, when it begins: its name, and how many it makes.  Numba holds a lock meanwhile.
    """

    FIRST = "translate_bytecode"  # the compiler's first pass over a function

    def __init__(self) -> None:
        self.depth = self.count = 0
        self.log = logging.getLogger("darkpy.compile")

    def on_start(self, event: Any) -> None:
        data = event.data
        # not the helpers that are compiled inside of a pass, nor kernels of others
        if self.depth == 0 and data["name"].startswith(self.FIRST) and data["module"].startswith("darkpy."):
            self.count += 1
            self.log.info("compiling %s.%s, kernel %d", data["module"], data["qualname"], self.count)
        self.depth += 1

    def on_end(self, event: Any) -> None:
        self.depth -= 1


watch = Watch()
numba.core.event.register("numba:run_pass", watch)

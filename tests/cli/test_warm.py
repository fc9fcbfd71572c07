"""Kernels are compiled once: the first run says so, and a second one, in a process of its own, compiles nothing."""

import logging
import os
import subprocess
import sys

import pytest

from darkpy.cli import console
from tests.cli import badfiles

# Runs a command line, then tells how many passes Numba's compiler made: an independent count, none means no compiling.
DRIVER = """
import sys
from darkpy import jit
from numba.core import event
from darkpy.cli.main import main
with event.install_recorder("numba:run_pass") as recorder:
    status = main(sys.argv[1:])
print(len(recorder.buffer), jit.watch.count)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """run(argv) -> (lines of stdout without the last, passes, kernels compiled, stderr), with a cache of its own."""
    folder = tmp_path_factory.mktemp("warm")
    badfiles.folder_of_good_files(folder)
    cache = tmp_path_factory.mktemp("cache")
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | {"DARKPY_CACHE": str(cache)}

    def run(*argv: str) -> tuple[list[str], int, int, str]:
        done = subprocess.run([sys.executable, "-c", DRIVER, *argv], capture_output=True, text=True, cwd=folder,
                              env=environment)
        assert done.returncode == 0, done.stderr
        *lines, counts = done.stdout.splitlines()
        passes, kernels = map(int, counts.split())
        return lines, passes, kernels, done.stderr

    run.cache = cache
    return run


def files(folder) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def test_only_the_first_run_compiles(run):
    lines, passes, kernels, err = run("detect", "tiny.cfg", "tiny.weights", "one.png")
    assert lines[1:] == ["class 1: 100%"] and passes > 100 and kernels > 5
    assert err.startswith("compiling kernels for this CPU: this happens once\n")
    kept = files(run.cache)
    assert len(kept) > kernels

    lines, passes, kernels, err = run("detect", "tiny.cfg", "tiny.weights", "one.png")
    assert lines[1:] == ["class 1: 100%"] and (passes, kernels, err) == (0, 0, "")
    assert files(run.cache) == kept


def test_warmup_does_it_beforehand(run):
    _, _, kernels, err = run("warmup", "tiny.cfg")
    last = err.splitlines()[-1]
    assert last.startswith(f"{kernels} kernel") if kernels else last == "nothing is left to compile"
    _, passes, _, err = run("detect", "tiny.cfg", "tiny.weights", "photos/a.jpg", "--stretch")
    assert passes == 0 and err == ""


def test_progress_while_compiling(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    handler = console.Compiling()
    for seconds in (0, 3, 3, 3, 1):
        now[0] += seconds
        handler.emit(logging.makeLogRecord({"msg": "compiling x"}))
    assert capsys.readouterr().err == ("compiling kernels for this CPU: this happens once\n"
                                       "compiling: 3 kernels after 6 s\n")

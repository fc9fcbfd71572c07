"""The program around the commands: finding them, help, exit statuses, and speed of the start."""

import contextlib
import io
import os
import subprocess
import sys

import pytest

from darkpy import errors
from darkpy._version import __version__
from darkpy.cli import main as program
from darkpy.cli.args import Command, options

PYTHON = [sys.executable, "-W", "error", "-m", "darkpy"]


def test_version_and_overview(darkpy):
    for word in ("--version", "-version"):
        assert darkpy(word) == (0, f"darkpy {__version__}\n", "")
    done = darkpy("--help")
    assert done.status == 0 and not done.err
    for words in program.commands():
        assert " ".join(words) in done.out
    assert darkpy("help").out == done.out
    assert darkpy() == (2, "", done.out)


@pytest.mark.parametrize("name", [" ".join(words) for words in program.commands()])
def test_every_command_has_a_page(darkpy, name):
    command = program.commands()[tuple(name.split())]
    done = darkpy("help", *name.split())
    assert done.status == 0 and not done.err
    for thing in (*command.args, *command.opts):
        assert thing.name in done.out
    if "h" not in {o.key for o in command.opts}:
        assert darkpy(*name.split(), "-h") == done
    assert not command.help.endswith(".") and "\n" not in command.help
    assert max(map(len, done.out.splitlines())) <= 120
    for opt in options(command).values():
        assert opt.help


def test_pages_of_modes(darkpy):
    for argv in (("help", "detector"), ("detector", "--help")):
        done = darkpy(*argv)
        assert done.status == 0 and "detector test" in done.out


@pytest.mark.parametrize("argv, message", [
    (["detct"], "darkpy: unknown command 'detct': did you mean detect?"),
    (["xyzzyplugh"], "darkpy: unknown command 'xyzzyplugh': darkpy help lists them"),
    (["detector", "tets"], "darkpy detector: unknown command 'tets': did you mean test?"),
    (["help", "detect", "more"], "darkpy help: 'detect more' is no command: detect takes 'more' as argument"),
    (["completion", "fsh"], "darkpy completion: unknown shell 'fsh': valid are bash, zsh, fish"),
    (["completion", "bash", "-nogup"], "darkpy completion: unknown option -nogup: did you mean -nogpu?"),
])
def test_mistakes_are_one_line_and_status_2(darkpy, argv, message):
    assert darkpy(*argv) == (2, "", message + "\n")


def test_a_word_without_its_mode(darkpy):
    done = darkpy("detector")
    assert done.status == 2 and done.err.startswith("darkpy detector: say what to do: ") and "test" in done.err


@pytest.mark.parametrize("error, status, message", [
    (errors.CfgError(["a.cfg:1: one", "a.cfg:2: two"]), 3, "a.cfg:1: one\na.cfg:2: two\n"),
    (errors.WeightsError("w: short"), 3, "w: short\n"),
    (errors.DataError("d: bad"), 4, "d: bad\n"),
    (errors.TrainingDiverged("loss is nan"), 5, "loss is nan\n"),
    (errors.UsageError("no such thing"), 2, "darkpy boom: no such thing\n"),
    (KeyboardInterrupt(), 130, "interrupted\n"),
    (MemoryError("Unable to allocate 9 GiB"), 1, "not enough memory: Unable to allocate 9 GiB\n"),
    (OSError(28, "No space left on device", "x.png"), 1, "x.png: No space left on device\n"),
])
def test_exit_statuses(darkpy, monkeypatch, error, status, message):
    def boom(args) -> int:
        raise error

    monkeypatch.setitem(program.commands(), ("boom",), Command(("boom",), "raises", boom))
    assert darkpy("boom") == (status, "", message)


def test_a_bug_keeps_its_traceback(darkpy, monkeypatch):
    monkeypatch.setitem(program.commands(), ("boom",), Command(("boom",), "fails", lambda args: 1 // 0))
    with pytest.raises(ZeroDivisionError):
        darkpy("boom")


def test_nobody_reads(tmp_path):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as out:
        done = subprocess.run([*PYTHON, "completion", "bash"], stdout=out, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 141 and done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_behind_stdout():
    with open("/dev/full", "w") as out:
        done = subprocess.run([*PYTHON, "completion", "bash"], stdout=out, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr.lower() == "no space left on device\n"


def test_the_start_is_light():
    """Neither the overview nor a page may load what computes: it would take a second."""
    code = ("import sys; from darkpy.cli.main import main; main(['help']); main(['help', 'detect']);"
            "heavy = {'numpy', 'numba', 'cv2', 'PIL', 'matplotlib', 'rich'} & set(sys.modules);"
            "sys.exit(' '.join(sorted(heavy)) or 0)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == ""


def test_tables_on_a_terminal(monkeypatch):
    from darkpy.cli import help as pages

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    pages.overview(screen)
    assert "detect" in screen.getvalue() and "find objects in images" in screen.getvalue()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(darkpy, shell):
    done = darkpy("completion", shell)
    assert done.status == 0 and not done.err
    for word in ("detect", "detector", "test", "thresh", "completion"):
        assert word in done.out
    check = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "-n"]}[shell]
    with contextlib.suppress(FileNotFoundError):  # where the shell is not here, the words above were checked
        subprocess.run(check, input=done.out, text=True, check=True, capture_output=True)


def complete(script: str, *words: str) -> list[str]:
    """What bash offers for the last of `words`."""
    line = " ".join(f"'{w}'" for w in words)
    text = f"{script}\ncompopt() {{ :; }}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _darkpy; " \
           'printf "%s\\n" "${COMPREPLY[@]}"'
    return subprocess.run(["bash"], input=text, capture_output=True, text=True, check=True).stdout.split()


def test_completion_in_bash(darkpy):
    script = darkpy("completion", "bash").out
    assert "detect" in complete(script, "darkpy", "det") and "detector" in complete(script, "darkpy", "det")
    assert complete(script, "darkpy", "detector", "tes") == ["test"]
    assert complete(script, "darkpy", "detect", "x.cfg", "-thr") == ["-thresh"]
    assert complete(script, "darkpy", "detector", "test", "-thr") == ["-thresh"]

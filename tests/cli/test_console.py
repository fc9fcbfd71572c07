"""What is said on stderr: progress on a terminal only, and the library's notices."""

import io
import logging
import sys

from darkpy.cli import console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_bar_where_nobody_watches(capsys):
    assert list(console.progress(range(5), 5, "working")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    for i in console.progress(range(3), 3, "working", prints=True):
        print(i)  # results stay on stdout, whatever the bar does
    assert capsys.readouterr().out == "0\n1\n2\n"
    assert "working" in screen.getvalue()


def test_no_bar_between_results_on_the_same_terminal(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert list(console.progress(range(3), 3, "working", prints=True)) == [0, 1, 2]
    assert list(console.progress(range(1), 1, "working")) == [0]
    assert screen.getvalue() == ""


def test_the_library_is_heard(capsys):
    console.setup()
    console.setup()
    logging.getLogger("darkpy").info("compiling")
    logging.getLogger("darkpy").warning("odd")
    assert capsys.readouterr().err == "compiling\nwarning: odd\n"

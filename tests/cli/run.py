"""Runs a command line as a user would: what it prints on stdout and stderr, and its exit status."""

from typing import NamedTuple

import pytest

from darkpy.cli.main import main


class Ran(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def darkpy(capsys):
    def run(*argv: object) -> Ran:
        status = main([str(a) for a in argv])
        return Ran(status, *capsys.readouterr())

    return run

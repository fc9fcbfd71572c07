"""`darkpy ...`: finds the command, runs it, and turns every error into lines on stderr and an exit status.

0 done, 2 usage, 3 bad model (cfg or weights), 4 bad data (image, list, label), 5 training diverged, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from functools import cache

import darkpy.cli
from darkpy import cfg
from darkpy.cli import console
from darkpy.cli.args import Command, parse
from darkpy.errors import DarkpyError, UsageError

BROKEN_PIPE = 141  # what a shell reports for a program that ended because nobody reads its output any more
INTERRUPTED = 130


@cache
def commands() -> dict[tuple[str, ...], Command]:
    """All commands by their words, from every module of this package."""
    found: dict[tuple[str, ...], Command] = {}
    for info in pkgutil.iter_modules(darkpy.cli.__path__):
        module = importlib.import_module(f"darkpy.cli.{info.name}")
        for command in getattr(module, "COMMANDS", ()):
            assert command.words not in found, f"two commands are called {command.name}"
            found[command.words] = command
    return found


class UnknownCommand(UsageError):
    """No command is called so; the message says the whole of it, whichever command asked."""


def find(argv: Sequence[str]) -> tuple[Command, list[str]]:
    """The command whose words begin `argv`, and what is left.  Raises UnknownCommand for none."""
    table = commands()
    for n in range(max(map(len, table)), 0, -1):
        if tuple(argv[:n]) in table:
            return table[tuple(argv[:n])], list(argv[n:])
    modes = [words[1] for words in table if words[0] == argv[0] and len(words) > 1]
    if modes and len(argv) > 1 and not argv[1].startswith("-"):
        raise UnknownCommand(f"darkpy {argv[0]}: unknown command {cfg.clip(argv[1])!r}{cfg.nearest(argv[1], modes)}")
    if modes:
        raise UnknownCommand(f"darkpy {argv[0]}: say what to do: {', '.join(modes)}")
    near = cfg.nearest(argv[0], {words[0] for words in table})
    raise UnknownCommand(f"darkpy: unknown command {cfg.clip(argv[0])!r}"
                         f"{near if 'did you mean' in near else ': darkpy help lists them'}")


def run(argv: Sequence[str]) -> int:
    """Exit status of one command line; DarkpyErrors come out as exceptions."""
    from darkpy.cli import help as pages

    if not argv:
        pages.overview(sys.stderr)
        return UsageError.exit_status
    if argv[0] in ("-h", "-help", "--help"):
        pages.overview(sys.stdout)
        return 0
    if argv[0] in ("-version", "--version"):
        from darkpy._version import __version__

        print(f"darkpy {__version__}")
        return 0
    if len(argv) == 2 and argv[1] in ("-h", "-help", "--help") and pages.modes(argv[0], sys.stdout):
        return 0
    command, rest = find(argv)
    try:
        args = parse(command, rest)
        if args.help is True:
            pages.page(command, sys.stdout)
            return 0
        return command.run(args)
    except UnknownCommand:
        raise
    except UsageError as e:
        raise UsageError(f"darkpy {command.name}: {e}") from None


def main(argv: Sequence[str] | None = None) -> int:
    """The program: exit status of `argv` (by default the process's arguments)."""
    console.setup()
    try:
        status = run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
        return status
    except DarkpyError as e:
        console.error(str(e))
        return e.exit_status
    except KeyboardInterrupt:
        console.error("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # nobody reads any more; what is still buffered must not fail a second time when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except MemoryError as e:
        console.error(f"not enough memory: {e}" if str(e) else "not enough memory")
        return DarkpyError.exit_status
    except OSError as e:  # the machine's fault: disk full, quota, input/output error
        console.error(": ".join(str(part) for part in (e.filename, e.strerror or e) if part))
        return DarkpyError.exit_status

"""`darkpy help`: an overview of the commands, and a page for each, made from the table of commands."""

from __future__ import annotations

import shutil
import textwrap
from typing import TextIO

from darkpy.cli import console
from darkpy.cli.args import GLOBAL, HELP, Arg, Args, Command, Opt, usage
from darkpy.errors import UsageError

GROUPS = ("Use a network", "Train and measure", "Networks and weights", "Play", "As in Darknet", "Other")


def overview(out: TextIO) -> None:
    """All commands by group."""
    from darkpy.cli.main import commands

    print("darkpy COMMAND ...: Darknet's networks, from their .cfg and .weights files\n", file=out)
    groups: dict[str, list[tuple[str, str]]] = {name: [] for name in GROUPS}
    for command in commands().values():
        groups.setdefault(command.group, []).append((command.name, command.help))
    rows = [row for group in groups.values() for row in group]
    width = max(len(name) for name, _ in rows)
    for title, group in groups.items():
        if group:
            table(title, group, out, width)
    print("darkpy help COMMAND tells more.  -thresh and --thresh are the same.", file=out)


def page(command: Command, out: TextIO) -> None:
    """One command: its usage, arguments, options."""
    print(f"{usage(command)}\n\n{fill(command.help[:1].upper() + command.help[1:] + '.')}\n", file=out)
    rows: list[tuple[str, str]] = [(a.name, a.help) for a in command.args]
    opts = [(o.usage, describe(o)) for o in (*command.opts, HELP) if not o.accepted]
    width = min(max(len(name) for name, _ in rows + opts), 28)
    if rows:
        table("Arguments", rows, out, width)
    table("Options", opts, out, width)
    if command.more:
        print("\n\n".join(fill(part) for part in command.more.split("\n\n")) + "\n", file=out)
    if silent := sorted({o.name for o in command.opts if o.accepted}):
        print(fill(f"Accepted for Darknet's sake, without effect: {', '.join(silent)}.") + "\n", file=out)
    print(fill(f"Every command takes {everywhere()}."), file=out)


def everywhere() -> str:
    """The options of all commands."""
    return ", and ".join(f"{o.usage} ({o.help})" for o in GLOBAL)


def modes(word: str, out: TextIO) -> bool:
    """The commands that begin with a word, as in `darkpy detector --help`; False where it is a command itself."""
    from darkpy.cli.main import commands

    rows = [(c.name, c.help) for c in commands().values() if c.words[0] == word and len(c.words) > 1]
    if not rows or (word,) in commands():
        return False
    table(f"darkpy {word}", rows, out, max(len(name) for name, _ in rows))
    return True


def markdown(out: TextIO) -> None:
    """All pages as one Markdown text: docs/commands.md."""
    from darkpy.cli.main import commands

    print("# Commands\n\nMade by `make docs` from the commands themselves: what `darkpy help COMMAND` says of each.\n\n"
          "`-thresh .25`, `--thresh .25` and `--thresh=.25` are the same; options may stand anywhere.  Results go to "
          "stdout, notes\nand errors to stderr.  Exit status: 0 done, 1 the machine failed (disk, network, memory), 2 "
          "usage, 3 bad model (cfg or\nweights), 4 bad data (image, list, label), 5 training diverged, 130 "
          "interrupted.", file=out)
    for title in GROUPS:
        group = [c for c in commands().values() if c.group == title]
        if group:
            print(f"\n## {title}", file=out)
        for command in group:
            rows = [(a.name, a.help) for a in command.args]
            rows += [(o.usage, describe(o)) for o in (*command.opts, HELP) if not o.accepted]
            print(f"\n### {command.name}\n\n{command.help[:1].upper() + command.help[1:]}.\n\n"
                  f"    {usage(command)}\n\n| | |\n| --- | --- |", file=out)
            for row in rows:
                left, right = (text.replace("|", r"\|") for text in row)
                print(f"| `{left}` | {right} |", file=out)
            if command.more:
                print(f"\n{command.more}", file=out)
            silent = ", ".join(f"`{o.name}`" for o in command.opts if o.accepted)
            if silent:
                print(f"\nAccepted for Darknet's sake, without effect: {silent}.", file=out)
    print(f"\nEvery command takes {everywhere()}.", file=out)


def describe(option: Opt) -> str:
    """An option's help with its valid words and its default."""
    text = option.help
    if option.words:
        text += f": {', '.join(option.words)}"
    if option.kind is not None and option.default not in (None, "", ()):
        shown = f"{option.default:g}" if isinstance(option.default, float) else str(option.default)
        text += f" [{shown}]"
    return text


def table(title: str, rows: list[tuple[str, str]], out: TextIO, width: int) -> None:
    """Two columns under a title: by rich on a terminal, in plain text elsewhere."""
    if console.terminal(out):
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(min_width=width + 2, no_wrap=True)
        grid.add_column()
        for left, right in rows:
            grid.add_row(Text("  " + left, style="cyan"), Text(right))
        screen = Console(file=out, highlight=False)
        screen.print(Text(title, style="bold"))
        screen.print(grid)
        screen.print()
        return
    print(title, file=out)
    for left, right in rows:
        indent = " " * (width + 4)
        lines = textwrap.wrap(right, columns() - len(indent)) or [""]
        if len(left) > width:
            print(f"  {left}", file=out)
        else:
            print(f"  {left:<{width}}  {lines.pop(0)}", file=out)
        for line in lines:
            print(indent + line, file=out)
    print(file=out)


def columns() -> int:
    return min(max(shutil.get_terminal_size((100, 24)).columns, 50), 120)


def fill(text: str) -> str:
    return textwrap.fill(text, columns())


def run(args: Args) -> int:
    import sys

    from darkpy.cli.main import find

    if args.markdown:
        markdown(sys.stdout)
    elif not args.command:
        overview(sys.stdout)
    elif not (len(args.command) == 1 and modes(args.command[0], sys.stdout)):
        command, rest = find(args.command)
        if rest:
            raise UsageError(f"{' '.join(args.command)!r} is no command: {command.name} takes {rest[0]!r} as argument")
        page(command, sys.stdout)
    return 0


COMMANDS = [Command(("help",), "what a command does and takes", run,
                    [Arg("command", "a command, as in: darkpy help detector test", required=False, many=True)],
                    [Opt("--markdown", "all commands in one Markdown text, as in docs/commands.md")], group="Other")]

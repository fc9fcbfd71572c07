"""What a command takes, and the parser: Darknet's spelling (`-thresh .25`) and the usual one (`--thresh=.25`) alike.

A command is one `Command` in the `COMMANDS` of any module of this package; `main` finds it there.

    COMMANDS = [Command(("ops",), "count a network's operations", run, [Arg("cfg", "network description")],
                        [Opt("-size", "side of the input in pixels", int, low=1)])]

    def run(args: Args) -> int:      # the exit status
        from darkpy.tasks.ops import count   # heavy imports stand inside: `darkpy --help` loads every module
        ...

Options may stand anywhere between the positional arguments; `_` and `-` inside a name are the same; `--` ends options.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from darkpy import cfg
from darkpy.errors import UsageError

Args = SimpleNamespace  # one attribute for each Arg and Opt: "-ext_output" is args.ext_output
NUMBER = re.compile(r"-(\d|\.\d)")


@dataclass(frozen=True)
class Arg:
    """A positional argument.  `many` takes all that are left (a list, perhaps empty if not `required`)."""

    name: str
    help: str
    required: bool = True
    many: bool = False
    kind: Any = str

    @property
    def usage(self) -> str:
        text = self.name + ("..." if self.many else "")
        return text if self.required else f"[{text}]"


@dataclass(frozen=True)
class Opt:
    """An option; `name` is written with the dashes help shows, both forms are understood.

    `kind`: None for a flag; int, float, str, list[int], list[float] with bounds and valid words as in `cfg.opt`; or a
    function of the text that raises ValueError.  `bare`: the value of an option given without one; then a value must
    be joined by `=`.  `also`: further names.  `accepted`: taken for Darknet's sake, without effect.
    """

    name: str
    help: str
    kind: Any = None
    default: Any = None
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    metavar: str = ""
    bare: Any = None
    also: tuple[str, ...] = ()
    accepted: bool = False

    @property
    def key(self) -> str:
        return normal(self.name)

    @property
    def usage(self) -> str:
        if self.kind is None:
            return self.name
        value = self.metavar or {int: "N", float: "X", str: "TEXT"}.get(self.kind, "VALUE")
        return f"{self.name}[={value}]" if self.bare is not None else f"{self.name} {value}"


@dataclass(frozen=True)
class Command:
    """`words` as typed, one line of help, what it takes, and the function that does it and returns the exit status.

    `group` is its heading in `darkpy help`; `more` follows the options in its own help.
    """

    words: tuple[str, ...]
    help: str
    run: Callable[[Args], int]
    args: Sequence[Arg] = ()
    opts: Sequence[Opt] = ()
    group: str = "Use a network"
    more: str = ""

    @property
    def name(self) -> str:
        return " ".join(self.words)


# Darknet's global options; every command takes them
GLOBAL = (
    Opt("-nogpu", "compute on the CPU, as without -device and DARKPY_DEVICE"),
    Opt("-i", "the GPU with this number where -device or DARKPY_DEVICE chooses one, counted from 0", int, 0),
)
HELP = Opt("--help", "this text", also=("-h",))


def normal(name: str) -> str:
    """An option's name without dashes in front, with `_` inside: the attribute of `Args`."""
    return name.lstrip("-").replace("-", "_")


def options(command: Command) -> dict[str, Opt]:
    """All options a command understands, by key; its own come before the global ones."""
    return {normal(name): o for o in (*GLOBAL, HELP, *command.opts) for name in (o.name, *o.also)}


def parse(command: Command, argv: Sequence[str]) -> Args:
    """Values of all arguments and options.  `args.help` is True where help is asked for, whatever else is missing.

    Raises UsageError: unknown option, missing or surplus argument, a value that is none.
    """
    known = options(command)
    values: dict[str, Any] = {o.key: False if o.kind is None else o.default for o in known.values()}
    positional: list[str] = []
    rest = list(argv)
    problem: UsageError | None = None
    while rest:
        token = rest.pop(0)
        if token == "--":
            positional += rest
            break
        if len(token) < 2 or token[0] != "-" or (NUMBER.match(token) and normal(token) not in known):
            positional.append(token)
            continue
        if token == "-h" and not rest:  # also where -h is the height, which has a value
            values["help"] = True
            continue
        try:
            option, value = read_option(token, rest, known)
            values[option.key] = value
        except UsageError as e:
            problem = problem or e
    if values["help"]:
        return Args(**values)
    if problem:
        raise problem
    try:
        values.update(bind(command.args, positional))
    except UsageError as e:
        raise UsageError(f"{e}: {usage(command)}") from None
    return Args(**values)


def read_option(token: str, rest: list[str], known: dict[str, Opt]) -> tuple[Opt, Any]:
    """The option a token names and its value, which may be taken from `rest`."""
    name, equals, text = token.partition("=")
    option = known.get(normal(name))
    if option is None:
        names = {o.name.lstrip("-"): o.name for o in known.values()}
        near = cfg.nearest(name.lstrip("-"), names)
        word = re.match(r": did you mean (.*)\?", near)
        raise UsageError(f"unknown option {name}" + (f": did you mean {names[word[1]]}?" if word else ""))
    if option.kind is None:
        if equals:
            raise UsageError(f"{name} takes no value, but {cfg.clip(text)!r} is given")
        return option, True
    if not equals:
        if option.bare is not None:
            return option, option.bare
        if not rest or (is_option(rest[0], known) and not NUMBER.match(rest[0])):
            raise UsageError(f"{name} needs a value: {option.usage}")
        text = rest.pop(0)
    return option, convert(name, text, option.kind, {"low": option.low, "high": option.high, "words": option.words})


def is_option(token: str, known: dict[str, Opt]) -> bool:
    return len(token) > 1 and token[0] == "-" and normal(token.partition("=")[0]) in known


def convert(name: str, text: str, kind: Any, meta: dict[str, Any]) -> Any:
    """The text as `kind`; UsageError names the option or argument."""
    try:
        if kind in (int, float, str, list[int], list[float]):
            return cfg.convert(text, kind, meta)
        return kind(text)
    except ValueError as e:
        raise UsageError(f"{name} {cfg.clip(text)}: {e}") from None


def bind(args: Iterable[Arg], given: list[str]) -> dict[str, Any]:
    """Positional values by name."""
    values: dict[str, Any] = {}
    for arg in args:
        if arg.many:
            taken, given = given, []
            values[arg.name] = [convert(arg.name, text, arg.kind, {}) for text in taken]
        else:
            values[arg.name] = convert(arg.name, given[0], arg.kind, {}) if given else None
            given = given[1:]
        if arg.required and not values[arg.name] and values[arg.name] != 0:
            raise UsageError(f"{arg.name} is missing ({arg.help})")
    if given:
        raise UsageError(f"{cfg.clip(given[0])!r} is one argument too many")
    return values


def usage(command: Command) -> str:
    """The line `darkpy detect cfg weights [image...] [options]`."""
    return " ".join(["darkpy", *command.words, *(a.usage for a in command.args), "[options]"])

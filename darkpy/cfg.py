"""Text of a .cfg or .data file <-> sections of options, with the line of each; binds options to a layer's Config.

A .cfg is a list of sections, each a kind in brackets and `key=value` lines:

    [convolutional]
    filters=32          # the first section is [net]; every other one is a layer

A .data file is the same without sections.  Reading is more forgiving than the original where that harms nobody: a
byte-order mark, CRLF, blanks around and inside values, comments behind a value, and in comments any bytes.  It is
stricter where the original guesses: a value that is not the number it should be, an unknown key or word, all are
problems, and all problems of a file are reported together.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from darkpy.errors import CfgError, DataError

MAX_BYTES = 4 << 20  # the largest stock file has 60 kB; past this it is not a cfg
MAX_LINES = 1 << 17  # that are neither blank nor comment
MAX_LIST = 1 << 14  # numbers in one value
MAX_PROBLEMS = 100  # that are told of one file
INT_LIMIT = 1 << 53  # whole numbers up to here pass through a float unharmed
MAX_DIGITS = 100
FLOAT_LIMIT = 1e38  # float32 ends a little above
FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
BLANKS = " \t\v\f\ufeff"
NOT_UTF8 = re.compile("[\udc80-\udcff]")  # what "surrogateescape" makes of a byte that is not UTF-8


@dataclass(frozen=True)
class Option:
    """One `key=value` line; `value` has no blanks at its ends."""

    key: str
    value: str
    line: int


@dataclass
class Section:
    """One [kind] with its options; of a key given twice the first counts, as in the original.

    `broken`: a line could not be read, so an option may be missing.
    """

    kind: str
    line: int
    path: str
    options: dict[str, Option] = field(default_factory=dict)
    repeated: list[Option] = field(default_factory=list)
    broken: bool = False

    def place(self, key: str | None = None) -> str:
        """`path:line` of a key, or of the section's own line."""
        line = self.options[key].line if key in self.options else self.line
        return f"{show(self.path)}:{line}"

    def get(self, key: str, default: str | None = None) -> str | None:
        return self.options[key].value if key in self.options else default


def show(path: str | Path) -> str:
    """The path as it appears in a message: one line, whatever characters it holds."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def read_text(path: str | Path, error: type = CfgError) -> str:
    """The text of a small file; `error` (a DarkpyError) with one line where it cannot be had.

    Bytes that are not UTF-8 become surrogates: in a comment they do no harm, and elsewhere `scan` points at them.
    """
    name = show(path)
    try:
        with open(path, "rb") as f:
            raw = f.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise error(f"{name}: is a directory: give the name of a file in it") from None
    except PermissionError:
        raise error(f"{name}: no permission to read it: ask its owner, or chmod it") from None
    except OSError as e:
        raise error(f"{name}: {(e.strerror or str(e)).lower()}: check the path") from None
    except ValueError:  # a NUL character in the path
        raise error(f"{name}: no such file or directory: check the path") from None
    if len(raw) > MAX_BYTES:
        raise error(f"{name}: larger than {MAX_BYTES >> 20} MB: this is not a text file of options")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise error(f"{name}: is UTF-16 text: save the file as UTF-8")
    if b"\0" in raw:
        raise error(f"{name}: holds NUL bytes: binary, where text is expected (the cfg comes before the weights)")
    return raw.decode("utf-8", "surrogateescape")


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """(line number, text) of what is neither blank nor comment; comments behind a value need a blank before them."""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        line = line.strip(BLANKS)
        if line and line[0] not in "#;":
            yield number, re.split(r"[ \t][#;]", line, maxsplit=1)[0].rstrip(BLANKS)


def parse(text: str, path: str = "cfg") -> list[Section]:
    """Sections of a .cfg text in order, [net] first.  Raises CfgError naming every malformed line."""
    sections, problems = scan(text, path)
    if problems:
        raise CfgError(problems)
    return sections


def scan(text: str, path: str = "cfg") -> tuple[list[Section], list[str]]:
    """Sections of a .cfg text in order, and a line for each thing wrong with its form."""
    sections: list[Section] = []
    problems: list[str] = []
    for count, (number, line) in enumerate(lines_of(text)):
        place = f"{show(path)}:{number}"
        if count >= MAX_LINES or len(problems) >= MAX_PROBLEMS:
            what = f"{MAX_LINES:,} lines" if count >= MAX_LINES else f"{MAX_PROBLEMS} malformed lines"
            problems.append(f"{place}: more than {what}: this is not a cfg")
            break
        bad = NOT_UTF8.search(line)
        if bad:
            problems.append(f"{place}: byte 0x{ord(bad[0]) & 255:02x} is not UTF-8: save the file as UTF-8")
            if sections:
                sections[-1].broken = True
        elif line.startswith("["):
            if not line.endswith("]") or not line[1:-1].strip():
                problems.append(f"{place}: {clip(line)!r} is no section: write it as [convolutional]")
            else:
                sections.append(Section(line[1:-1].strip().lower(), number, path))
        elif not sections:
            problems.append(f"{place}: {clip(line)!r} stands before the first section: a cfg begins with [net]")
        else:
            problems += _add_option(sections[-1], number, line)
    if not sections and not problems:
        problems.append(f"{show(path)}:1: no section: a cfg begins with [net] (is this the right file?)")
    if sections and sections[0].kind not in ("net", "network"):
        problems.append(f"{sections[0].place()}: the first section is [{clip(sections[0].kind)}]: it must be [net]")
    return sections, problems


def parse_options(text: str, path: str = "data") -> Section:
    """A .data text as one Section of kind "data".  Lines without a value are passed over, as in the original.

    Raises DataError for a text that is none: not UTF-8, endless, or in sections like a cfg.
    """
    section = Section("data", 1, path)
    for count, (number, line) in enumerate(lines_of(text)):
        if count >= MAX_LINES:
            raise DataError(f"{show(path)}:{number}: more than {MAX_LINES:,} lines: this is not a .data file")
        bad = NOT_UTF8.search(line)
        if line.startswith("[") and line.endswith("]"):
            raise DataError(f"{show(path)}:{number}: {clip(line)} begins a section: this is a cfg, not a .data file")
        if bad:
            raise DataError(f"{show(path)}:{number}: byte 0x{ord(bad[0]) & 255:02x} is not UTF-8: "
                            "save the file as UTF-8")
        _add_option(section, number, line)
    return section


def read(path: str | Path) -> list[Section]:
    """Sections of a .cfg file."""
    return parse(read_text(path), str(path))


def read_options(path: str | Path) -> Section:
    """Options of a .data file (DataError where it cannot be read)."""
    return parse_options(read_text(path, DataError), str(path))


def dump(sections: Iterable[Section]) -> str:
    """Text that `parse` reads back to the same sections."""
    return "\n".join(
        f"[{s.kind}]\n" + "".join(f"{o.key}={o.value}\n" for o in s.options.values()) for s in sections
    )


def _add_option(section: Section, number: int, line: str) -> list[str]:
    key, equals, value = line.partition("=")
    option = Option(key.strip(), value.strip(), number)
    if not equals or not option.key or not option.value:
        section.broken = True
        return [f"{show(section.path)}:{number}: {clip(line)!r} is no option: write it as key=value"]
    if option.key in section.options:
        section.repeated.append(option)
    else:
        section.options[option.key] = option
    return []


def clip(text: str, length: int = 60) -> str:
    """`text` short enough for one line of an error, and printable."""
    text = text if len(text) <= length else text[: length - 3] + "..."
    return text if text.isprintable() else ascii(text)[1:-1]


def nearest(word: str, words: Iterable[str]) -> str:
    """`: did you mean X?` for the valid word most like `word`, or the list of valid ones where none is near."""
    valid = sorted(words)
    folded = {w.lower(): w for w in valid}
    close = difflib.get_close_matches(word[:100].lower(), folded, 1, 0.6)
    if close:
        return f": did you mean {folded[close[0]]}?"
    return f": valid are {', '.join(valid)}" if len(valid) <= 12 else ""


# -- options -> Config --------------------------------------------------------------------------------------------


def opt(default: typing.Any = dataclasses.MISSING, *, key: str = "", low: float | None = None,
        high: float | None = None, words: Iterable[str] = (), required: bool = False) -> typing.Any:
    """A field of a Config: its default, its name in the file where that differs, its bounds or its valid words."""
    meta = {"key": key, "low": low, "high": high, "words": tuple(words), "required": required}
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=meta)
    return field(default=default, metadata=meta)


T = typing.TypeVar("T")


def bind(section: Section, config: type[T], ignored: typing.Container[str] = ()) -> tuple[T, list[str], list[str]]:
    """A Config filled from a section's options, with (problems, warnings), each line naming its place.

    `ignored`: keys of other programs that only concern their training; they give a warning.  A value that cannot be
    used gives a problem, and the Config keeps the default there, so that all problems are found in one pass.
    """
    hints = typing.get_type_hints(config)
    fields = {f.metadata.get("key") or f.name: f for f in dataclasses.fields(config)}  # type: ignore[arg-type]
    values: dict[str, typing.Any] = {}
    problems: list[str] = []
    warnings: list[str] = []
    foreign: list[str] = []
    for option in section.repeated[:MAX_PROBLEMS]:
        warnings.append(f"{show(section.path)}:{option.line}: [{section.kind}] {clip(option.key)} is given twice: "
                        f"line {section.options[option.key].line} counts")
    for key, option in section.options.items():
        if len(problems) >= MAX_PROBLEMS:
            break
        place = f"{section.place(key)}: [{section.kind}] {clip(key)}={clip(option.value)}"
        if key in fields:
            f = fields[key]
            try:
                values[f.name] = convert(option.value, hints[f.name], f.metadata)
            except ValueError as e:
                problems.append(f"{place}: {e}")
        elif key in ignored:
            foreign.append(key)
        else:
            problems.append(f"{place}: unknown key{nearest(key, fields)}")
    if foreign:
        warnings.append(f"{section.place(foreign[0])}: [{section.kind}] {', '.join(foreign)}: only for training with "
                        "another program: ignored")
    for key, f in fields.items():
        if f.metadata.get("required") and key not in section.options:
            problems.append(f"{section.place()}: [{section.kind}] needs {key}=")
    return config(**values), problems, warnings


def convert(text: str, kind: typing.Any, meta: typing.Mapping[str, typing.Any] = {}) -> typing.Any:  # noqa: B006
    """Text of an option as int, float, bool, str, or a list of int or float; ValueError says what is wrong."""
    if type(None) in typing.get_args(kind):  # int | None
        kind = typing.get_args(kind)[0]
    if kind in (list[int], list[float]):
        parts = text.rstrip(", \t").split(",")
        if len(parts) > MAX_LIST:
            raise ValueError(f"is a list of {len(parts):,}: at most {MAX_LIST:,} numbers are allowed")
        return [_convert_part(part.strip(), typing.get_args(kind)[0], meta) for part in parts]
    if kind is str:
        if meta.get("words") and text not in meta["words"]:
            raise ValueError(f"unknown word{nearest(text, meta['words'])}")
        return text
    value = _number("".join(text.split()), kind is float)  # the original reads "1 000" as 1000
    low, high = meta.get("low"), meta.get("high")
    if low is not None and value < low:
        raise ValueError(f"must be at least {_plain(low)}")
    if high is not None and value > high:
        raise ValueError(f"must be at most {_plain(high)}")
    return bool(value) if kind is bool else value


def _convert_part(part: str, kind: type, meta: typing.Mapping[str, typing.Any]) -> int | float:
    """One number of a list."""
    try:
        return convert(part, kind, meta)
    except ValueError as e:
        raise ValueError(f"its entry {clip(part)!r} {e}" if part else "has an empty entry between commas") from None


def _number(text: str, is_float: bool) -> int | float:
    """Text in decimal notation as a finite number.  `1e3` counts as a whole number (the original reads 1)."""
    what = "a number" if is_float else "a whole number"
    if not FLOAT.fullmatch(text):
        raise ValueError(f"is not {what}")
    limit = FLOAT_LIMIT if is_float else INT_LIMIT
    value = float(text) if len(text) <= MAX_DIGITS else math.inf
    if abs(value) > limit:
        raise ValueError(f"is too large: at most {_plain(limit)}")
    if is_float:
        return value
    if not value.is_integer():
        raise ValueError("is not a whole number")
    return int(value)


def _plain(bound: float) -> str:
    """A bound as people write it."""
    return f"{bound:,.0f}" if float(bound).is_integer() and abs(bound) < 1e16 else f"{bound:g}"

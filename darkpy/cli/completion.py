"""`darkpy completion bash|zsh|fish`: a completion script for a shell, made from the table of commands."""

from __future__ import annotations

from darkpy.cli.args import Arg, Args, Command, options
from darkpy.errors import UsageError


def table() -> list[tuple[tuple[str, ...], str, list[str]]]:
    """(words, help, options as help shows them) of every command."""
    from darkpy.cli.main import commands

    return [(c.words, c.help, sorted({o.name for o in options(c).values()})) for c in commands().values()]


def bash() -> str:
    """Completes command words, then options after a dash, and files otherwise."""
    rows = table()
    firsts = " ".join(sorted({words[0] for words, _, _ in rows} | {"--help", "--version"}))
    seconds: dict[str, list[str]] = {}
    for words, _, _ in rows:
        if len(words) > 1:
            seconds.setdefault(words[0], []).append(words[1])
    modes = "\n".join(f"    {first}) modes='{' '.join(sorted(names))}' ;;" for first, names in sorted(seconds.items()))
    cases = "\n".join(f"    '{' '.join(words)}') options='{' '.join(names)}' ;;"
                      for words, _, names in sorted(rows, key=lambda row: -len(row[0])))
    return f"""# darkpy completion for bash: eval "$(darkpy completion bash)"
_darkpy() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" modes='' options=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=( $(compgen -W '{firsts}' -- "$word") )
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{modes}
  esac
  if [ "$COMP_CWORD" -eq 2 ] && [ -n "$modes" ] && [ "${{word#-}}" = "$word" ]; then
    COMPREPLY=( $(compgen -W "$modes" -- "$word") )
    return
  fi
  local command="${{COMP_WORDS[1]}}"
  if [ -n "$modes" ] && [ "$COMP_CWORD" -gt 2 ]; then command="$command ${{COMP_WORDS[2]}}"; fi
  case "$command" in
{cases}
  esac
  if [ "${{word#-}}" != "$word" ]; then
    COMPREPLY=( $(compgen -W "$options" -- "$word") )
  else
    compopt -o filenames
    COMPREPLY=( $(compgen -f -- "$word") )
  fi
}}
complete -F _darkpy darkpy
"""


def zsh() -> str:
    return ('# darkpy completion for zsh: eval "$(darkpy completion zsh)"\n'
            "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n" + bash().split("\n", 1)[1])


def fish() -> str:
    lines = ["# darkpy completion for fish: darkpy completion fish > ~/.config/fish/completions/darkpy.fish"]
    described: set[str] = set()
    for words, text, names in table():
        first = words[0]
        if first not in described:
            described.add(first)
            label = text if len(words) == 1 else f"{first} ..."
            lines.append(f"complete -c darkpy -f -n __fish_use_subcommand -a {first} -d {quote(label)}")
        here = f"__fish_seen_subcommand_from {first}"
        if len(words) > 1:
            lines.append(f"complete -c darkpy -n '{here}' -a {words[1]} -d {quote(text)}")
            here += f"; and __fish_seen_subcommand_from {words[1]}"
        for name in names:
            form = "-l" if name.startswith("--") else "-o"
            lines.append(f"complete -c darkpy -n '{here}' {form} {name.lstrip('-')}")
    return "\n".join(lines) + "\n"


def quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}


def run(args: Args) -> int:
    if args.shell not in SHELLS:
        raise UsageError(f"unknown shell {args.shell!r}: valid are {', '.join(SHELLS)}")
    print(SHELLS[args.shell](), end="")
    return 0


COMMANDS = [Command(("completion",), "print a script that makes a shell complete darkpy's commands", run,
                    [Arg("shell", "bash, zsh or fish")], group="Other",
                    more="For bash, put eval \"$(darkpy completion bash)\" into ~/.bashrc; for zsh the same with zsh "
                         "into ~/.zshrc.")]

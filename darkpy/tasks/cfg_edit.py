"""Changes of an option in the text of a .cfg that leave everything else, comments too, as it was."""

from __future__ import annotations

import re
from collections.abc import Iterable

from darkpy.cfg import Section


def set_option(text: str, sections: Iterable[Section], key: str, value: str | None) -> str:
    """The text with key=value in these sections of it; `value` None takes the key out of them."""
    parts = re.split(r"(\r\n|\r|\n)", text)  # lines at even places, what ends them behind
    newline = parts[1] if len(parts) > 1 else "\n"
    lines = [line + end for line, end in zip(parts[::2], [*parts[1::2], ""], strict=True)]
    for section in sections:
        given = [o for o in (*section.options.values(), *section.repeated) if o.key == key]
        for option in given:
            lines[option.line - 1] = ""
        if value is not None:
            heading = lines[section.line - 1]
            if not heading.endswith(("\n", "\r")):
                heading += newline
            lines[section.line - 1] = f"{heading}{key}={value}{newline}"
    return "".join(lines)

"""Where in a map a number lies: what nearly every kernel on maps begins with."""

from __future__ import annotations

from darkpy.cuda import device


@device
def place(i, h, w):
    """(plane, row, column) of number i of planes of h rows and w columns, one behind the other."""
    line = i // w
    plane = line // h
    return plane, line - plane * h, i - line * w

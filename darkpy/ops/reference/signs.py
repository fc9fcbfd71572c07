"""Weights that are kept as signs."""

__all__ = ["unpack"]


def unpack(signs):
    return signs.array()

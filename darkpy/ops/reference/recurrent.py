"""Gates of recurrent layers."""

__all__ = ["mix_dx"]


def mix_dx(dy, z, a, b):
    return dy * (a - b), dy * z, dy * (1 - z)

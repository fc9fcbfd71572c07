"""Gates of recurrent layers."""

from darkpy.ops.spec.core import op, same


@op
def mix_dx(dy, z, a, b):
    """(dz, da, db) of mix: dy * (a - b), dy * z, dy * (1 - z)."""
    return same(dy), same(dy), same(dy)

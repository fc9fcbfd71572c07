"""Weights that are kept as signs."""

from darkpy.ops.spec.core import Out, op


@op
def unpack(signs):
    """The array of weights +-factor[f] that Signs (ops/signs.py) stand for."""
    return Out(tuple(signs.shape))

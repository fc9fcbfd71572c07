"""Binary weights and inputs."""

from darkpy.ops.spec.core import op, same


@op
def binarize_weights(w):
    """sign(w) * mean|w| per filter (first axis), with sign(0) = -1."""
    return same(w)


@op
def binarize(x):
    """+1 where x >= 0, else -1."""
    return same(x)


@op
def hardtan_gate(dy, x):
    """dy where -1 < x < 1, else 0: the straight-through gradient of binarize."""
    return same(dy)

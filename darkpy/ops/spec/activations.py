"""Darknet's activation functions."""

from darkpy.ops.spec.core import op, same


@op
def activation(x, *, kind):
    """Elementwise function named by Darknet (ACTIVATIONS).  Same shape."""
    return same(x)


@op
def activation_dx(dy, y, x, *, kind):
    """dy * f'(x).  Darknet's own derivatives: of the output y where it has them so, of x for swish, mish, gelu."""
    return same(dy)


@op
def logistic_dx(dy, y):
    """dy * y * (1 - y)."""
    return same(dy)

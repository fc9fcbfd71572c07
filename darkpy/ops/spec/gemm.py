"""Products of rows with a matrix of weights."""

from darkpy.ops.spec.core import Out, op


@op
def linear(x, w):
    """x (N, inputs) @ w.T, w (outputs, inputs) -> (N, outputs)."""
    return Out((x.shape[0], w.shape[0]))


@op
def linear_dx(dy, w):
    """dy @ w -> (N, inputs)."""
    return Out((dy.shape[0], w.shape[1]))


@op
def linear_dw(dy, x):
    """dy.T @ x -> (outputs, inputs)."""
    return Out((dy.shape[1], x.shape[1]))

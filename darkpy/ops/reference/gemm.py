"""Products of rows with a matrix of weights (outputs, inputs)."""

__all__ = ["linear", "linear_dw", "linear_dx"]


def linear(x, w):
    return x @ w.T


def linear_dx(dy, w):
    return dy @ w


def linear_dw(dy, x):
    return dy.T @ x

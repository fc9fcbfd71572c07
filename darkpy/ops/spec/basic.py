"""Views, moves and elementwise arithmetic."""

from darkpy.ops.spec.core import Out, op, same


@op
def reshape(x, *, shape):
    """The same numbers as (N, *shape)."""
    return Out((x.shape[0], *shape))


@op
def rows(x, *, start, stop):
    """x[start:stop] along the first axis."""
    return Out((stop - start, *x.shape[1:]))


@op
def columns(x, *, start, stop):
    """x[:, start:stop] along the second axis."""
    return Out((x.shape[0], stop - start, *x.shape[2:]))


@op
def concat(*xs, axis=1):
    """The inputs one behind the other along `axis`."""
    shape = list(xs[0].shape)
    shape[axis] = sum(x.shape[axis] for x in xs)
    return Out(tuple(shape))


@op
def zeros(x, *, shape):
    """Zeros of the given full shape in the dtype of x."""
    return Out(tuple(shape))


@op
def assign(target, x):
    """target[...] = x."""


@op
def add_to(target, x):
    """target += x: gradients from several uses of a value meet here."""


@op
def add(a, b):
    """a + b, equal shapes."""
    return same(a)


@op
def mul(a, b):
    """a * b, equal shapes."""
    return same(a)


@op
def scale(x, *, factor):
    """factor * x."""
    return same(x)


@op
def mix(z, a, b):
    """z * a + (1 - z) * b: how a gate chooses between the old state and the new."""
    return same(z)


@op
def add_bias(x, b):
    """x + b along the second axis (channels of a map, columns of rows)."""
    return same(x)


@op
def bias_db(dy):
    """Gradient of add_bias for the bias: the sum of dy over all but the second axis."""
    return Out((dy.shape[1],))


@op
def dropout_mask(x, *, random, probability):
    """0 where a draw of `random` (a numpy Generator) is below `probability`, else 1 / (1 - probability)."""
    return same(x)

"""Pooling."""

from darkpy.ops.spec.core import Out, op, same


@op
def maxpool(x, *, size, stride, pad):
    """Largest value of each window.  `pad` is the total added along an axis, `pad // 2` of it before the first
    element; what is added never wins.  stride (vertical, horizontal).  -> (N, C, (H+pad-size)//stride+1, ...)."""
    n, c, h, w = x.shape
    return Out((n, c, (h + pad - size) // stride[0] + 1, (w + pad - size) // stride[1] + 1))


@op
def maxpool_dx(dy, x, *, size, stride, pad):
    """dy given to the first largest element of each window (row by row)."""
    return same(x)


@op
def avgpool(x):
    """Mean of each channel -> (N, C, 1, 1)."""
    return Out((*x.shape[:2], 1, 1))


@op
def avgpool_dx(dy, *, size):
    """dy / (H*W) spread over the map of spatial `size`."""
    return Out((*dy.shape[:2], *size))

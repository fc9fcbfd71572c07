"""Ops that only move numbers on the map."""

from darkpy.ops.spec.core import Out, op, same


@op
def upsample(x, *, stride, factor=1.0):
    """Each pixel repeated stride x stride times, times `factor`."""
    n, c, h, w = x.shape
    return Out((n, c, h * stride, w * stride))


@op
def downsample(x, *, stride, factor=1.0):
    """Sum over stride x stride squares, times `factor`: the reverse (and the gradient) of upsample."""
    n, c, h, w = x.shape
    return Out((n, c, h // stride, w // stride))


@op
def reorg(x, *, stride):
    """Darknet's reorg: (N,C,H,W) -> (N, C*s*s, H/s, W/s).

    Not space-to-depth: the input is addressed as if it had the shape (C/s^2, H*s, W*s), and the result is read with
    the output's shape.  Trained YOLOv2 weights depend on this order.
    """
    n, c, h, w = x.shape
    return Out((n, c * stride * stride, h // stride, w // stride))


@op
def reorg_reverse(x, *, stride):
    """Inverse mapping of reorg: (N,C,H,W) -> (N, C/s^2, H*s, W*s)."""
    n, c, h, w = x.shape
    return Out((n, c // (stride * stride), h * stride, w * stride))


@op
def reorg_reverse_dx(dy, *, stride):
    """Gradient of reorg_reverse, and its inverse: (N,C,H,W) -> (N, C*s*s, H/s, W/s), a true space-to-depth."""
    n, c, h, w = dy.shape
    return Out((n, c * stride * stride, h // stride, w // stride))


@op
def channels_last(x):
    """(N,C,H,W) read as (N,H,W,C), kept under the same shape: reorg's flatten=1."""
    return same(x)


@op
def channels_first(x):
    """Inverse of channels_last: (N, H, W, C) numbers under the shape (N,C,H,W) back to channel planes."""
    return same(x)


@op
def shortcut(x, y, *, alpha=1.0, beta=1.0):
    """alpha*x + beta*y where the two overlap; x alone elsewhere.  The result has the shape of x.

    Where the spatial sizes differ by an integer ratio, y is sampled at (or lands on) every ratio-th pixel; where the
    channels differ only the common ones take part (Darknet's shortcut; cells outside are not multiplied by alpha).
    """
    return same(x)


@op
def shortcut_dx(dz, *, alpha):
    """Gradient for x of shortcut: alpha * dz everywhere, as Darknet has it."""
    return same(dz)


@op
def shortcut_dy(dz, *, shape, beta):
    """Gradient for y, of (C, H, W) `shape`: beta * dz where the two overlap, else zero."""
    return Out((dz.shape[0], *shape))


@op
def crop(x, *, top, left, size, flip=False, factor=1.0, shift=0.0):
    """Window of spatial `size` at (top, left), mirrored if `flip`, as factor*x + shift."""
    return Out((*x.shape[:2], *size))


@op
def crop_dx(dy, *, top, left, size, flip=False, factor=1.0):
    """Gradient of crop for its input of spatial `size`."""
    return Out((*dy.shape[:2], *size))


@op
def pad_tail(x, *, extra):
    """Each row of x (flattened) with `extra` zeros behind it: reorg's extra=."""
    n = 1
    for d in x.shape[1:]:
        n *= d
    return Out((x.shape[0], n + extra))

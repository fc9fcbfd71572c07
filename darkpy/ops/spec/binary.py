"""Binary weights and inputs: signs, their scales, and the gradients that go through them (XNOR-Net, section 3).

    w ~ alpha * sign(w)                 one alpha for each filter (first axis)
    conv(x, w) ~ conv(sign(x), sign(w)) * alpha * K

With more bits sign becomes q_k(x) = 2 (round((2^k - 1) (x + 1) / 2) / (2^k - 1) - 1/2) on [-1, 1].
"""

from darkpy.ops.spec.core import Out, conv_size, op, same


@op
def quantize(x, *, bits=1):
    """q_k of x clipped to [-1, 1]; with one bit +1 where x >= 0, else -1."""
    return same(x)


@op
def quantize_weights(w, *, bits=1):
    """q_k of each filter divided by (k + 1) / 2 times its root mean square; one bit: +1 where w > 0, else -1.

    The range holds what a normal distribution needs for the least squared error with so many levels (Max, 1960).
    """
    return same(w)


@op
def filter_scales(w, q):
    """alpha = (w . q) / (q . q) of each filter (F,): the least |w - alpha q|; for signs it is mean|w| (eq. 6)."""
    return Out((w.shape[0],))


@op
def filter_dot(a, b):
    """a . b of each filter (F,): with the gradient of alpha * q and q, the gradient of a learned alpha."""
    return Out((a.shape[0],))


@op
def scale_filters(q, alpha):
    """alpha * q, one alpha for each filter."""
    return same(q)


@op
def center_weights(w):
    """w minus its mean over the input channels (second axis).  As a projection it is its own gradient."""
    return same(w)


@op
def binary_dw(dw, w, alpha, *, share):
    """dw * (share + alpha * [|w| <= 1]): from the gradient of alpha * sign(w) to that of w.

    share = 1/n (n numbers in a filter) is what each w adds to alpha = mean|w|.
    """
    return same(w)


@op
def hardtan_gate(dy, x, *, closed=False):
    """dy where |x| < 1 (`closed`: <= 1), else 0: the straight-through gradient of a sign."""
    return same(dy)


@op
def input_scales(x, *, kernel, stride=(1, 1), pad=0, dilation=1, groups=1):
    """K (N, groups, OH, OW): the mean of |x| over a group's channels and the window of a convolution (eq. 11).

    Padding counts as zeros.
    """
    h, w = (conv_size(side, kernel, step, pad, dilation) for side, step in zip(x.shape[2:], stride, strict=True))
    return Out((x.shape[0], groups, h, w))


@op
def input_scales_dx(dk, x, *, kernel, stride=(1, 1), pad=0, dilation=1, groups=1):
    """Gradient of input_scales for x."""
    return same(x)


@op
def scale_maps(z, k):
    """z (N,F,H,W) times k (N,G,H,W): all maps of a group by the same numbers."""
    return same(z)


@op
def scale_maps_dk(dy, z, *, groups=1):
    """Gradient of scale_maps for k: the sums of dy * z over the maps of each group."""
    return Out((z.shape[0], groups, *z.shape[2:]))


@op
def binarize_gradient(dy):
    """sign(dy) * M * P: M the largest |dy| of each map, P a number for each place, by which M * P is nearest to |dy|.

    Nearest in the sum of squares over the channels whose dy is not 0; a 0 stays 0.
    """
    return same(dy)

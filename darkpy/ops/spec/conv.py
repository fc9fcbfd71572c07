"""Convolutions and their gradients."""

from darkpy.ops.spec.core import Out, conv_size, op


@op
def conv(x, w, *, stride=(1, 1), pad=0, dilation=1, groups=1):
    """Cross-correlation with zero padding: y[n,f,i,j] = sum_{c,p,q} w[f,c,p,q] x[n,c,i*sy+p*dilation-pad,...].

    x (N,C,H,W), w (F, C/groups, K, K), stride (vertical, horizontal) -> (N,F,OH,OW).  Groups split the channels and
    the filters in order.
    """
    n, _, h, wd = x.shape
    k = w.shape[2]
    return Out((n, w.shape[0], conv_size(h, k, stride[0], pad, dilation), conv_size(wd, k, stride[1], pad, dilation)))


@op
def conv_dx(dy, w, *, size, stride=(1, 1), pad=0, dilation=1, groups=1):
    """Gradient of conv for its input of spatial `size` (H, W)."""
    return Out((dy.shape[0], w.shape[1] * groups, *size))


@op
def conv_dw(dy, x, *, kernel, stride=(1, 1), pad=0, dilation=1, groups=1):
    """Gradient of conv for its weights -> (F, C/groups, kernel, kernel)."""
    return Out((dy.shape[1], x.shape[1] // groups, kernel, kernel))


@op
def deconv(x, w, *, stride=1, pad=0):
    """Transposed convolution: x (N,C,H,W), w (C,F,K,K) -> (N, F, (H-1)*stride + K - 2*pad, ...)."""
    n, _, h, wd = x.shape
    k = w.shape[2]
    return Out((n, w.shape[1], (h - 1) * stride + k - 2 * pad, (wd - 1) * stride + k - 2 * pad))


@op
def local(x, w, *, stride=1, pad=0, out):
    """Convolution with its own weights at each place: w (OH*OW, F, C, K, K), out (OH, OW) -> (N, F, OH, OW)."""
    return Out((x.shape[0], w.shape[1], *out))


@op
def local_dx(dy, w, *, size, stride=1, pad=0):
    """Gradient of local for its input of spatial `size`."""
    return Out((dy.shape[0], w.shape[2], *size))


@op
def local_dw(dy, x, *, kernel, stride=1, pad=0):
    """Gradient of local for its weights."""
    n, f, oh, ow = dy.shape
    return Out((oh * ow, f, x.shape[1], kernel, kernel))

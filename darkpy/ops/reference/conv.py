"""Convolutions as a matrix product over unfolded windows (im2col), and their gradients.

Unfolding puts each window of the padded input into a column of C*K*K numbers; then a convolution is
weights (F, C*K*K) @ columns (C*K*K, OH*OW).  The gradient for the input scatters columns back (col2im).
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["conv", "conv_dw", "conv_dx", "deconv", "local", "local_dw", "local_dx"]


def windows(x, kernel, stride, pad, dilation=1):
    """View (N, C, K, K, OH, OW) of all windows of x (N, C, H, W) padded with zeros."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    reach = dilation * (kernel - 1) + 1
    view = sliding_window_view(x, (reach, reach), axis=(2, 3))
    view = view[:, :, :: stride[0], :: stride[1], ::dilation, ::dilation]
    return view.transpose(0, 1, 4, 5, 2, 3)


def im2col(x, kernel, stride, pad, dilation=1):
    """Columns (N, C*K*K, OH*OW) of x (N, C, H, W), and (OH, OW)."""
    v = windows(x, kernel, stride, pad, dilation)
    return v.reshape(x.shape[0], -1, v.shape[4] * v.shape[5]), v.shape[4:]


def col2im(columns, shape, kernel, stride, pad, dilation, out):
    """Sum columns (N, C*K*K, OH*OW) back onto a map of (N, C, H, W) `shape`: the transpose of im2col."""
    n, c, h, w = shape
    oh, ow = out
    columns = columns.reshape(n, c, kernel, kernel, oh, ow)
    x = np.zeros((n, c, h + 2 * pad, w + 2 * pad), columns.dtype)
    for p in range(kernel):
        for q in range(kernel):
            top, left = p * dilation, q * dilation
            x[:, :, top : top + stride[0] * oh : stride[0], left : left + stride[1] * ow : stride[1]] += (
                columns[:, :, p, q]
            )
    return np.ascontiguousarray(x[:, :, pad : pad + h, pad : pad + w])


def conv(x, w, *, stride=(1, 1), pad=0, dilation=1, groups=1):
    f, k = w.shape[0], w.shape[2]
    parts = []
    for xg, wg in zip(np.split(x, groups, 1), np.split(w, groups), strict=True):
        columns, out = im2col(xg, k, stride, pad, dilation)
        parts.append(wg.reshape(f // groups, -1) @ columns)
    return np.concatenate(parts, 1).reshape(x.shape[0], f, *out)


def conv_dx(dy, w, *, size, stride=(1, 1), pad=0, dilation=1, groups=1):
    n, f, *out = dy.shape
    c, k = w.shape[1], w.shape[2]
    parts = []
    for dyg, wg in zip(np.split(dy.reshape(n, f, -1), groups, 1), np.split(w, groups), strict=True):
        columns = wg.reshape(f // groups, -1).T @ dyg
        parts.append(col2im(columns, (n, c, *size), k, stride, pad, dilation, out))
    return np.concatenate(parts, 1)


def conv_dw(dy, x, *, kernel, stride=(1, 1), pad=0, dilation=1, groups=1):
    n, f = dy.shape[:2]
    parts = []
    for dyg, xg in zip(np.split(dy.reshape(n, f, -1), groups, 1), np.split(x, groups, 1), strict=True):
        columns, _ = im2col(xg, kernel, stride, pad, dilation)
        parts.append(np.einsum("nfo,nko->fk", dyg, columns, optimize=True))
    return np.ascontiguousarray(np.concatenate(parts)).reshape(f, x.shape[1] // groups, kernel, kernel)


def deconv(x, w, *, stride=1, pad=0):
    # what scatters a convolution's gradient is a transposed convolution
    h, wd = ((s - 1) * stride + w.shape[2] - 2 * pad for s in x.shape[2:])
    return conv_dx(x, w, size=(h, wd), stride=(stride, stride), pad=pad)


def local(x, w, *, stride=1, pad=0, out):
    columns, _ = im2col(x, w.shape[3], (stride, stride), pad)
    y = np.einsum("lfk,nkl->nfl", w.reshape(*w.shape[:2], -1), columns, optimize=True)
    return np.ascontiguousarray(y).reshape(x.shape[0], w.shape[1], *out)


def local_dx(dy, w, *, size, stride=1, pad=0):
    n, f, *out = dy.shape
    columns = np.einsum("lfk,nfl->nkl", w.reshape(*w.shape[:2], -1), dy.reshape(n, f, -1), optimize=True)
    columns = np.ascontiguousarray(columns)
    return col2im(columns, (n, w.shape[2], *size), w.shape[3], (stride, stride), pad, 1, out)


def local_dw(dy, x, *, kernel, stride=1, pad=0):
    n, f, oh, ow = dy.shape
    columns, _ = im2col(x, kernel, (stride, stride), pad)
    dw = np.einsum("nfl,nkl->lfk", dy.reshape(n, f, -1), columns, optimize=True)
    return np.ascontiguousarray(dw).reshape(oh * ow, f, x.shape[1], kernel, kernel)

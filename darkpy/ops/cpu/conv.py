"""Convolution as im2col and a matrix product, the readable path: unfold windows into columns, multiply, done.

`plan/` replaces it by kernels made for each shape; training and odd cases come here.  1x1 convolutions need no
unfolding, and depthwise ones (as many groups as channels) no matrix product.
"""

import numpy as np

from darkpy.jit import njit, prange
from darkpy.ops.cpu import winograd_dw, winograd_train


@njit(parallel=True)
def im2col(columns, x, kernel, sy, sx, pad, dilation):
    """columns (C, K*K, OH, OW) <- windows of x (C, H, W) with zeros around it."""
    c, h, w = x.shape
    oh, ow = columns.shape[2], columns.shape[3]
    for t in prange(c * kernel * kernel):
        channel, tap = t // (kernel * kernel), t % (kernel * kernel)
        top, left = tap // kernel * dilation - pad, tap % kernel * dilation - pad
        for i in range(oh):
            row = i * sy + top
            if row < 0 or row >= h:
                columns[channel, tap, i, :] = 0
                continue
            for j in range(ow):
                column = j * sx + left
                columns[channel, tap, i, j] = x[channel, row, column] if 0 <= column < w else np.float32(0)


@njit(parallel=True)
def depthwise(y, x, w, sy, sx, pad, dilation):
    """y (N,C,OH,OW) <- each channel of x with its own K x K weights."""
    n, c, h, wd = x.shape
    oh, ow, k = y.shape[2], y.shape[3], w.shape[2]
    for t in prange(n * c):
        image, channel = t // c, t % c
        for i in range(oh):
            y[image, channel, i, :] = 0
            for p in range(k):
                row = i * sy + p * dilation - pad
                if row < 0 or row >= h:
                    continue
                for q in range(k):
                    weight, left = w[channel, 0, p, q], q * dilation - pad
                    first = max(0, (sx - 1 - left) // sx)  # the first j whose column is not negative
                    last = min(ow, (wd - 1 - left) // sx + 1)
                    for j in range(first, last):
                        y[image, channel, i, j] += weight * x[image, channel, row, j * sx + left]


def conv(y, x, w, *, stride=(1, 1), pad=0, dilation=1, groups=1):
    n, f, oh, ow = y.shape
    k = w.shape[2]
    if groups == x.shape[1] == f:
        depthwise(y, x, w, stride[0], stride[1], pad, dilation)
        return
    if winograd_train.suits(x.shape, y.shape, k, stride, pad, dilation, groups):
        winograd_train.correlate(y, x, w, pad)
        return
    plain = k == 1 and stride == (1, 1) and pad == 0
    inputs, filters = w.shape[1], f // groups
    columns = np.empty((0 if plain else inputs, k * k, oh, ow), np.float32)
    for image in range(n):
        for g in range(groups):
            part = x[image, g * inputs : (g + 1) * inputs]
            if plain:
                columns = part
            else:
                im2col(columns, part, k, stride[0], stride[1], pad, dilation)
            np.matmul(w[g * filters : (g + 1) * filters].reshape(filters, -1), columns.reshape(-1, oh * ow),
                      out=y[image, g * filters : (g + 1) * filters].reshape(filters, oh * ow))


@njit(parallel=True)
def col2im(x, columns, kernel, sy, sx, pad, dilation):
    """x (C, H, W) <- the sum of columns (C, K*K, OH, OW) at the places im2col takes them from."""
    c, h, w = x.shape
    oh, ow = columns.shape[2], columns.shape[3]
    for channel in prange(c):
        x[channel, :, :] = 0
        for tap in range(kernel * kernel):
            top, left = tap // kernel * dilation - pad, tap % kernel * dilation - pad
            first = max(0, (sx - 1 - left) // sx)
            last = min(ow, (w - 1 - left) // sx + 1)
            for i in range(oh):
                row = i * sy + top
                if 0 <= row < h:
                    for j in range(first, last):
                        x[channel, row, j * sx + left] += columns[channel, tap, i, j]


def conv_dx(dx, dy, w, *, size, stride=(1, 1), pad=0, dilation=1, groups=1):
    n, f, oh, ow = dy.shape
    k, inputs, filters = w.shape[2], w.shape[1], f // groups
    if winograd_train.suits(dx.shape, dy.shape, k, stride, pad, dilation, groups):
        winograd_train.correlate(dx, dy, w, 2 - pad, flip=True)
        return
    plain = k == 1 and stride == (1, 1) and pad == 0
    columns = np.empty((inputs, k * k, oh, ow), np.float32)
    for image in range(n):
        for g in range(groups):
            part = dx[image, g * inputs : (g + 1) * inputs]
            target = part if plain else columns
            np.matmul(w[g * filters : (g + 1) * filters].reshape(filters, -1).T,
                      dy[image, g * filters : (g + 1) * filters].reshape(filters, -1),
                      out=target.reshape(-1, oh * ow))
            if not plain:
                col2im(part, columns, k, stride[0], stride[1], pad, dilation)


def conv_dw(dw, dy, x, *, kernel, stride=(1, 1), pad=0, dilation=1, groups=1):
    n, f, oh, ow = dy.shape
    inputs, filters = dw.shape[1], f // groups
    if winograd_train.suits(x.shape, dy.shape, kernel, stride, pad, dilation, groups):
        winograd_dw.conv_dw(dw, dy, x, pad)
        return
    plain = kernel == 1 and stride == (1, 1) and pad == 0
    columns = np.empty((0 if plain else inputs, kernel * kernel, oh, ow), np.float32)
    product = np.empty((filters, inputs * kernel * kernel), np.float32)
    dw.fill(0)
    for image in range(n):
        for g in range(groups):
            part = x[image, g * inputs : (g + 1) * inputs]
            if plain:
                columns = part
            else:
                im2col(columns, part, kernel, stride[0], stride[1], pad, dilation)
            np.matmul(dy[image, g * filters : (g + 1) * filters].reshape(filters, -1),
                      columns.reshape(-1, oh * ow).T, out=product)
            dw[g * filters : (g + 1) * filters] += product.reshape(filters, *dw.shape[1:])


KERNELS = {"conv": conv, "conv_dx": conv_dx, "conv_dw": conv_dw}

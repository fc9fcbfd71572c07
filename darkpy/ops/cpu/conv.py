"""Convolutions on planar maps and their gradients, for training: which kernel for which.

3x3 with stride 1 and some channels: Winograd's algorithm; as many groups as channels and filters: loops over rows of
pixels; all else: implicit matrix products.  Inference runs on blocked maps instead, see plan/.
"""

import numpy as np

from darkpy.jit import njit, prange
from darkpy.ops.cpu import implicit, implicit_dw, winograd_dw, winograd_train


@njit
def span(size, out, stride, left):
    """First and last pixel (exclusive) of an output row whose input column pixel * stride + left exists."""
    return max(0, (stride - 1 - left) // stride), min(out, (size - 1 - left) // stride + 1)


@njit(parallel=True)
def depthwise(y, x, w, sy, sx, pad, dilation):
    """y (N,C,OH,OW) <- each channel of x with its own K x K weights."""
    n, c, h, wd = x.shape
    oh, ow, k = y.shape[2], y.shape[3], w.shape[2]
    for t in prange(n * c):
        image, channel = t // c, t % c
        for i in range(oh):
            out = y[image, channel, i]
            out[:] = 0
            for p in range(k):
                row = i * sy + p * dilation - pad
                if 0 <= row < h:
                    source = x[image, channel, row]
                    for q in range(k):
                        weight, left = w[channel, 0, p, q], q * dilation - pad
                        first, last = span(wd, ow, sx, left)
                        for j in range(first, last):
                            out[j] += weight * source[j * sx + left]


@njit(parallel=True)
def depthwise_dx(dx, dy, w, sy, sx, pad, dilation):
    """dx (N,C,H,W) <- dy given back to where each output came from."""
    n, c, h, wd = dx.shape
    oh, ow, k = dy.shape[2], dy.shape[3], w.shape[2]
    for t in prange(n * c):
        image, channel = t // c, t % c
        dx[image, channel] = 0
        for i in range(oh):
            d = dy[image, channel, i]
            for p in range(k):
                row = i * sy + p * dilation - pad
                if 0 <= row < h:
                    target = dx[image, channel, row]
                    for q in range(k):
                        weight, left = w[channel, 0, p, q], q * dilation - pad
                        first, last = span(wd, ow, sx, left)
                        for j in range(first, last):
                            target[j * sx + left] += weight * d[j]


@njit(parallel=True, fastmath={"reassoc", "contract"})
def depthwise_dw(dw, dy, x, sy, sx, pad, dilation):
    """dw (C,1,K,K) <- sums over images and pixels; rows are summed up in float64."""
    n, c, h, wd = x.shape
    oh, ow, k = dy.shape[2], dy.shape[3], dw.shape[2]
    for channel in prange(c):
        for p in range(k):
            for q in range(k):
                left = q * dilation - pad
                first, last = span(wd, ow, sx, left)
                total = 0.0
                for image in range(n):
                    for i in range(oh):
                        row = i * sy + p * dilation - pad
                        if 0 <= row < h:
                            d, source = dy[image, channel, i], x[image, channel, row]
                            part = np.float32(0)
                            for j in range(first, last):
                                part += d[j] * source[j * sx + left]
                            total += part
                dw[channel, 0, p, q] = total


def dense(*arrays):
    """The arrays as kernels that work with addresses take them: without gaps, as those of some channels have them."""
    return (np.ascontiguousarray(array) for array in arrays)


def conv(y, x, w, *, stride=(1, 1), pad=0, dilation=1, groups=1):
    x, w = dense(x, w)
    if groups == x.shape[1] == y.shape[1]:
        depthwise(y, x, w, stride[0], stride[1], pad, dilation)
    elif winograd_train.suits(x.shape, y.shape, w.shape[2], stride, pad, dilation, groups):
        winograd_train.correlate(y, x, w, pad)
    else:
        implicit.conv(y, x, w, stride, pad, dilation, groups)


def conv_dx(dx, dy, w, *, size, stride=(1, 1), pad=0, dilation=1, groups=1):
    dy, w = dense(dy, w)
    if groups == dx.shape[1] == dy.shape[1]:
        depthwise_dx(dx, dy, w, stride[0], stride[1], pad, dilation)
    elif winograd_train.suits(dx.shape, dy.shape, w.shape[2], stride, pad, dilation, groups):
        winograd_train.correlate(dx, dy, w, 2 - pad, flip=True)
    else:
        implicit.conv_dx(dx, dy, w, stride, pad, dilation, groups)


def conv_dw(dw, dy, x, *, kernel, stride=(1, 1), pad=0, dilation=1, groups=1):
    dy, x = dense(dy, x)
    if groups == x.shape[1] == dy.shape[1]:
        depthwise_dw(dw, dy, x, stride[0], stride[1], pad, dilation)
    elif winograd_train.suits(x.shape, dy.shape, kernel, stride, pad, dilation, groups):
        winograd_dw.conv_dw(dw, dy, x, pad)
    else:
        implicit_dw.conv_dw(dw, dy, x, stride, pad, dilation, groups)


KERNELS = {"conv": conv, "conv_dx": conv_dx, "conv_dw": conv_dw}

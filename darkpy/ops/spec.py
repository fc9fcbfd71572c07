"""Every op once: its signature, the shapes it takes and gives, and what it means.

The functions here compute no values.  Each returns the Out (or tuple of Outs) that the op of this name yields for
inputs of the given shapes; a backend allocates by it and a Recorder traces by it.  How a value comes about says
`ops/reference.py`, in the clearest NumPy; `ops/cpu/` and `ops/cuda/` say it fast.

Arrays are C-contiguous; x, y are (N, C, H, W) feature maps or (N, n) rows; w, b parameters; `d...` a gradient.
Arguments before `*` are arrays, those behind it plain numbers and words.  Ops never write to their inputs, except the
few whose name says so (`assign`, `add_to`, ... : the first argument is written and nothing is returned).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Out:
    """Shape of a result and its dtype; "" means the dtype of the first array among the inputs."""

    shape: Shape
    dtype: str = ""


OPS: dict[str, Callable[..., Any]] = {}
VIEWS = {"reshape", "rows", "columns"}  # results that share memory with the first input
WRITES = {"assign", "add_to"}  # ops that write to their first input and return nothing

ACTIVATIONS = ("logistic", "loggy", "relu", "elu", "selu", "relie", "plse", "hardtan", "lhtan", "linear", "ramp",
               "leaky", "tanh", "stair", "swish", "mish", "hard_mish", "relu6", "gelu")


def op(rule: Callable[..., Any]) -> Callable[..., Any]:
    OPS[rule.__name__] = rule
    return rule


def same(x: Any) -> Out:
    return Out(tuple(x.shape))


def conv_size(size: int, kernel: int, stride: int, pad: int, dilation: int = 1) -> int:
    """Length of a convolution's output along one axis."""
    return (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1


# -- views and moves ----------------------------------------------------------------------------------------------


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


# -- arithmetic ---------------------------------------------------------------------------------------------------


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
def activation(x, *, kind):
    """Elementwise function named by Darknet (ACTIVATIONS).  Same shape."""
    return same(x)


@op
def activation_dx(dy, y, x, *, kind):
    """dy * f'(x).  Darknet's own derivatives: of the output y where it has them so, of x for swish, mish, gelu."""
    return same(dy)


# -- convolutions -------------------------------------------------------------------------------------------------


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


@op
def bias_db(dy):
    """Gradient of add_bias for the bias: the sum of dy over all but the second axis."""
    return Out((dy.shape[1],))


# -- normalisation ------------------------------------------------------------------------------------------------


@op
def batchnorm(x, mean, variance, scales, biases, *, eps):
    """(x - mean) / sqrt(variance + eps) * scales + biases, all per channel (second axis)."""
    return same(x)


@op
def batch_statistics(x):
    """Mean and unbiased variance (divisor N*H*W - 1) per channel: what training normalises with."""
    return Out((x.shape[1],)), Out((x.shape[1],))


@op
def batchnorm_dx(dy, x, mean, variance, scales, *, eps, exact):
    """(dx, dscales, dbiases) of batchnorm whose mean and variance are the batch's own.

    Darknet divides the share of the variance by N*H*W, though the variance itself was divided by N*H*W - 1;
    `exact` divides by what the derivative asks for.
    """
    c = (x.shape[1],)
    return same(x), Out(c), Out(c)


@op
def lrn(x, *, size, alpha, beta, kappa):
    """Local response normalisation across channels with Darknet's window (see reference): (y, norms)."""
    return same(x), same(x)


@op
def lrn_dx(dy, norms, *, beta):
    """Darknet's approximate gradient: dy * norms^-beta."""
    return same(dy)


@op
def l2norm(x):
    """Each pixel's channel vector divided by its length; a zero vector stays zero."""
    return same(x)


@op
def softmax(x, *, sizes, temperature=1.0):
    """Softmax over consecutive runs of the second axis, `sizes` long each (their sum may fall short of it: the rest
    is copied).  Maps are handled pixel by pixel."""
    return same(x)


# -- pooling and resampling ---------------------------------------------------------------------------------------


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
def channels_last(x):
    """(N,C,H,W) read as (N,H,W,C), kept under the same shape: reorg's flatten=1."""
    return same(x)


@op
def channels_first(x):
    """Inverse of channels_last: (N, H, W, C) numbers under the shape (N,C,H,W) back to channel planes."""
    return same(x)


@op
def pad_tail(x, *, extra):
    """Each row of x (flattened) with `extra` zeros behind it: reorg's extra=."""
    n = 1
    for d in x.shape[1:]:
        n *= d
    return Out((x.shape[0], n + extra))


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


# -- binary weights and inputs ------------------------------------------------------------------------------------


@op
def binarize_weights(w):
    """sign(w) * mean|w| per filter (first axis), with sign(0) = -1."""
    return same(w)


@op
def binarize(x):
    """+1 where x >= 0, else -1."""
    return same(x)


@op
def hardtan_gate(dy, x):
    """dy where -1 < x < 1, else 0: the straight-through gradient of binarize."""
    return same(dy)


# -- detection heads ----------------------------------------------------------------------------------------------


@op
def yolo_activate(x, *, anchors, classes, scale_x_y=1.0):
    """YOLOv3's output: logistic on x, y, objectness and classes, w and h left raw.  x (N, anchors*(5+classes), H, W).

    With scale_x_y = s, x and y become s*p - (s-1)/2 (a fork's key).
    """
    return same(x)


@op
def region_activate(x, *, anchors, coords, classes, softmax_classes, background, groups=()):
    """YOLOv2's output: logistic on x, y, objectness and mask coordinates, w and h raw, classes through a softmax
    (or, with `groups` = sizes of a WordTree's sibling groups, one softmax a group; or logistic without softmax_classes)."""
    return same(x)


@op
def logistic_dx(dy, y):
    """dy * y * (1 - y)."""
    return same(dy)


@op
def dropout_mask(x, *, random, probability):
    """0 where a draw of `random` (a numpy Generator) falls below `probability`, else 1 / (1 - probability)."""
    return same(x)

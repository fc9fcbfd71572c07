"""XNOR convolution on packed bits: signs of 32 channels in a word, products by xor, sums by counting ones.

With a, w in {-1, +1} and a bit for each +1, n products sum up to  n - 2 popcount(a ^ w)  (Rastegari et al., "XNOR-Net",
2016, section 3.2).  A map of bits is (N, words, H, W); weights are (taps * words, filters).  A thread makes one pixel
of some filters: it reads each word of the map once for all of them, and its neighbours read the same weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from darkpy.cuda import cuda, kernel, popcount
from darkpy.ops.cuda.memory import Array, upload
from darkpy.ops.cuda.places import place
from darkpy.ops.signs import Signs

WORD = 32
FILTERS = 8  # of a thread
ZERO = np.float32(0)


@kernel("UFiiii")
def _signs(bits, x, channels, words, size, n):
    """A thread for each word: bit k is set where channel k of its 32 is not negative."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        rest = i // size
        image = rest // words
        first = (rest - image * words) * WORD
        base = (image * channels + first) * size + i - rest * size
        word = np.uint32(0)
        for k in range(min(WORD, channels - first)):
            if x[base + k * size] >= ZERO:
                word |= np.uint32(1) << np.uint32(k)
        bits[i] = word


@kernel("FUUFFT14ifi")
def _convolve(y, bits, w, factor, bias, g, has_bias, slope, n):
    """y = f(factor * (the sum of products of signs) + bias), f(v) = v or slope * v."""
    channels, words, h, width, filters, parts, oh, ow, kernel, sy, sx, pad, dilation, pitch = g
    count = cuda.local.array(FILTERS, np.int32)
    for item in range(cuda.grid(1), n, cuda.gridsize(1)):
        plane, row, column = place(item, oh, ow)
        image = plane // parts
        first = (plane - image * parts) * FILTERS
        top, left = row * sy - pad, column * sx - pad
        for f in range(FILTERS):
            count[f] = 0
        total = 0
        for p in range(kernel):
            r = top + p * dilation
            if 0 <= r < h:
                for q in range(kernel):
                    s = left + q * dilation
                    if 0 <= s < width:
                        total += channels
                        at = (image * words * h + r) * width + s
                        k = (p * kernel + q) * words * pitch + first
                        for _word in range(words):
                            a = bits[at]
                            for f in range(FILTERS):
                                count[f] += np.int32(popcount(np.int32(a ^ w[k + f])))
                            at += h * width
                            k += pitch
        at = (image * filters * oh + row) * ow + column
        for f in range(FILTERS):
            if first + f < filters:
                v = factor[first + f] * np.float32(total - 2 * count[f])
                if has_bias:
                    v += bias[first + f]
                y[at + (first + f) * oh * ow] = v if v > ZERO else v * slope


class BitConvolution:
    """Weights of signs, packed, times `factor` for each filter; called for maps of real numbers whose signs count."""

    def __init__(self, signs: Signs, factor: Any, bias: Any, kw: dict[str, Any]):
        filters, self.channels, self.kernel, _ = signs.shape
        self.filters, self.words = filters, -(-self.channels // WORD)
        self.parts = -(-filters // FILTERS)
        positive = np.zeros((self.parts * FILTERS, self.kernel, self.kernel, self.words * WORD), bool)
        positive[:filters, ..., : self.channels] = signs.positive().transpose(0, 2, 3, 1)
        packed = np.packbits(positive, axis=-1, bitorder="little").view("<u4")
        self.weights = upload(np.ascontiguousarray(packed.reshape(len(positive), -1).T).astype(np.uint32))
        self.factor = upload((signs.factor * factor).astype(np.float32))
        self.bias = upload(np.asarray(bias, np.float32)) if bias is not None else None
        self.geometry = (*kw.get("stride", (1, 1)), kw.get("pad", 0), kw.get("dilation", 1))

    def __call__(self, y: Array, x: Array, slope: float = 1.0) -> None:
        n, c, h, w = x.shape
        oh, ow = y.shape[2:]
        bits = Array((n, self.words, h, w), "uint32")
        _signs(bits.size, bits.data, x.data, c, self.words, h * w, bits.size)
        items = n * self.parts * oh * ow
        g = (c, self.words, h, w, self.filters, self.parts, oh, ow, self.kernel, *self.geometry,
             self.parts * FILTERS)
        bias = self.bias or self.factor
        _convolve(items, y.data, bits.data, self.weights.data, self.factor.data, bias.data, g,
                  int(self.bias is not None), np.float32(slope), items)

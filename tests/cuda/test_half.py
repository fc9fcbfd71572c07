"""Convolutions on tensor cores against the plain NumPy on inputs and weights that are rounded to halves."""

import threading

import numpy as np
import pytest

from darkpy.cuda import SIMULATED
from darkpy.ops import halves as layout
from darkpy.ops import reference
from darkpy.ops.cuda import half, tensor_cores
from darkpy.ops.cuda.memory import Array, upload

LEAKY = np.float32(0.1)


def halves(a):
    """Numbers rounded to half precision, as float32."""
    return a.astype(np.float16).astype(np.float32)


def to_map(x):
    """(N, C, H, W) as the words of a map of halves."""
    n, c, h, w = x.shape
    wide = np.zeros((n, h, w, layout.words(c) * 2), np.float16)
    wide[..., :c] = x.transpose(0, 2, 3, 1)
    return upload(wide.view(np.uint32))


def from_map(words, c):
    return words.host().view(np.float16)[..., :c].transpose(0, 3, 1, 2).astype(np.float32)


def leaky(v, slope=LEAKY):
    return np.where(v > 0, v, v * slope)


SMALL, LARGE = tensor_cores.TILES[-1], tensor_cores.TILES[0]
CASES = [
    # N, C, H, W, filters, kernel, stride, pad, dilation, tile, in halves, residual
    (1, 3, 5, 7, 33, 3, (1, 1), 1, 1, SMALL, True, False),
    (2, 9, 4, 5, 5, 3, (2, 2), 1, 1, SMALL, False, False),
    (1, 40, 3, 3, 8, 1, (1, 1), 0, 1, SMALL, True, True),
    (1, 8, 7, 6, 4, 3, (1, 2), 2, 2, SMALL, False, True),
    (2, 17, 5, 4, 70, 2, (1, 1), 0, 1, LARGE, True, True),
    (1, 5, 6, 7, 40, 3, (1, 1), 1, 1, LARGE, False, False),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join(map(str, c[:9])))
def test_convolution(case):
    n, c, h, w, filters, kernel, stride, pad, dilation, tile, narrow, joined = case
    random = np.random.default_rng(sum(case[:6]))
    x = random.standard_normal((n, c, h, w), np.float32)
    weights = random.standard_normal((filters, c, kernel, kernel), np.float32)
    bias = random.standard_normal(filters, np.float32)
    wanted = leaky(reference.conv(halves(x), halves(weights), stride=stride, pad=pad, dilation=dilation)
                   + bias[:, None, None])
    other = halves(random.standard_normal(wanted.shape, np.float32))
    if joined:
        wanted = np.maximum(wanted + other, 0)
    words = to_map(x)
    product = tensor_cores.layout(words.shape, weights.shape, wanted.shape[2:], stride, pad, dilation, tile)
    y = Array(layout.map_shape(wanted.shape), layout.WORD) if narrow else Array(wanted.shape)
    product(y, words, *product.pack(weights, bias), LEAKY, to_map(other) if joined else None, 0)
    found = from_map(y, filters) if narrow else y.host()
    np.testing.assert_allclose(found, halves(wanted) if narrow else wanted, rtol=2e-3 if narrow else 1e-4, atol=1e-3)
    if narrow:  # what fills up a pixel stays zero, so that it never counts
        assert not y.host().view(np.float16)[..., filters:].any()


@pytest.mark.parametrize("shape", [(2, 3, 2, 5), (1, 8, 3, 3), (1, 17, 2, 2)])
def test_there_and_back(shape):
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    x[0, 0, 0, :2] = 1e6, -1e6
    words, back = Array(layout.map_shape(shape), layout.WORD), Array(shape)
    half.to_half(words, upload(x))
    np.testing.assert_array_equal(words.host(), to_map(x.clip(-65504, 65504)).host())
    half.from_half(back, words)
    np.testing.assert_array_equal(back.host(), halves(x.clip(-65504, 65504)))


@pytest.mark.parametrize(("op", "shapes", "kw"), [
    ("maxpool", [(2, 5, 5, 4)], {"size": 2, "stride": (2, 2), "pad": 1}),
    ("maxpool", [(1, 11, 4, 3)], {"size": 3, "stride": (1, 2), "pad": 2}),
    ("upsample", [(2, 9, 2, 3)], {"stride": 2}),
    ("concat", [(2, 8, 2, 3), (2, 16, 2, 3), (2, 3, 2, 3)], {}),
    ("activation", [(2, 8, 2, 3)], {"kind": "relu6"}),
    ("shortcut", [(1, 5, 3, 2), (1, 5, 3, 2)], {"alpha": 2, "beta": -0.5}),
])
def test_ops_on_halves(op, shapes, kw):
    random = np.random.default_rng(0)
    xs = [halves(random.standard_normal(shape, np.float32)) for shape in shapes]
    wanted = getattr(reference, op)(*xs, **kw)
    y = Array(layout.map_shape(wanted.shape), layout.WORD)
    half.KERNELS[op](y, *(to_map(x) for x in xs), **kw)
    np.testing.assert_array_equal(y.host(), to_map(wanted).host())


class Warp:
    """32 threads that do `matrices` and `multiply` together, as NVIDIA's manual says."""

    def __init__(self):
        self.meet, self.lane = threading.Barrier(32), threading.local()
        self.given = [None] * 32

    def share(self, mine):
        """What all threads give."""
        self.given[self.lane.number] = mine
        self.meet.wait(10)
        all_of_them = list(self.given)
        self.meet.wait(10)
        return all_of_them

    def matrices(self, shared, at):
        rows, t = self.share(at), self.lane.number
        return tuple(shared[rows[8 * m + t // 4] + t % 4] for m in range(4))

    def multiply(self, c, a, b0, b1):
        x, y = np.zeros((16, 16), np.float32), np.zeros((16, 8), np.float32)
        for t, ((a0, a1, a2, a3), *b) in enumerate(self.share((a, b0, b1))):
            g, q = t // 4, t % 4 * 2
            for word, row, column in ((a0, g, q), (a1, g + 8, q), (a2, g, q + 8), (a3, g + 8, q + 8)):
                x[row, column : column + 2] = tensor_cores.split(word)
            for word, row in zip(b, (q, q + 8), strict=True):
                y[row : row + 2, g] = tensor_cores.split(word)
        z, g, q = x @ y, self.lane.number // 4, self.lane.number % 4 * 2
        return c[0] + z[g, q], c[1] + z[g, q + 1], c[2] + z[g + 8, q], c[3] + z[g + 8, q + 1]

    def run(self, body):
        def thread(number):
            self.lane.number = number
            body(number)

        threads = [threading.Thread(target=thread, args=(number,)) for number in range(32)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()


@pytest.mark.skipif(not SIMULATED, reason="the functions of a warp are Python's only under the simulator")
def test_a_warp_does_what_is_simulated(monkeypatch):
    """Which registers go into which product, and which rows are named: all of the kernel that the simulator skips."""
    random = np.random.default_rng(0)
    sa, sb = (random.standard_normal((2, 64, 32)).astype(np.float16).view(np.uint32).reshape(-1) for _ in range(2))
    place = {"at_a": 64 * 16, "at_b": 0, "row_a": 16, "row_b": 32}
    found, wanted = (np.zeros((32, 32), np.float32) for _ in range(2))
    warp = Warp()
    monkeypatch.setattr(tensor_cores, "matrices", warp.matrices)
    monkeypatch.setattr(tensor_cores, "multiply", warp.multiply)
    warp.run(lambda lane: tensor_cores.warp_product(found[lane], 2, sa, sb, **place, lane=lane))
    for lane in range(32):
        tensor_cores.simulated_product(wanted[lane], 2, sa, sb, **place, lane=lane)
    assert wanted.all()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)

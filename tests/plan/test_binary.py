"""Binary layers in a plan: bits against floats, number for number.

Sums of products of signs are whole numbers, so a plan on bits and a convolution of floats give the same ones exactly.
"""

from functools import partial

import numpy as np
import pytest

from darkpy.jit import numba
from darkpy.ops import Reference
from darkpy.ops.cpu import bits
from darkpy.ops.signs import Signs
from darkpy.plan import binary
from darkpy.plan.binary import Limits, PackSigns, Xnor
from darkpy.plan.lower import lower
from darkpy.plan.one_bit import OneBitWinograd
from darkpy.plan.run import Executable
from darkpy.plan.trace import Program, Step, Value
from tests.plan import harness
from tests.plan.nets import conv, section

# N, C, H, W, filters, size, stride, pad, dilation
SHAPES = [
    (1, 64, 14, 14, 32, 3, 1, 1, 1), (2, 65, 9, 17, 33, 3, 2, 1, 1), (1, 8, 5, 1, 1, 3, 1, 1, 1),
    (1, 200, 7, 7, 20, 1, 1, 0, 1), (1, 130, 6, 15, 48, 5, 1, 2, 1), (3, 31, 8, 9, 16, 2, 1, 1, 1),
    (1, 96, 13, 12, 17, 3, 1, 2, 2), (1, 40, 3, 2, 5, 3, 3, 3, 1), (1, 1100, 4, 4, 16, 3, 1, 1, 1),
    (2, 256, 9, 11, 40, 3, 1, 1, 1), (1, 200, 17, 10, 16, 3, 2, 2, 2), (1, 1111, 8, 8, 33, 1, 1, 0, 1),
    (1, 330, 9, 23, 17, 5, 1, 0, 1),
]
COUNTING = [pytest.param(0, id="bytes"), pytest.param(1, id="words")]


def run(steps, x, value):
    """What a program of these steps gives for an array, and its kernels."""
    executable = Executable(lower(Program(value, [steps[-1].outs[0]], steps)))
    return executable(x)[0], executable.program.steps


def whole_numbers(random, shape):
    """Small numbers, among them zeros of both signs."""
    return random.integers(-2, 3, shape).astype(np.float32) * np.float32(-1)


@pytest.mark.parametrize("words", COUNTING)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_are_exact(shape, words, monkeypatch):
    monkeypatch.setattr(binary, "Shape", partial(bits.Shape, words=words))
    n, c, h, w, f, k, stride, pad, dilation = shape
    random = np.random.default_rng(0)
    weights = np.where(random.random((f, c, k, k)) < 0.4, np.float32(1), np.float32(-1))
    geometry = {"stride": (stride, stride), "pad": pad, "dilation": dilation}
    x = whole_numbers(random, (n, c, h, w))
    truth = Reference().conv(Reference().quantize(x), weights, **geometry)
    value, signs, out = (Value(s) for s in (x.shape, x.shape, truth.shape))
    y, kernels = run([Step("quantize", (value,), {}, (signs,), 0),
                      Step("conv", (signs, Signs.of(weights)), geometry, (out,), 0)], x, value)
    assert [type(kernel) for kernel in kernels[1:3]] == [PackSigns, Xnor]
    np.testing.assert_array_equal(y, truth)


def test_limits_are_the_batch_norm():
    """Also with scales that are negative or 0, and exactly at a limit."""
    random = np.random.default_rng(0)
    scales = np.array([1, -1, 0, 0, 0.5, -3, 1e-30], np.float32)
    mean = np.array([0.3, 0.3, 0.1, 0.1, -0.7, 1.1, 0], np.float32)
    biases = np.array([0, 0, 1, -1, 0.2, -0.4, 0.1], np.float32)
    variance = np.full(7, 0.7, np.float32)
    limits = Limits.normalised(mean, variance, scales, biases, eps=1e-5)
    x = np.concatenate([mean + random.standard_normal((200, 7)).astype(np.float32), mean[None], mean[None] * 0])
    exact = (x.astype(np.float64) - mean) / np.sqrt(variance + 1e-5) * scales + biases
    np.testing.assert_array_equal((x >= limits.limit) ^ limits.flipped, exact >= 0)


@pytest.mark.parametrize("words", COUNTING)
def test_nothing_is_unpacked_between_binary_layers(words, monkeypatch):
    """conv - pool - batch norm - sign - conv: the only float maps are those of the first and the last layer."""
    monkeypatch.setattr(binary, "Shape", partial(bits.Shape, words=words))
    middle = "".join(section("batchnorm") + conv(64, 3, "linear", xnor=1) + section("maxpool", size=2, stride=2)
                     for _ in range(2))
    net = harness.net_of(conv(64, 3, "linear") + middle + section("batchnorm") + conv(64, 1, "linear", xnor=1))
    for i in (1, 4, 7):
        net.params(i)["scales"][::3] *= -1  # the least of a pool decides there
    x = harness.images(net, 2) - 0.5
    plan = net.plan()
    assert harness.worst(plan(x), harness.outputs(net, x)) <= 1e-6
    algorithms = [step.algorithm for step in plan.explain(2).steps]
    assert algorithms[algorithms.index("signs") :] == [
        "signs", "xnor 3x3 to signs", "max pool of signs", "xnor 3x3 to signs", "max pool of signs", "xnor 1x1",
        "to planar"]


@pytest.mark.parametrize("kind, kernel", [("xnor", Xnor), ("binary", OneBitWinograd)])
def test_binary_weights_take_a_bit_each(kind, kernel):
    net = harness.net_of(conv(256, 3) + conv(256, 3, **{kind: 1}))
    x = harness.images(net, 2)
    expected = harness.outputs(net, x)
    plan = net.plan(release=True)
    assert harness.worst(plan(x[:1]), [y[:1] for y in expected]) <= harness.LIMIT
    step = next(step for step in plan.program(1).program.steps if isinstance(step, kernel))
    assert step.weight_bytes == 256 * 256 * 9 // 8
    assert net.params(1)["weights"].strides == (0, 0, 0, 0), "the real weights are freed"
    assert harness.worst(plan(x), expected) <= harness.LIMIT  # another batch size, from the same bits


def test_signs_keep_weights():
    random = np.random.default_rng(0)
    w = np.where(random.random((5, 3, 3, 3)) < 0.5, 1, -1) * random.random((5, 1, 1, 1), np.float32)
    signs = Signs.of(w.astype(np.float32))
    np.testing.assert_array_equal(signs.array(), w.astype(np.float32))
    assert signs.shape == w.shape and signs.bits.nbytes == 5 * 4
    w[2, 1, 0, 0] *= 2
    assert Signs.of(w) is None


@pytest.mark.skipif(not bits.COUNTS_WORDS, reason="this CPU has no instruction that counts the ones of many words")
def test_ones_are_counted_by_the_instruction_for_it():
    """The inner loop is what it should be: a count for each xor, nothing kept in memory in between."""
    loop = inner_loop(bits.Shape(14, 2))
    assert counts(loop) == 14 * 2 * 2 == sum("vpxor" in line for line in loop)
    assert not any("(%rsp)" in line for line in loop if "zmm" in line)


@pytest.mark.skipif(not bits.COUNTS_WORDS, reason="this CPU has no instruction that counts the ones of many words")
def test_links_of_chains_take_five_instructions():
    loop = inner_loop(bits.Shape(14, 1, chained=1), "vpternlog")
    assert counts(loop) == 14 == sum("vpadd" in line for line in loop if "zmm" in line)
    assert sum("vpxor" in line or "vpternlog" in line for line in loop) == 3 * 14 + 1  # one makes the parity of weights
    assert not any("(%rsp)" in line for line in loop if "zmm" in line)


def inner_loop(shape, sign="vpxor"):
    """Assembly of the loop of a tile that counts most, of those with such an instruction."""
    tile = bits.bit_tiles.__wrapped__(shape)
    uncached = numba.cfunc("void(" + ", ".join(map(str, tile._sig.args)) + ")", error_model="numpy")(tile._pyfunc)
    lines = uncached._library.get_asm_str().splitlines()
    best: list[str] = []
    for end, line in enumerate(lines):
        if line.strip().startswith("j"):
            label = line.split()[-1] + ":"
            loop = lines[next((i for i in range(end, -1, -1) if lines[i].startswith(label)), end) : end]
            innermost = not any(text.endswith(":") for text in loop[1:])
            if innermost and any(sign in text for text in loop) and counts(loop) > counts(best):
                best = loop
    return best


def counts(lines):
    return sum("vpopcnt" in line for line in lines)

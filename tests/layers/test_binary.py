"""[convolutional] with binary=1 and xnor=1: what its options compute, and the gradients that replace the derivative."""

import numpy as np
import pytest

from darkpy.ops import Reference, reference
from tests.layers import harness
from tests.layers.harness import case

# signs have steps, so differences say nothing about them: gradient=False
CASES = [case("convolutional", shape, gradient=False, **({"activation": "linear", "size": 3, "pad": 1} | options))
         for shape, options in (
    ((3, 4, 5), {"filters": 4, "binary": 1}),
    ((5, 6, 4), {"filters": 3, "xnor": 1, "activation": "leaky"}),
    ((6, 4, 4), {"filters": 3, "size": 1, "xnor": 1, "batch_normalize": 1}),
    ((3, 4, 5), {"filters": 4, "binary": 1, "wgrad": "paper", "center": 1, "clamp": 1}),
    ((3, 4, 5), {"filters": 4, "binary": 1, "alpha": "none", "wgrad": "paper"}),
    ((3, 4, 5), {"filters": 4, "binary": 1, "alpha": "learned", "xnor_mode": "paper"}),
    ((5, 6, 4), {"filters": 3, "xnor": 1, "xnor_mode": "paper"}),
    ((4, 7, 5), {"filters": 6, "xnor": 1, "xnor_mode": "paper", "groups": 2, "stride": 2, "batch_normalize": 1}),
    ((4, 7, 8), {"filters": 2, "xnor": 1, "beta": 1, "dilation": 2, "alpha": "none"}),
    ((5, 6, 4), {"filters": 3, "xnor": 1, "ste": "none", "alpha": "learned", "binary_grad": "max"}),
    ((5, 6, 4), {"filters": 3, "binary": 1, "binary_grad": "max"}),
    ((5, 6, 4), {"filters": 3, "xnor": 1, "wbits": 2, "abits": 3, "xnor_mode": "paper"}),
)]


@pytest.mark.parametrize("c", CASES, ids=str)
def test_binary(c):
    harness.check(c)


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_alpha_has_the_least_error():
    """Eq. 6: no other alpha and no other signs bring alpha * sign(w) nearer to w."""
    w = floats(4, 3, 3, 3)
    q = reference.quantize_weights(w)
    alpha = reference.filter_scales(w, q)
    np.testing.assert_allclose(alpha, np.abs(w).mean((1, 2, 3)))
    error = np.square(w - reference.scale_filters(q, alpha)).sum()
    for factor in (0.99, 1.01):
        assert np.square(w - reference.scale_filters(q, factor * alpha)).sum() > error


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_k_bits(bits):
    """q_k has 2^k levels at equal distances; weights use them with an error near the least there is."""
    x = np.linspace(-1.5, 1.5, 4001)
    levels = np.unique(reference.quantize(x, bits=bits))
    np.testing.assert_allclose(levels, np.linspace(-1, 1, 2**bits), atol=1e-12)
    assert np.abs(reference.quantize(x, bits=bits) - np.clip(x, -1, 1)).max() <= 1.0001 / (2**bits - 1)
    w = floats(2, 50, 10, 10)
    q = reference.quantize_weights(w, bits=bits)
    error = np.square(w - reference.scale_filters(q, reference.filter_scales(w, q))).mean()
    least = {2: 0.1188, 3: 0.03744, 4: 0.01154, 8: 0.0001}[bits]  # Max, 1960, table II, for uniform levels
    assert error < 1.2 * least


def test_a_filter_of_zeros():
    w = np.zeros((2, 3, 1, 1))
    for bits in (1, 2):
        q = reference.quantize_weights(w, bits=bits)
        assert np.isfinite(q).all()
        assert (reference.scale_filters(q, reference.filter_scales(w, q)) == 0).all()


def test_k_is_the_box_filtered_mean_size():
    """Eq. 11, written out for one place in the middle and one in the corner."""
    x = floats(1, 4, 5, 6)
    k = reference.input_scales(x, kernel=3, pad=1)
    np.testing.assert_allclose(k[0, 0, 2, 3], np.abs(x[0, :, 1:4, 2:5]).mean())
    np.testing.assert_allclose(k[0, 0, 0, 0], np.abs(x[0, :, :2, :2]).sum() / (4 * 9))


@pytest.mark.parametrize("kw", [{"kernel": 3, "pad": 1, "stride": (2, 1)}, {"kernel": 2, "groups": 2}])
def test_gradient_of_k(kw):
    """K and the product with it have no steps: central differences."""
    x, z = floats(2, 4, 5, 4), 0
    k = reference.input_scales(x, **kw)
    z, dy = floats(2, 6, *k.shape[2:], seed=1), floats(2, 6, *k.shape[2:], seed=2)
    groups = kw.get("groups", 1)
    dk = reference.scale_maps_dk(dy, z, groups=groups)
    dx = reference.input_scales_dx(dk, x, **kw)
    dz = reference.scale_maps(dy, k)

    def value():
        return float((reference.scale_maps(z, reference.input_scales(x, **kw)) * dy).sum())

    harness.compare_differences("x", x, dx, value)
    harness.compare_differences("z", z, dz, value)


def trained(options, x, dy):
    """A layer after one forward and backward in float64: its gradients, that of x, and the layer."""
    layer = harness.with_dtype(harness.build(case("convolutional", x.shape[1:], activation="linear", size=3, pad=1,
                                                  filters=4, **options)), "float64")
    y, saved = layer.forward(Reference(), x, train=True)
    return layer, layer.backward(Reference(), dy, saved), y


def test_gradient_of_the_weights():
    """dC/dw = dC/dW (1/n + alpha [|w| <= 1]) with W = alpha sign(w)."""
    x, dy = floats(2, 3, 5, 4), floats(2, 4, 5, 4, seed=1)
    straight, _, _ = trained({"binary": 1}, x, dy)
    dw = straight.grads["weights"]
    np.testing.assert_allclose(dw, reference.conv_dw(dy, x, kernel=3, pad=1))
    paper, _, _ = trained({"binary": 1, "wgrad": "paper"}, x, dy)
    w = paper.params["weights"]
    alpha = np.abs(w).mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(paper.grads["weights"], dw * (1 / 27 + alpha))
    big = w.copy()
    big[0, 0, 0, 0] = 1.5
    gated = reference.binary_dw(dw, big, alpha.ravel(), share=1 / 27)
    np.testing.assert_allclose(gated[0, 0, 0, 0], dw[0, 0, 0, 0] / 27)


def test_gradient_of_a_learned_alpha():
    x, dy = floats(2, 3, 5, 4), floats(2, 4, 5, 4, seed=1)
    layer, _, _ = trained({"binary": 1, "alpha": "learned"}, x, dy)

    def value():
        return float((layer.forward(Reference(), x)[0] * dy).sum())

    harness.compare_differences("alpha", layer.params["alpha"], layer.grads["alpha"], value)


def test_gradient_of_the_inputs():
    """That of the signs where |x| <= 1, and that of K everywhere."""
    x, dy = floats(2, 3, 5, 4), floats(2, 4, 5, 4, seed=1)
    x[0, 0, 0, 0] = 1
    layer, dx, y = trained({"xnor": 1, "xnor_mode": "paper"}, x, dy)
    w = layer.params["weights"]
    binary = np.sign(w) * np.abs(w).mean((1, 2, 3), keepdims=True)
    k = reference.input_scales(x, kernel=3, pad=1)
    z = reference.conv(np.sign(x), binary, pad=1)
    np.testing.assert_allclose(y, z * k + layer.params["biases"][:, None, None])
    signs = reference.conv_dx(dy * k, binary, size=(5, 4), pad=1)
    scales = reference.input_scales_dx((dy * z).sum(1, keepdims=True), x, kernel=3, pad=1)
    np.testing.assert_allclose(dx, signs * (np.abs(x) <= 1) + scales, atol=1e-12)
    _, darknet, _ = trained({"xnor": 1}, x, dy)
    assert darknet[0, 0, 0, 0] == 0  # its gate is |x| < 1


def test_binary_gradient():
    x, dy = floats(2, 3, 5, 4), floats(2, 4, 5, 4, seed=1)
    dy[:, :, 0] = 0
    plain, _, _ = trained({"binary": 1}, x, dy)
    layer, dx, _ = trained({"binary": 1, "binary_grad": "max"}, x, dy)
    signs = reference.binarize_gradient(dy)
    assert (np.sign(signs) == np.sign(dy)).all()
    share = np.abs(signs) / np.abs(dy).max((2, 3), keepdims=True)
    np.testing.assert_allclose(share[:, :, 1:], np.broadcast_to(share[:, :1, 1:], share[:, :, 1:].shape))
    for factor in (0.99, 1.01):  # at any place
        assert (np.square(dy - factor * signs).sum(1)[:, 1:] > np.square(dy - signs).sum(1)[:, 1:]).all()
    assert (reference.binarize_gradient(np.zeros((2, 3, 4, 5))) == 0).all()
    w = layer.params["weights"]
    binary = np.sign(w) * np.abs(w).mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(dx, reference.conv_dx(signs, binary, size=(5, 4), pad=1))
    np.testing.assert_allclose(layer.grads["weights"], plain.grads["weights"])


def test_center():
    """Signs are those of centred weights, and neither they nor the gradient have a mean over the channels."""
    x, dy = floats(2, 3, 5, 4), floats(2, 4, 5, 4, seed=1)
    layer, _, y = trained({"binary": 1, "center": 1}, x, dy)
    w = layer.params["weights"] - layer.params["weights"].mean(1, keepdims=True)
    binary = np.sign(w) * np.abs(w).mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(y, reference.conv(x, binary, pad=1) + layer.params["biases"][:, None, None])
    np.testing.assert_allclose(layer.grads["weights"].mean(1), 0, atol=1e-12)


@pytest.mark.parametrize(("options", "key", "words"), [
    ({"alpha": "none"}, "alpha", "binary=1 or xnor=1"),
    ({"wbits": 2}, "wbits", "binary=1 or xnor=1"),
    ({"binary": 1, "beta": 1}, "beta", "needs xnor=1"),
    ({"binary": 1, "abits": 2}, "abits", "needs xnor=1"),
    ({"xnor": 1, "beta": 1, "abits": 2}, "beta", "abits=2"),
])
def test_options_without_effect(options, key, words):
    problem = harness.problem(case("convolutional", (3, 5, 4), **options))
    assert problem.key == key
    assert words in str(problem)

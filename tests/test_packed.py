"""Packed weights: the same network from a file with one bit a binary weight, and no bytes that could break it."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import darkpy
from darkpy import cfg, load, packed
from darkpy.errors import UsageError, WeightsError
from darkpy.ops.signs import Signs
from darkpy.tasks.packing import pack
from tests.plan import harness
from tests.plan.nets import conv, section

TEXT = ("[net]\nwidth=12\nheight=12\nchannels=3\n" + conv(16, 3, batch_normalize=1)
        + conv(32, 3, xnor=1, batch_normalize=1) + conv(24, 3, binary=1, center=1)
        + section("batchnorm") + conv(20, 1, xnor=1, xnor_mode="paper") + conv(16, 3, "linear", binary=1, alpha="none")
        + conv(16, 1, "linear", binary=1, alpha="learned") + conv(8, 1, binary=1, wbits=2)
        + conv(10, 1, "linear") + section("avgpool") + section("softmax"))


def network(seed=0):
    return harness.fill(load(cfg.parse(TEXT, "test.cfg"), batch=1), seed)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A cfg, weights, and the same packed."""
    folder = tmp_path_factory.mktemp("packed")
    (folder / "net.cfg").write_text(TEXT)
    net = network()
    net.seen = 12345
    net.save(folder / "net.weights")
    pack(str(folder / "net.cfg"), str(folder / "net.weights"))
    return folder


def test_a_packed_net_computes_the_same(files):
    original = load(files / "net.cfg", files / "net.weights")
    net = load(files / "net.cfg", files / "net.dpk")
    assert net.seen == 12345
    x = harness.images(net, 2) - 0.5
    assert harness.worst([net.forward(x)], [original.forward(x)]) <= 1e-6
    assert harness.worst(net.plan()(x), original.plan()(x)) == 0
    kinds = {i: type(net.params(i)["weights"]) for i in range(8) if i != 3}
    assert kinds == {0: np.ndarray, 1: Signs, 2: Signs, 4: Signs, 5: Signs, 6: Signs, 7: np.ndarray}


def test_a_bit_for_each_binary_weight(files):
    net = network()
    binary = [net.params(i)["weights"] for i in (1, 2, 4, 5, 6)]
    others = sum(p.size for layer in net.layers for p in layer.declared.values() if p.stored)
    others -= sum(w.size for w in binary)
    arrays = sum(p.stored for layer in net.layers for p in layer.declared.values())
    bits = sum(len(w) * (-(-w[0].size // 8) + 4) for w in binary)
    assert (files / "net.dpk").stat().st_size == 64 + 16 * arrays + 4 * others + bits


def test_packing_again_gives_the_same_bytes(files, tmp_path):
    load(files / "net.cfg", files / "net.dpk").save_packed(tmp_path / "again.dpk")
    assert (tmp_path / "again.dpk").read_bytes() == (files / "net.dpk").read_bytes()


def test_only_for_running(files, tmp_path):
    net = load(files / "net.cfg", files / "net.dpk")
    for act in (lambda: net.save(tmp_path / "a.weights"), lambda: net.loss(harness.images(net, 1), np.zeros((1, 10)))):
        with pytest.raises(UsageError, match="packed weights"):
            act()
    with pytest.raises(WeightsError, match="give the .weights file they were made from"):
        network().load_weights(files / "net.dpk")
    with pytest.raises(UsageError, match="also read"):
        pack(str(files / "net.cfg"), str(files / "net.dpk"))
    assert list(tmp_path.iterdir()) == []


def test_a_classifier_takes_it(files):
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    names = [f"class {i}" for i in range(10)]
    a, b, c = (darkpy.Classifier(files / "net.cfg", files / name, names, partial=partial).classify(image)
               for name, partial in (("net.weights", False), ("net.dpk", False), ("net.dpk", True)))
    np.testing.assert_allclose(a.probabilities, b.probabilities, atol=1e-6)
    np.testing.assert_array_equal(b.probabilities, c.probabilities)


def signed(content):
    """The file with a checksum that is right."""
    return content[:32] + hashlib.sha256(content[:32] + content[64:]).digest() + content[64:]


def changed(content, at, value):
    return signed(content[:at] + value + content[at + len(value) :])


REFUSED = {
    "empty": (lambda c: b"", "0 bytes"),
    "only a header": (lambda c: c[:64], "cut short"),
    "no table": (lambda c: changed(c[:64], 24, (64).to_bytes(8, "little")), "do not hold the table"),
    "half a header": (lambda c: c[:40], "the header alone has 64"),
    "cut": (lambda c: c[:-1], "cut short"),
    "longer": (lambda c: c + b"\0", "cut short or damaged"),
    "another version": (lambda c: changed(c, 8, b"\2"), "version 2, and this darkpy reads version 1"),
    "a flipped bit": (lambda c: c[:-9] + bytes([c[-9] ^ 1]) + c[-8:], "checksum"),
    "more arrays": (lambda c: changed(c, 12, b"\xff"), "belongs to another cfg"),
    "another layer": (lambda c: changed(c, 64, b"\7"), "belongs to another cfg"),
    "another kind": (lambda c: changed(c, 68, b"\1"), "belongs to another cfg"),
    "an unknown kind": (lambda c: changed(c, 68, b"\5"), "of an unknown kind"),
    "a huge array": (lambda c: changed(c, 72, b"\xff" * 8), "belongs to another cfg"),
    "a huge file": (lambda c: changed(c, 24, b"\xff" * 8), "cut short"),
    "a number that is none": (lambda c: changed(c, len(c) - 4, b"\0\0\xc0\x7f"), "not finite"),
    "an endless count": (lambda c: changed(c, 16, b"\xff" * 8), "images were seen"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(files, tmp_path, name):
    damage, reason = REFUSED[name]
    path = tmp_path / "bad.dpk"
    path.write_bytes(damage((files / "net.dpk").read_bytes()))
    net = network(1)
    before = [p.copy() for layer in net.layers for p in layer.params.values()]
    with pytest.raises(WeightsError, match=reason) as e:
        net.load_packed(path)
    assert str(e.value).startswith(str(path)) and "\n" not in str(e.value)
    after = [p for layer in net.layers for p in layer.params.values()]
    assert all(map(np.array_equal, before, after)) and not net.packed


@settings(deadline=None, max_examples=100)
@given(end=st.integers(0, 9000), flips=st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 7)), max_size=4),
       sign=st.booleans())
def test_any_damage(files, end, flips, sign):
    """With a checksum that fits or does not: it loads, or it is refused in one line."""
    raw = bytearray((files / "net.dpk").read_bytes())
    for at, bit in flips:
        raw[at % len(raw)] ^= 1 << bit
    content = bytes(raw[:end])
    path = files / "any.dpk"
    path.write_bytes(signed(content) if sign and len(content) >= 64 else content)
    net = network(1)
    try:
        packed.read(path, net.layers)
    except WeightsError as e:
        assert str(e).startswith(str(path)) and "\n" not in str(e)
    else:
        floats = [p.factor if isinstance(p, Signs) else p for layer in net.layers for p in layer.params.values()]
        assert all(np.isfinite(p).all() for p in floats)

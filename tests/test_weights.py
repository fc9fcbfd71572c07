"""Weights files: the format by hand-made bytes, every refusal with its place and mend, and nothing half done."""

import errno
import io
import os
import struct

import numpy as np
import pytest

import darkpy.network
from darkpy import cfg, weights
from darkpy.build import build
from darkpy.errors import UsageError, WeightsError
from darkpy.network import Network

CONV = """
[net]
width=4
height=4
channels=2
[convolutional]
filters=3
size=3
pad=1
batch_normalize=1
activation=leaky
[maxpool]
size=2
stride=2
[convolutional]
filters=2
size=1
activation=linear
"""  # 3+3+3+3+54 and 2+6 numbers: 316 bytes with the header of 20
ROWS = "[net]\ninputs=3\n[connected]\noutput=2\nactivation=linear\n"  # 2+6 numbers
YOLO = """
[net]
width=8
height=8
channels=3
[convolutional]
filters={filters}
size=1
activation=linear
[yolo]
mask=0,1
anchors=3,3, 6,7
num=2
classes={classes}
"""


def network(text=CONV, seed=1):
    return Network(build(cfg.parse(text)), seed=seed)


def state(net):
    return [array.copy() for i in range(len(net.layers)) for array in net.params(i).values()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.fixture
def good(tmp_path):
    """A file of the CONV network."""
    network(seed=7).save(tmp_path / "good.weights", seen=64)
    return tmp_path / "good.weights"


def file_of(tmp_path, header, numbers):
    path = tmp_path / "made.weights"
    path.write_bytes(header + np.asarray(numbers, "<f4").tobytes())
    return path


# -- what is read --------------------------------------------------------------------------------------------------


def test_order_of_a_convolution_with_batch_normalisation(tmp_path):
    path = file_of(tmp_path, struct.pack("<iiiQ", 0, 2, 0, 123456789012), np.arange(1, 75))
    net = network()
    net.load_weights(path)
    assert net.seen == 123456789012
    p = net.params(0)
    assert p["biases"].tolist() == [1, 2, 3]
    assert p["scales"].tolist() == [4, 5, 6]
    assert p["rolling_mean"].tolist() == [7, 8, 9]
    assert p["rolling_variance"].tolist() == [10, 11, 12]
    assert p["weights"].ravel().tolist() == list(range(13, 67))
    assert net.params(2)["biases"].tolist() == [67, 68]
    assert net.params(2)["weights"].ravel().tolist() == list(range(69, 75))


@pytest.mark.parametrize(("version", "wide", "transposed"), [
    ((0, 0, 0), False, False), ((0, 1, 0), False, False), ((0, 2, 0), True, False), ((0, 2, 5), True, False),
    ((1, 0, 0), True, False), ((999, 0, 0), True, False), ((1000, 0, 0), False, False), ((1001, 0, 0), False, True),
    ((0, 1001, 0), False, True),
])
def test_headers(tmp_path, version, wide, transposed):
    path = file_of(tmp_path, struct.pack("<iii" + ("Q" if wide else "i"), *version, 99), range(8))
    net = network(ROWS)
    net.load_weights(path)
    assert net.seen == 99
    expected = [[2, 4, 6], [3, 5, 7]] if transposed else [[2, 3, 4], [5, 6, 7]]
    assert net.params(0)["weights"].tolist() == expected


def test_loading_makes_no_random_numbers_and_gives_the_same(good, tmp_path):
    text = tmp_path / "net.cfg"
    text.write_text(CONV)
    expected = network()
    expected.load_weights(good)
    net = darkpy.network.load(text, good)
    assert same(state(net), state(expected)) and net.seen == 64
    assert net.random.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_options_that_leave_gaps_start_at_random(good, tmp_path):
    text = tmp_path / "net.cfg"
    text.write_text(CONV.replace("filters=2", "filters=2\ndontload=1"))
    path = file_of(tmp_path, struct.pack("<iiiQ", 0, 2, 0, 0), np.ones(66))
    net = darkpy.network.load(text, path)
    assert np.all(net.params(0)["weights"] == 1)
    assert np.all(net.params(2)["weights"] != 0)


def test_numload_of_a_deconvolution_takes_filters_of_every_channel(tmp_path):
    text = CONV[: CONV.index("[conv")] + "[deconvolutional]\nfilters=2\nsize=1\nactivation=linear\n"
    path = file_of(tmp_path, struct.pack("<iiiQ", 0, 2, 0, 0), [1, 2, 3])  # a bias, a weight for each channel
    net = network(text + "numload=1\n")
    before = net.params(0)["weights"].copy()
    net.load_weights(path)
    assert net.params(0)["weights"][:, 0].ravel().tolist() == [2, 3]
    assert np.array_equal(net.params(0)["weights"][:, 1], before[:, 1])


def test_numload_beyond_the_filters(good):
    net = network(CONV.replace("filters=2", "filters=2\nnumload=5"))
    with pytest.raises(WeightsError, match=r"layer 2 \[convolutional\] numload=5 of 2 filters"):
        net.load_weights(good)


def test_partial_keeps_what_the_file_lacks(good, tmp_path):
    """In the middle of a transposed matrix, too."""
    header = struct.pack("<iiii", 1001, 0, 0, 0)
    net = network(ROWS)
    before = net.params(0)["weights"].copy()
    found = net.load_weights(file_of(tmp_path, header, range(1, 6)), partial=True)
    w = net.params(0)["weights"]
    assert net.params(0)["biases"].tolist() == [1, 2]
    assert [w[0, 0], w[1, 0], w[0, 1]] == [3, 4, 5]  # stored (inputs, outputs)
    assert w[1, 1] == before[1, 1] and np.array_equal(w[:, 2], before[:, 2])
    assert found.note == "ends in layer 0 [connected] weights: what comes after it keeps its values"
    good.write_bytes(good.read_bytes() + b"xyz")
    assert network().load_weights(good, partial=True).note == "3 bytes at its end are not used"


def test_cutoff(good):
    net, expected = network(), network()
    expected.load_weights(good)
    before = net.params(2)["weights"].copy()
    net.load_weights(good, cutoff=1)
    assert np.array_equal(net.params(0)["weights"], expected.params(0)["weights"])
    assert np.array_equal(net.params(2)["weights"], before)
    with pytest.raises(UsageError, match="cutoff=-1"):
        net.load_weights(good, cutoff=-1)


def test_state_of_recurrent_layers_is_forgotten(tmp_path):
    net = network("[net]\ninputs=3\n[rnn]\noutput=2\n")
    net.save(tmp_path / "rnn.weights")
    x = np.ones((1, 3), np.float32)
    first = net.forward(x)
    net.forward(x)
    net.load_weights(tmp_path / "rnn.weights")
    np.testing.assert_array_equal(net.forward(x), first)


# -- what is refused -----------------------------------------------------------------------------------------------


def edit(content, at, value):
    return content[:at] + value + content[at + len(value):]


NAN, INF = struct.pack("<f", np.nan), struct.pack("<f", -np.inf)
REFUSED = {  # name: (bytes made of the good ones, what the message must say)
    "empty": (lambda b: b"", ["the file is empty", "download or save it again"]),
    "shorter than a header": (lambda b: b[:10], ["10 bytes", "16"]),
    "shorter than a wide header": (lambda b: b[:18], ["18 bytes", "20"]),
    "only a header": (lambda b: b[:20], ["20 bytes", "needs 316", "layer 0 [convolutional] biases"]),
    "ends within a layer": (lambda b: b[:200], ["200 bytes", "needs 316", "layer 0 [convolutional] weights", "cfg"]),
    "ends between layers": (lambda b: b[:284], ["284 bytes", "needs 316", "before layer 2 [convolutional]",
                                                "--allow-partial"]),
    "ends within the last number": (lambda b: b[:-1], ["315 bytes", "layer 2 [convolutional] weights"]),
    "too long": (lambda b: b + bytes(40), ["356 bytes", "needs 316", "40 bytes are left over", "another cfg"]),
    "web page": (lambda b: b"\n <!DOCTYPE html><html><body>404 Not Found", ["web page", "download the file again"]),
    "html": (lambda b: b"<HTML>quota exceeded</HTML>", ["web page"]),
    "LFS pointer": (lambda b: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
                    ["Git LFS pointer", "git lfs pull"]),
    "gzip": (lambda b: b"\x1f\x8b\x08\x00" + b, ["gzip", "unpack"]),
    "zip": (lambda b: b"PK\x03\x04" + b, ["zip", "unpack"]),
    "Keras": (lambda b: b"\x89HDF\r\n\x1a\n" + b, ["HDF5", ".weights"]),
    "a cfg": (lambda b: CONV.strip().encode(), ["a .cfg", "cfg, then weights"]),
    "text": (lambda b: b"no weights here, only words", ["version", "not a Darknet weights file"]),
    "negative version": (lambda b: edit(b, 0, struct.pack("<i", -1)), ["version -1.2.0"]),
    "absurd version": (lambda b: edit(b, 8, struct.pack("<i", 1 << 30)), [f"version 0.2.{1 << 30}"]),
    "absurd seen": (lambda b: edit(b, 12, b"\xff" * 8), ["images were seen", "damaged"]),
    "negative seen": (lambda b: struct.pack("<iiii", 0, 1, 0, -5) + b[20:], ["-5 images"]),
    "NaN": (lambda b: edit(b, 100, NAN), ["layer 0 [convolutional] weights", "1 of 54 numbers", "not finite"]),
    "infinities": (lambda b: edit(b, 24, INF * 2), ["layer 0 [convolutional] biases", "2 of 3 numbers"]),
    "NaN at the end": (lambda b: b[:-4] + NAN, ["layer 2 [convolutional] weights", "1 of 6 numbers"]),
    "8-byte count in an old header": (lambda b: edit(b, 4, struct.pack("<i", 0)),
                                      ["4 bytes are left over", "version 0.0", "write version 0.2"]),
}


def refuse(net, path, *says):
    before, seen = state(net), net.seen
    with pytest.raises(WeightsError) as caught:
        net.load_weights(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    for part in says:
        assert part in message
    assert same(before, state(net)) and net.seen == seen
    return message


@pytest.mark.parametrize("name", REFUSED)
def test_refused_bytes(good, name):
    make, says = REFUSED[name]
    good.write_bytes(make(good.read_bytes()))
    refuse(network(), good, *says)


def test_refused_places(tmp_path):
    refuse(network(), tmp_path, "is a directory", "give the .weights file")
    refuse(network(), tmp_path / "none.weights", "no such file", "check the path")
    refuse(network(), tmp_path / ("n" * 300), "cannot be read", "check the path")
    os.mkfifo(tmp_path / "pipe")
    refuse(network(), tmp_path / "pipe", "not a regular file")
    with pytest.raises(WeightsError, match="no such file"):
        network().load_weights("a\0b")
    with pytest.raises(WeightsError, match=r"'two\\nlines'"):
        network().load_weights("two\nlines")


def test_no_permission(good, monkeypatch):
    def denied(*a, **k):
        raise PermissionError(errno.EACCES, "Permission denied")

    net = network()
    monkeypatch.setattr("builtins.open", denied)
    refuse(net, good, "no permission", "chmod")


class Failing(io.BytesIO):
    """A file whose disk fails behind the header."""

    def readinto(self, buffer):
        raise OSError(errno.EIO, "Input/output error")

    def fileno(self):
        return self.descriptor


def test_a_failing_disk(good, monkeypatch):
    with open(good, "rb") as real:
        failing = Failing(real.read())
        failing.descriptor = real.fileno()
        monkeypatch.setattr(weights, "open_weights", lambda path, shown: failing)
        refuse(network(), good, "cannot be read: input/output error")


@pytest.mark.parametrize(("have", "want"), [(1, 4), (4, 1), (80, 20), (3, 3)])
def test_the_number_of_classes_is_found(tmp_path, have, want):
    path = tmp_path / "yolo.weights"
    network(YOLO.format(filters=2 * (5 + have), classes=have)).save(path)
    net = network(YOLO.format(filters=2 * (5 + want), classes=want))
    if have == want:
        net.load_weights(path)
    else:
        refuse(net, path, f"it would fit classes={have}")


def test_a_partial_reading_still_refuses_what_is_no_weights_file(good):
    content = good.read_bytes()
    for spoilt in (content[:12], b"<html>" + content, edit(content, 28, NAN)):
        good.write_bytes(spoilt)
        with pytest.raises(WeightsError):
            network().load_weights(good, partial=True)


def test_load_judges_before_it_takes_memory(good, tmp_path, monkeypatch):
    text = tmp_path / "net.cfg"
    text.write_text(CONV.replace("filters=3", "filters=3000000"))
    monkeypatch.setattr(darkpy.network, "Network", None)
    with pytest.raises(WeightsError, match="needs 288,000,028"):
        darkpy.network.load(text, good)


# -- what is written -----------------------------------------------------------------------------------------------


def test_saving_again_gives_the_same_bytes(good, tmp_path):
    net = network()
    net.load_weights(good)
    net.save(tmp_path / "again.weights")
    assert (tmp_path / "again.weights").read_bytes() == good.read_bytes()
    assert good.read_bytes()[:20] == struct.pack("<iiiQ", 0, 2, 0, 64)


def only(path):
    assert sorted(os.listdir(path.parent)) == [path.name]


def test_a_failed_save_leaves_the_old_file_and_nothing_else(good, monkeypatch):
    old = good.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WeightsError, match=r"good\.weights: cannot be written: no space left on device"):
        network().save(good)
    assert good.read_bytes() == old
    only(good)


def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(good, monkeypatch):
    old = good.read_bytes()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        network().save(good)
    assert good.read_bytes() == old
    only(good)


def test_numbers_that_are_not_finite_are_not_written(good):
    old = good.read_bytes()
    net = network()
    net.params(2)["weights"][0, 0] = np.nan
    with pytest.raises(WeightsError, match=r"not written: layer 2 \[convolutional\] weights"):
        net.save(good)
    assert good.read_bytes() == old
    only(good)


def test_places_that_cannot_be_written(tmp_path):
    net = network()
    for path, says in ((tmp_path, "not a regular file"), (tmp_path / "no" / "x.weights", "its folder does not exist"),
                       ("/dev/null", "not a regular file"), ("a\0b", "NUL")):
        with pytest.raises(WeightsError, match=says):
            net.save(path)
    assert os.listdir(tmp_path) == []
    with pytest.raises(UsageError, match="seen=-1"):
        net.save(tmp_path / "x.weights", seen=-1)


def test_a_link_is_followed_and_stays(good):
    link = good.parent / "latest.weights"
    link.symlink_to(good.name)
    network(seed=9).save(link)
    assert link.is_symlink()
    net = network()
    net.load_weights(good)
    assert same(state(net), state(network(seed=9)))

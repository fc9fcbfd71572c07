"""rnn train, generate, valid, vec: a net learns a short text by heart and goes on with it."""

import io
import re
import sys

import numpy as np
import pytest

import darkpy as package
from darkpy.datasets.text import TextLoader, read_text
from darkpy.errors import DataError
from darkpy.tasks.text import Writer
from tests.train import jobs

NET = """[net]
batch=4
time_steps=12
inputs=128
learning_rate=.02
adam=1
decay=0
max_batches=150
[gru]
output=24
tanh=1
[connected]
output=128
activation=linear
[softmax]
"""
TEXT = "abcde fghij\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from darkpy.cli.main import main

    folder = tmp_path_factory.mktemp("rnn")
    (folder / "n.cfg").write_text(NET)
    (folder / "t.txt").write_text(20 * TEXT)
    assert main(["rnn", "train", str(folder / "n.cfg"), "-file", str(folder / "t.txt"), "-backup",
                 str(folder / "backup"), "-no_chart"]) == 0
    return str(folder / "n.cfg"), str(folder / "backup" / "n_final.weights"), folder


def test_generate(darkpy, trained):
    done = darkpy("rnn", "generate", *trained[:2], "-seed", "abc", "-len", "24", "-temp", ".3")
    assert done.status == 0 and done.out == "abcde fghij\nabcde fghij\nabc\n"
    assert darkpy("rnn", "generate", *trained[:2], "-seed", "\\n\\n", "-len", "0").out == "\n\n\n"
    (trained[2] / "tokens").write_text("".join(f"w{i}\n" for i in range(128)))
    words = darkpy("rnn", "generate", *trained[:2], "-seed", "w97 w98", "-len", "2", "-temp", ".1", "-tokens",
                   trained[2] / "tokens").out
    assert words.split() == ["w97", "w98", "w99", "w100"]


def test_valid(darkpy, trained, monkeypatch):
    done = darkpy("rnn", "valid", *trained[:2], "-file", trained[2] / "t.txt")
    found = re.fullmatch(r"239 BPC: ([\d.]+)   Perplexity: ([\d.]+)    Word Perplexity: ([\d.]+)\n", done.out)
    bits, perplexity, _ = map(float, found.groups())
    assert bits < 1 and perplexity == pytest.approx(2**bits, abs=1e-3)
    other = io.TextIOWrapper(io.BytesIO(b"zyx wvu tsr qpo " * 4))
    monkeypatch.setattr(sys, "stdin", other)
    worse = darkpy("rnn", "valid", *trained[:2])
    assert float(worse.out.split()[2]) > 3 and worse.out.startswith("63 BPC")


def test_bits_by_hand(trained):
    from darkpy.tasks.text import measure

    writer = Writer(*trained[:2])
    bits, words = 0.0, 1
    for a, b in zip("ab c", "b c"):  # noqa: B905
        bits -= np.log2(writer.read(ord(a))[ord(b)])
        words += b == " "
    *_, state = measure(Writer(*trained[:2]), b"", b"ab c")
    assert state.bits == pytest.approx(bits, rel=1e-5) and (state.characters, state.words) == (3, words)
    assert state.word_perplexity == pytest.approx(2 ** (bits / words), rel=1e-5)


def test_vec(darkpy, trained, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"abc\nfgh \nabc\n")))
    rows = [line.split(",") for line in darkpy("rnn", "vec", *trained[:2]).out.splitlines()]
    assert [row[0] for row in rows] == ["abc", "fgh", "abc"] and all(len(row) == 25 for row in rows)
    assert rows[0] == rows[2] and rows[0][1:] != rows[1][1:]


def test_resumed_ends_with_the_same_bytes(darkpy, tmp_path):
    (tmp_path / "t.txt").write_text(3 * TEXT + "xyz")
    (tmp_path / "n.cfg").write_text(NET)
    for name, stops in (("whole", (80,)), ("broken", (30, 80))):
        for stop in stops:
            done = darkpy("rnn", "train", tmp_path / "n.cfg", "-file", tmp_path / "t.txt", "-backup",
                          tmp_path / name / "backup", "-no_chart", "--max_batches", stop, "--resume")
            assert done.status == 0, done.err
    one, two = jobs.left(tmp_path / "whole"), jobs.left(tmp_path / "broken")
    assert one["n_final.weights"] == two["n_final.weights"] and one["n.checkpoint"] == two["n.checkpoint"]
    (tmp_path / "t.txt").write_text(3 * TEXT)
    done = darkpy("rnn", "train", tmp_path / "n.cfg", "-file", tmp_path / "t.txt", "-backup",
                  tmp_path / "whole" / "backup", "--resume", "--max_batches", 90)
    assert done.status == 4 and "began with another text" in done.err


def test_batches():
    """By time step, then by stream; the truth is the next character; a stream that jumps is forgotten."""
    text = np.arange(10)
    forgotten = []
    loader = TextLoader(text, 10, 3, 4, forgotten.append, seed=1)
    last, jumps = None, 0
    for n in range(200):
        before = len(forgotten)
        batch = next(loader)
        x, y = (part.argmax(1).reshape(4, 3) for part in (batch.x, batch.truth))
        assert batch.position == 12 * n and batch.x.sum() == batch.truth.sum() == 12
        np.testing.assert_array_equal(y, (x + 1) % 10)
        np.testing.assert_array_equal(x[1:], y[:-1])
        jumped = forgotten[before:]
        if last is not None:
            assert all(x[0, k] == last[k] for k in range(3) if k not in jumped)
        last, jumps = y[-1], jumps + len(jumped)
    assert 2 < jumps < 25  # 597 / 64


def test_what_is_no_text(darkpy, tmp_path, trained):
    (tmp_path / "t").write_bytes(b"ab\ncd\xff")
    with pytest.raises(DataError, match=r"holds the character 255 in line 2, but the net takes 128: inputs=256 would"):
        read_text(tmp_path / "t", 128)
    (tmp_path / "t").write_text("1 2 90\n3 x")
    with pytest.raises(DataError, match="'x' is not the number of a token"):
        read_text(tmp_path / "t", 100, tokenized=True)
    (tmp_path / "t").write_text("1 2 90")
    assert read_text(tmp_path / "t", 100, tokenized=True).tolist() == [1, 2, 90]
    assert darkpy("rnn", "train", trained[0], "-file", tmp_path / "gone").err.endswith("no such file: check the path\n")
    (tmp_path / "c.cfg").write_text("[net]\ninputs=4\n[connected]\noutput=3\n[softmax]\n")
    net = package.load(tmp_path / "c.cfg")
    net.save(tmp_path / "c.weights")
    done = darkpy("rnn", "generate", tmp_path / "c.cfg", tmp_path / "c.weights")
    assert done.status == 3 and "a net for text takes and gives inputs= numbers" in done.err
    assert "is not among the 128" in darkpy("rnn", "generate", *trained[:2], "-seed", "ä").err

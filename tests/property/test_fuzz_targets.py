"""The targets of fuzz/ with bytes from Hypothesis: arbitrary ones, and good files with a few bytes changed."""

import importlib
import io

import harness
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.shared import ROOT


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 9, 3), np.uint8)).save(out, "JPEG")
    return out.getvalue()


CFG = b"[net]\nwidth=32\nheight=32\nchannels=3\n[conv]\nfilters=14\nsize=3\npad=1\n[route]\nlayers=-1\n[yolo]\n" \
      b"mask=0,1\nanchors=1,2, 3,4\nnum=2\nclasses=2\n"
GOOD = {  # of each target, a file it takes
    "cfg": CFG,
    "data": b"classes=2\ntrain=a.txt # list\nnames=" + str(ROOT / "data" / "coco.names").encode() + b"\nbackup=b\n",
    "image": jpeg(),
    "labels": b"0 .5 .5 .25 .125\n19 0.1 0.9 1e-1 0.05\r\n",
    "names": b"12\n7\n999\n",
    "tree": b"animal -1\nplant -1\ndog 0\ncat 0\ntree 1\noak 4\n",
    "weights": b"\x00" + b"\0\0\0\0\2\0\0\0\0\0\0\0" + bytes(8) + np.ones(39, "<f4").tobytes(),
}
# words that make arbitrary bytes look more like each file
WORDS = [b"\n", b"\r\n", b" ", b"=", b"-1", b"0", b".5", b"1e9", b"9" * 30, b"\xef\xbb\xbf", b"[net]", b"[yolo]", b"#",
         b"classes=", b"layers=", b"nan", "é".encode(), b"\xff", b"\0"]


def test_every_target_is_here():
    assert sorted(GOOD) == sorted(p.stem.removeprefix("fuzz_") for p in (ROOT / "fuzz").glob("fuzz_*.py"))


@pytest.mark.parametrize("name", GOOD)
def test_any_bytes(name):
    attempt = importlib.import_module(f"fuzz_{name}").attempt
    harness.REFUSED.clear()
    attempt(GOOD[name])
    assert not [e for e in harness.REFUSED if "train=a.txt" not in e]  # a list that is not there

    @settings(deadline=None, max_examples=60)
    @given(st.binary(max_size=300) | st.lists(st.sampled_from(WORDS), max_size=30).map(b"".join))
    def any_bytes(data):
        attempt(data)

    places = st.integers(0, len(GOOD[name]) - 1)

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.tuples(places, st.binary(min_size=1, max_size=4) | st.sampled_from(WORDS)), max_size=4),
           st.integers(1, len(GOOD[name])))
    def changed_bytes(changes, end):
        data = bytearray(GOOD[name])
        for at, new in changes:
            data[at : at + len(new)] = new
        attempt(bytes(data[:end]))

    any_bytes()
    changed_bytes()

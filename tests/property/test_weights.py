"""Any bytes as a weights file: they load, or they are refused in one line and nothing has changed."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpy.errors import WeightsError
from tests.test_weights import network, state


def attempt(path, content, partial):
    """Loads, or refuses with one line and changes nothing; never anything else."""
    path.write_bytes(content)
    net = network()
    before = state(net)
    try:
        net.load_weights(path, partial=partial)
    except WeightsError as e:
        assert str(e).startswith(str(path)) and "\n" not in str(e)
        assert all(map(np.array_equal, before, state(net)))
    else:
        assert all(np.isfinite(array).all() for array in state(net))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("any") / "any.weights"


@pytest.fixture(scope="module")
def content(place):
    network(seed=3).save(place)
    return place.read_bytes()


@settings(deadline=None, max_examples=150)
@given(raw=st.binary(max_size=400), partial=st.booleans())
def test_any_bytes(place, raw, partial):
    attempt(place, raw, partial)


@settings(deadline=None, max_examples=150)
@given(raw=st.binary(max_size=400), partial=st.booleans())
def test_any_bytes_behind_a_header(place, raw, partial):
    attempt(place, struct.pack("<iiiQ", 0, 2, 0, 0) + raw, partial)


@settings(deadline=None, max_examples=150)
@given(end=st.integers(0, 330), flips=st.lists(st.tuples(st.integers(0, 315), st.integers(0, 7)), max_size=4),
       partial=st.booleans())
def test_truncations_and_flipped_bits(place, content, end, flips, partial):
    changed = bytearray(content)
    for at, bit in flips:
        changed[at] ^= 1 << bit
    attempt(place, bytes(changed[:end]), partial)

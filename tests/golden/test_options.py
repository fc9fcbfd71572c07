"""Option look-ups against the original's, on a file of awkward lines; where darkpy differs, it is meant.

The original takes every blank out of a line, has no comments behind a value, and reads numbers up to the first
character that does not fit, so that 12abc is 12 and a word is 0.
"""

import json

import pytest

from darkpy import cfg
from tests.shared import shared

# key: (the original's text, ours, why)
TEXT = {
    "valid": ("data/myvalidlist.txt", "data/my valid list.txt", "paths keep their blanks"),
    "i": ("1000", "1 000", "blanks stay in the text, but not in a number"),
    "l": ("3#trailing", "3", "a comment may stand behind a value"),
}

# key: {kind: (the original's number, ours)}; None: refused
NUMBERS = {
    "a": {"int": (1, None)},  # 1.5e-2
    "b": {"int": (0, None), "float": (16.0, None)},  # 0x10
    "c": {"int": (12, None), "float": (12.0, None)},  # 12abc
    "d": {"int": (0, None)},  # .25
    "e": {"int": (-7, None)},  # -7.9
    "h": {"int": (0, None), "float": (0.0, None)},  # =x=y
    "j": {"int": (0, None), "float": ("nan", None)},  # nan
    "k": {"int": (0, None), "float": (0.0, None)},  # #7
    "n": {"int": (1, 1000)},  # 1e3
    "names": {"int": (0, None), "float": (0.0, None)},
    "train": {"int": (0, None), "float": (0.0, None)},
    "valid": {"int": (0, None), "float": (0.0, None)},
}


@pytest.fixture(scope="module")
def recorded():
    return json.loads(shared("golden", "misc", "options.json").read_text())["values"]


@pytest.fixture(scope="module")
def section():
    return cfg.read_options(shared("golden", "misc", "options.txt"))


def ours(text, kind):
    try:
        return cfg.convert(text, kind)
    except ValueError:
        return None


@pytest.mark.golden
def test_text(recorded, section):
    for key, found in recorded.items():
        expected = found["str"]
        if key in TEXT:
            assert TEXT[key][0] == expected
            expected = TEXT[key][1]
        assert section.get(key) == expected, key
    assert set(section.options) == {k for k, v in recorded.items() if v["str"] is not None}


@pytest.mark.golden
@pytest.mark.parametrize("kind", [int, float])
def test_numbers(recorded, section, kind):
    for key, found in recorded.items():
        if found["str"] is None:
            continue
        expected = kind(found[kind.__name__])
        if kind.__name__ in NUMBERS.get(key, {}):
            theirs, mine = NUMBERS[key][kind.__name__]
            assert str(expected) == str(theirs), key
            expected = mine
        got = ours(section.get(key), kind)
        assert got == (expected if kind is int or expected is None else pytest.approx(expected, rel=1e-7)), key


@pytest.mark.golden
def test_the_first_value_counts_as_in_the_original(recorded, section):
    assert section.get("classes") == recorded["classes"]["str"] == "20"
    assert section.repeated[0].value == "99"

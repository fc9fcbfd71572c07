"""Label files: what is read, and every kind of line that is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpy.datasets.labels import read_labels, scan_labels
from darkpy.errors import DataError


def write(folder, text):
    path = folder / "a.txt"
    path.write_bytes(text.encode())
    return path


def test_good_lines(tmp_path):
    path = write(tmp_path, "\ufeff0 .5 0.25 1 1e-1\r\n\r\n  2\t1 1 .5 .5  \n1 0 0 0 0\n")
    rows = read_labels(path, 3)
    assert rows.dtype == np.float32
    assert rows.tolist() == [pytest.approx(row) for row in ([0, .5, .25, 1, .1], [2, 1, 1, .5, .5], [1, 0, 0, 0, 0])]
    assert scan_labels(path, 3).lines == [1, 3, 4]


def test_no_objects(tmp_path):
    assert read_labels(write(tmp_path, ""), 1).shape == (0, 5)


BAD = ["1 .5 .5 .1", "1 .5 .5 .1 .1 .9", "1 .5 .5 .1 x", "1 .5 .5 .1 nan", "1 .5 .5 inf .1", "3 .5 .5 .1 .1",
       "-1 .5 .5 .1 .1", "1.5 .5 .5 .1 .1", "1 -.1 .5 .1 .1", "1 .5 1.2 .1 .1", "1 .5 .5 2 .1", "1 .5 .5 .1 -.1",
       "1 240 135 50 60", "dog .5 .5 .1 .1", "1,.5,.5,.1,.1", "1 .5 .5 .1 1e999"]


@pytest.mark.parametrize("line", BAD)
def test_bad_lines(tmp_path, line):
    path = write(tmp_path, f"0 .5 .5 .1 .1\n{line}\n")
    with pytest.raises(DataError) as e:
        read_labels(path, 3)
    assert str(e.value).startswith(f"{path}:2: ") and "\n" not in str(e.value)
    assert len(scan_labels(path, 3).rows) == 1


@pytest.mark.parametrize("line", ["1,.5,.5,.1,.1", "1;.5;.5;.1;.1", "1, .5, .5, .1, .1"])
def test_commas(tmp_path, line):
    with pytest.raises(DataError, match=r"a\.txt:1: there must be blanks between its numbers|'1,' is not a number"):
        read_labels(write(tmp_path, line), 3)


def test_zero_size_is_left_out(tmp_path):
    path = write(tmp_path, "0 .5 .5 0 .1\n0 .5 .5 .1 .1\n")
    assert len(read_labels(path, 1)) == 1
    assert [p.kind for p in scan_labels(path, 1).problems] == ["size"]


def test_missing(tmp_path):
    with pytest.raises(DataError, match=r"gone\.txt: no such file"):
        read_labels(tmp_path / "gone.txt", 1)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text("0123456789.e- \n\x00naif+", max_size=80).map(str.encode))
def test_any_bytes(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(content)
    try:
        rows = read_labels(path, 3)
    except DataError as e:
        assert "\n" not in str(e)
    else:
        assert np.isfinite(rows).all() and rows.shape[1] == 5

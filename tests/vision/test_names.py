"""Names and maps: what is tolerated, what is refused and where, arbitrary bytes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkpy.errors import DarkpyError, DataError
from darkpy.vision.names import read_map, read_names
from darkpy.vision.textfile import read_lines
from tests.shared import shared


@pytest.mark.golden
def test_the_original_lists():
    assert len(read_names(shared("data", "names", "coco.names"))) == 80
    assert read_names(shared("data", "names", "voc.names"))[11] == "dog"
    assert len(read_names(shared("data", "names", "9k.names"))) == 9418
    numbers = read_map(shared("data", "names", "coco9k.map"), limit=9418)
    assert numbers.dtype == np.int32 and numbers.shape == (80,) and numbers[-1] == 2360
    assert read_map(shared("data", "names", "inet9k.map")).shape == (200,)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "some.names"


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"cat\ndog\n", ["cat", "dog"]),
        (b"cat\ndog", ["cat", "dog"]),
        (b"cat\r\ndog\r\n\r\n\r\n", ["cat", "dog"]),
        (b"\xef\xbb\xbfcat\n", ["cat"]),
        (b"  traffic light \t\n", ["traffic light"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        ("猫\nchien d'été\n".encode(), ["猫", "chien d'été"]),
    ],
)
def test_names(file, content, names):
    file.write_bytes(content)
    assert read_names(file) == names


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no names"),
        (b"\n \r\n", "holds no names"),
        ("cat\nmärz\n".encode("latin-1"), r"some.names:2: byte 0xe4 is not UTF-8"),
        ("cat\ndog\n".encode("utf-16"), r"some.names:1: contains a NUL byte"),
    ],
)
def test_faulty_names(file, content, message):
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_names(file)


def test_missing_directory_and_size(file, tmp_path):
    with pytest.raises(DataError, match=r"some.names: no such file"):
        read_names(file)
    with pytest.raises(DataError, match="is a directory, not a list of names"):
        read_names(tmp_path)
    file.write_bytes(b"x" * 11)
    with pytest.raises(DataError, match="larger than 10 bytes, so not a list: is it the right file"):
        read_lines(file, "a list", max_bytes=10)


def test_maps(file):
    file.write_bytes(b"3\r\n0\n 17 \n\n")
    np.testing.assert_array_equal(read_map(file), [3, 0, 17])
    with pytest.raises(DataError, match=r"some.names:3: '17' must be a whole number from 0 to 16"):
        read_map(file, limit=17)
    for text in ("-1", "1.5", "x", "", "１", "²", "9" * 30, "2147483648", "1 2"):
        file.write_text("5\n" + text + "\n7\n", encoding="utf-8")
        with pytest.raises(DataError, match=r"some.names:2: "):
            read_map(file)
    file.write_bytes(b"")
    with pytest.raises(DataError, match="holds no numbers"):
        read_map(file)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=50) | st.text(alphabet="01 9\n\r", max_size=30).map(str.encode))
def test_arbitrary_bytes_give_a_list_or_a_data_error(file, content):
    file.write_bytes(content)
    for read in (read_names, read_map):
        try:
            assert len(read(file))
        except DarkpyError as error:
            assert "\n" not in str(error)

"""The .data file: its options, and the files they lead to."""

import pytest

from darkpy import datafile
from darkpy.errors import DataError
from tests.shared import ROOT


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cfg").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.names").write_text("cat\n")
    (tmp_path / "cfg" / "beside.txt").write_text("")
    return tmp_path


def read(folder, text, **kw):
    (folder / "cfg" / "d.data").write_text(text)
    return datafile.read(folder / "cfg" / "d.data", **kw)


def test_values_and_defaults(folder):
    c = read(folder, "classes= 20\r\nnames = data/a.names\r\ntop=5\r\n").config
    assert (c.classes, c.names, c.top) == (20, "data/a.names", 5)
    assert (c.train, c.valid, c.backup, c.results, c.eval) == ("", "", "backup", "results", "voc")


def test_files_are_found_beside_the_data_file_or_above(folder, monkeypatch):
    data = read(folder, "names=data/a.names\ntrain=beside.txt\nvalid=gone.txt\n")
    assert data.find("names") == folder / "data" / "a.names"
    assert data.find("train") == folder / "cfg" / "beside.txt"
    with pytest.raises(DataError, match=r"d.data:3: valid=gone.txt: no such file, neither here nor beside"):
        data.find("valid")
    with pytest.raises(DataError, match=r"d.data: no test= is given: it must name a file"):
        data.find("test")
    monkeypatch.chdir(folder / "data")
    (folder / "data" / "beside.txt").write_text("the working folder comes first")
    assert str(data.find("train")) == "beside.txt"


def test_names_the_system_cannot_hold(folder):
    data = read(folder, f"train={'x' * 5000}\n")
    with pytest.raises(DataError, match="no such file"):
        data.find("train")


def test_all_faults_at_once(folder):
    with pytest.raises(DataError) as e:
        read(folder, "classes=many\ntrian=x\n")
    place = folder / "cfg" / "d.data"
    assert str(e.value) == (f"{place}:1: classes=many: is not a whole number\n"
                            f"{place}:2: trian=x: unknown key: did you mean train?")


def test_lax(folder):
    data = read(folder, "classes=2\nclasses=3\ntrian=x\n", lax=True)
    assert data.config.classes == 2
    assert [w.split(": ", 1)[1] for w in data.warnings] == [
        "classes is given twice: line 1 counts", "trian=x: unknown key: did you mean train?"]


@pytest.mark.parametrize("path", sorted((ROOT / "cfg").glob("*.data*")), ids=lambda p: p.name)
def test_stock_files(path):
    data = datafile.read(path)
    assert data.config.classes > 0
    assert data.find("names").is_file()
    assert data.warnings == []

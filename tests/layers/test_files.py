"""Files named inside a cfg."""

import pytest

from darkpy.layers.base import LayerProblem
from darkpy.layers.files import find_file


def test_three_places_in_order(tmp_path, monkeypatch):
    cfg, here = tmp_path / "net" / "cfg", tmp_path / "here"
    places = [tmp_path / "net" / "data", cfg / "data", here / "data"]
    here.mkdir()
    monkeypatch.chdir(here)
    for place in places:
        place.mkdir(parents=True)
        (place / "9k.tree").write_text("a -1\n")
        found = find_file("data/9k.tree", str(cfg))
        assert (here / found).resolve() == (place / "9k.tree").resolve()


@pytest.mark.parametrize("name", ["none.tree", "x" * 5000, "."])
def test_nowhere(name, tmp_path):
    with pytest.raises(LayerProblem, match="no such file") as e:
        find_file(name, str(tmp_path), "tree")
    assert e.value.key == "tree"

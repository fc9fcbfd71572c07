"""darkpy.Classifier: the likeliest classes, with and without a label tree."""

import json

import numpy as np
import pytest

import darkpy
from tests import nets


def colour(rgb) -> np.ndarray:
    return np.full((8, 8, 3), rgb, np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return darkpy.Classifier(*nets.classifier_files(tmp_path_factory.mktemp("net")))


def test_the_likeliest_come_first(model):
    result = model.classify(colour((0, 255, 128)))
    assert [g.name for g in result] == ["green", "blue", "red"]
    expected = np.exp(4 * np.array([0, 1, 128 / 255]))
    expected /= expected.sum()
    np.testing.assert_allclose(result.probabilities, expected, rtol=1e-5)
    assert result[0].class_id == 1 and result[0].confidence == pytest.approx(expected[1], rel=1e-5)
    assert len(model.classify(colour((9, 9, 9)), top=2)) == 2
    assert len(model.classify(colour((9, 9, 9)), top=50)) == 3


def test_many_in_order(model):
    colours = [(255, 0, 0), (0, 0, 255), (0, 255, 0)] * 3
    for batch in (1, 4):
        names = [r[0].name for r in model.classify_all(map(colour, colours), batch=batch)]
        assert names == ["red", "blue", "green"] * 3


def test_errors(model, tmp_path):
    with pytest.raises(darkpy.UsageError, match="top=0"):
        model.classify(colour(0), top=0)
    with pytest.raises(darkpy.UsageError, match="classify_all"):
        model.classify([colour(0)])
    with pytest.raises(darkpy.DataError, match="no such file"):
        model.classify("nowhere.png")
    seen = []
    results = list(model.classify_all(["nowhere.png", colour(0)], on_error=lambda *pair: seen.append(pair)))
    assert len(results) == 1 and seen[0][0] == "nowhere.png"
    with pytest.raises(darkpy.ModelError, match="that is a detector"):
        darkpy.Classifier(*nets.detector_files(tmp_path))
    maps = tmp_path / "maps.cfg"
    maps.write_text("[net]\nwidth=8\nheight=8\nchannels=3\n[convolutional]\nfilters=2\n")
    with pytest.raises(darkpy.ModelError, match="8x8 cells"):
        darkpy.Classifier(maps)


def test_json(model):
    result = model.classify(colour((255, 0, 0)), top=1)
    assert json.loads(result.to_json()) == result.to_dict()
    assert result.to_dict()["classes"][0]["name"] == "red"


def test_label_tree(tmp_path):
    """Two roots, the first with two children: only leaves are answered, with products of probabilities."""
    (tmp_path / "my.tree").write_text("animal -1\nthing -1\ndog 0\ncat 0\n")
    cfg = tmp_path / "tree.cfg"
    cfg.write_text("[net]\nwidth=2\nheight=2\nchannels=3\n[avgpool]\n[connected]\noutput=4\nactivation=linear\n"
                   "[softmax]\ntree=my.tree\n")
    model = darkpy.Classifier(cfg, names=["animal", "thing", "dog", "cat"])
    p = model.net.params(1)
    p["weights"][...] = 0
    p["biases"][...] = np.log([0.75, 0.25, 0.9, 0.1])
    result = model.classify(np.zeros((2, 2, 3), np.uint8))
    np.testing.assert_allclose(result.probabilities, [0, 0.25, 0.675, 0.075], rtol=1e-5)
    assert [g.name for g in result][:3] == ["dog", "thing", "cat"]

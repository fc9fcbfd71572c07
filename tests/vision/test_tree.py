"""The label tree: numbers of the original, files with faults, and properties."""

import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkpy.errors import DarkpyError, DataError
from darkpy.vision.tree import Tree
from tests.shared import golden, shared


def filled(n, seed, layer, tensor, scale):
    """The hash fill of the recorded files: `scale` times values in [-1, 1)."""

    def mix(z):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

    gamma = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        key = np.uint64(seed)
        for step in (1, layer + 1, tensor + 1):
            key = mix(key + np.uint64(step) * gamma)
        z = mix(key + np.arange(1, n + 1, dtype=np.uint64) * gamma)
    unit = (z >> np.uint64(40)).astype(np.float32) * np.float32(2**-23) - np.float32(1)
    return unit * np.float32(scale)


def group_softmax(tree, logits):
    out = np.empty_like(logits)
    for first, size in zip(tree.group_offset, tree.group_size, strict=True):
        e = np.exp(logits[first : first + size] - logits[first : first + size].max())
        out[first : first + size] = e / e.sum()
    return out


@pytest.mark.golden
@pytest.mark.parametrize(("name", "parts"), [("small", ("golden", "small.tree")), ("9k", ("data", "names", "9k.tree"))])
def test_recorded_tree(name, parts):
    path = shared(*parts)
    meta, arrays = golden("misc", "tree.npz")
    if name == "9k":
        assert hashlib.sha256(path.read_bytes()).hexdigest() == meta["tree9k_sha256"]
    tree = Tree.read(path)
    for key in ("leaf", "parent", "child", "group", "group_size", "group_offset"):
        np.testing.assert_array_equal(getattr(tree, key), arrays[f"{name}_{key}"], err_msg=key)

    z = filled(len(tree), meta["seed"], 20, 7, 4)
    raw, sharp = group_softmax(tree, z), group_softmax(tree, 5 * z)
    at = arrays[f"{name}_idx"]
    np.testing.assert_allclose(raw[at], arrays[f"{name}_softmax"], rtol=1e-5)
    probability = [tree.hierarchy_probability(raw, int(node)) for node in at]
    np.testing.assert_allclose(probability, arrays[f"{name}_probability"], rtol=1e-4, atol=1e-12)
    for thresh, top_raw, top_sharp in zip(
        arrays["thresholds"], arrays[f"{name}_top_raw"], arrays[f"{name}_top_sharp"], strict=True
    ):
        np.testing.assert_array_equal(tree.top_prediction(np.stack([raw, sharp]), thresh), [top_raw, top_sharp])
    for only_leaves in (False, True):
        key = f"{name}_hpred_leaves{int(only_leaves)}"
        result = tree.hierarchy_predictions(sharp, only_leaves)
        np.testing.assert_allclose(result[at], arrays[key], rtol=1e-4, atol=1e-6)
        assert result.argmax() == arrays[f"{key}_argmax"]
    for node in (8, 1) if name == "small" else ():
        truth = tree.fill_truth(np.eye(len(tree))[node])
        np.testing.assert_array_equal(truth, arrays[f"small_fill_hierarchy_{node}"])


def written(folder, text):
    path = folder / "some.tree"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a -1\nb 1\n", r"some.tree:2: parent '1' of 'b' must be -1 \(a root\) or 0"),
        ("a 0\n", r"some.tree:1: parent '0' of 'a' must be -1 \(a root\)$"),
        ("a -1\nb 2\nc 1\n", r"some.tree:2: parent '2'"),
        ("a -1\nb -2\n", r"some.tree:2: parent '-2'"),
        ("a -1\nb 0x0\n", r"some.tree:2: parent '0x0'"),
        ("a -1\nb 99999999999999999999\n", r"some.tree:2: parent"),
        ("a\n", r"some.tree:1: 'a' must be a name and the parent's number"),
        ("a b -1\n", r"some.tree:1: 'a b -1' must be"),
        ("a -1\n\nb 0\n", r"some.tree:2: '' must be"),
        ("", "holds no nodes"),
        (b"a -1\n\xff 0\n", r"some.tree:2: byte 0xff is not UTF-8"),
        (b"a -1\nb\x00 0\n", r"some.tree:2: contains a NUL"),
    ],
)
def test_faults_are_told_with_their_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        Tree.read(written(tmp_path, text))


def test_several_roots_and_windows_line_ends(tmp_path):
    tree = Tree.read(written(tmp_path, "\ufeffa -1\r\nb 0\r\nc -1\r\nd 2\r\ne 2\r\n\r\n"))
    assert tree.names == list("abcde")
    np.testing.assert_array_equal(tree.group, [0, 1, 2, 3, 3])
    np.testing.assert_array_equal(tree.child, [1, -1, 3, -1, -1])
    # Only the first run of roots is where the walk starts.
    assert tree.top_prediction(np.array([0.9, 0.8, 1, 1, 1]), 0.5) == 1


def test_change_leaves(tmp_path):
    tree = Tree(list("abcd"), np.array([-1, 0, 0, 1]))
    np.testing.assert_array_equal(tree.leaf, [False, False, True, True])
    leaves = tmp_path / "leaves"
    leaves.write_text("b\nd\n")
    assert tree.change_leaves(leaves) == 2
    np.testing.assert_array_equal(tree.leaf, [False, True, False, True])
    result = tree.hierarchy_predictions(np.array([0.5, 0.5, 0.5, 0.5]), only_leaves=True)
    np.testing.assert_array_equal(result, [0, 0.25, 0, 0.125])
    leaves.write_text("b\nx\n")
    with pytest.raises(DataError, match=r"leaves:2: 'x' is not a node"):
        tree.change_leaves(leaves)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(0, 9999))
def test_all_ways_to_multiply_agree(n, seed):
    rng = np.random.default_rng(seed)
    tree = Tree([str(i) for i in range(n)], np.array([rng.integers(-1, i) for i in range(n)]))
    assert sum(tree.group_size) == n and tree.group_offset[0] == 0
    conditional = rng.random((2, 3, n), dtype=np.float32)
    before = conditional.copy()
    result = tree.hierarchy_predictions(conditional)
    np.testing.assert_array_equal(conditional, before)
    along = np.ascontiguousarray(np.moveaxis(conditional, -1, 1))
    np.testing.assert_array_equal(np.moveaxis(tree.hierarchy_predictions(along, axis=1), 1, -1), result)
    one_by_one = np.stack([tree.hierarchy_probability(conditional, node) for node in range(n)], axis=-1)
    np.testing.assert_allclose(result, one_by_one, rtol=1e-5)
    top = tree.top_prediction(conditional, 0.3)
    assert top.shape == (2, 3) and (top >= 0).all() and (top < n).all()
    truth = tree.fill_truth(np.eye(n)[n - 1])
    assert set(np.unique(truth)) <= {0, 1, -1234} and truth[n - 1] == 1


def test_nan_probabilities_end_the_walk():
    tree = Tree(list("abc"), np.array([-1, -1, 0]))
    np.testing.assert_array_equal(tree.top_prediction(np.full((2, 3), np.nan)), [0, 0])
    assert tree.top_prediction(np.zeros((0, 3))).shape == (0,)
    with pytest.raises(ValueError, match="3"):
        tree.top_prediction(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="4 probabilities for a tree of 3"):
        tree.hierarchy_predictions(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="earlier"):
        Tree(list("ab"), np.array([-1, 1]))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text(alphabet="ab -01\n\r\t", max_size=60).map(str.encode))
def test_arbitrary_bytes_give_a_tree_or_a_data_error(tmp_path, content):
    try:
        tree = Tree.read(written(tmp_path, content))
    except DarkpyError as error:
        assert "\n" not in str(error)
    else:
        assert len(tree) > 0

"""The label tree: numbers of the original, files with faults, and properties."""

import hashlib

import numpy as np
import pytest

from darkpy.errors import DataError
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

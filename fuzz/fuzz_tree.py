"""Any bytes as a label tree: parents come before children, so every walk ends, or a line names the file."""

import numpy as np
from harness import file_of, fuzz, instrumented, refusing

with instrumented():
    from darkpy.errors import DataError
    from darkpy.vision.tree import Tree


def attempt(data: bytes) -> None:
    path = file_of(data, "n.tree")
    with refusing(path, DataError):
        tree = Tree.read(path)
        n = len(tree)
        assert n == len(tree.names) and (tree.parent < np.arange(n)).all() and tree.group_size.sum() == n
        p = tree.hierarchy_predictions(np.full(n, 0.5, np.float32))
        assert p.shape == (n,) and (p <= 0.5).all() and (p >= 0).all()
        tree.fill_truth(np.eye(n, dtype=np.float32)[0])


if __name__ == "__main__":
    fuzz(attempt)

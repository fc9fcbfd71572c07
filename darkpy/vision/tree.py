"""The label tree of YOLO9000: classes from "animal" down to "Norfolk terrier", each conditional on its parent.

The network does not say P(terrier) but P(terrier | dog), P(dog | mammal) and so on; the children of one node share a
softmax.  Multiplying down the tree gives P(terrier).  Redmon and Farhadi, "YOLO9000", section 4 ("WordTree").

Tree file: one node per line, "name parent", where parent is the line number (from 0) of the parent node, or -1 for a
root.  A run of lines with the same parent is a group: the children of one node, over which one softmax runs.
"""

from __future__ import annotations

import numpy as np

from darkpy.errors import DataError
from darkpy.jit import njit
from darkpy.vision.names import read_names
from darkpy.vision.textfile import PathLike, read_lines, show

MAX_NODES = 1_000_000

# What Darknet writes into truth where a group says nothing; its losses skip such entries.
SECRET_NUMBER = np.float32(-1234)


class Tree:
    """A label tree.  Arrays are int32; n nodes, g groups, all numbered from 0 by position in the file.

    names         list of n strings
    parent        (n,) the parent node, or -1 for a root
    child         (n,) the group of the node's children, or -1 for a leaf
    group         (n,) the group the node belongs to
    group_size    (g,) nodes of each group
    group_offset  (g,) first node of each group; the nodes of a group are consecutive
    leaf          (n,) bool, True for nodes without children
    """

    def __init__(self, names: list[str], parent: np.ndarray):
        """Build from names and parents (n,), where every parent must come before its children."""
        parent = np.ascontiguousarray(parent, dtype=np.int32)
        n = len(names)
        if n == 0 or parent.shape != (n,):
            raise ValueError(f"{n} names for parents of shape {parent.shape}")
        if parent[0] != -1 or (parent < -1).any() or (parent >= np.arange(n)).any():
            raise ValueError("a parent must be -1 or an earlier node")
        self.names = list(names)
        self.parent = parent
        starts = np.flatnonzero(np.diff(parent, prepend=-2))
        self.group_offset = starts.astype(np.int32)
        self.group_size = np.diff(starts, append=n).astype(np.int32)
        self.group = np.repeat(np.arange(len(starts), dtype=np.int32), self.group_size)
        self.child = np.full(n, -1, np.int32)
        of_group = parent[starts]
        has_parent = of_group >= 0
        # Should a node's children come in two runs, the later run counts, as in Darknet.
        self.child[of_group[has_parent]] = np.flatnonzero(has_parent)
        self.leaf = self.child < 0
        self._levels = _levels(parent)

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def read(cls, path: PathLike) -> Tree:
        """Read a tree file.  Parents must be earlier lines, so there is no cycle.  DataError names file and line."""
        names, parents = [], []
        lines = read_lines(path, "a label tree", max_bytes=1 << 26)
        if len(lines) > MAX_NODES:
            raise DataError(f"{show(path)}: {len(lines)} nodes, more than the {MAX_NODES} a tree may have")
        for index, line in enumerate(lines):
            fields = line.split()
            if len(fields) != 2:
                raise DataError(f"{show(path)}:{index + 1}: {ascii(line[:40])} must be a name and the parent's number")
            name, number = fields
            digits = number.removeprefix("-")
            is_number = digits.isascii() and digits.isdecimal() and len(digits) <= 9
            parent = int(number) if is_number else -2
            if not -1 <= parent < index:
                found = f"parent {ascii(number[:40])} of {ascii(name[:40])}"
                earlier = "" if index == 0 else " or 0" if index == 1 else f" or an earlier node, 0 to {index - 1}"
                raise DataError(f"{show(path)}:{index + 1}: {found} must be -1 (a root){earlier}")
            names.append(name)
            parents.append(parent)
        if not names:
            raise DataError(f"{show(path)}: holds no nodes; write one per line, a name and the parent's number")
        return cls(names, np.array(parents, dtype=np.int32))

    def change_leaves(self, path: PathLike) -> int:
        """Let exactly the nodes named in a file count as leaves (Darknet's `leaves` option); returns how many do.

        Raises DataError if the file cannot be read or names a node the tree does not have.
        """
        wanted = read_names(path)
        known = set(self.names)
        for line, name in enumerate(wanted, start=1):
            if name and name not in known:
                raise DataError(f"{show(path)}:{line}: {ascii(name[:40])} is not a node of the tree")
        chosen = set(wanted)
        self.leaf = np.array([name in chosen for name in self.names])
        return int(self.leaf.sum())

    def hierarchy_probability(self, conditional: np.ndarray, node: int) -> np.ndarray:
        """P(node): the product of conditional (..., n) from the node up to its root, as (...)."""
        conditional = self._nodes(conditional)
        product = np.ones(conditional.shape[:-1], np.float32)
        while node >= 0:
            product = product * conditional[..., node]
            node = int(self.parent[node])
        return product

    def hierarchy_predictions(
        self, conditional: np.ndarray, only_leaves: bool = False, axis: int = -1
    ) -> np.ndarray:
        """P(node) for all nodes at once: a new array, conditional probabilities multiplied down the tree along `axis`.

        only_leaves  set the probability of every node that is not a leaf to 0
        """
        moved = np.moveaxis(np.array(conditional, dtype=np.float32), axis, 0)
        if moved.shape[0] != len(self):
            raise ValueError(f"{moved.shape[0]} probabilities for a tree of {len(self)} nodes")
        for nodes, parents in self._levels[1:]:
            moved[nodes] *= moved[parents]
        if only_leaves:
            moved[~self.leaf] = 0
        return np.moveaxis(moved, 0, axis)

    def top_prediction(self, conditional: np.ndarray, thresh: float = 0.5) -> np.ndarray:
        """The most specific class that is still likely: int32 (...) for conditional probabilities (..., n).

        Walks from the first root group, always to the likeliest child, as long as the product of the probabilities
        stays above `thresh`.  Gives the leaf reached, or the node at which the walk had to stop, or the likeliest root
        even if that is below the threshold.
        """
        conditional = self._nodes(conditional)
        flat = conditional.reshape(-1, len(self))
        out = np.empty(len(flat), np.int32)
        _walk(flat, self.parent, self.child, self.group_offset, self.group_size, np.float32(thresh), out)
        return out.reshape(conditional.shape[:-1])

    def fill_truth(self, truth: np.ndarray) -> np.ndarray:
        """A copy of one-hot truth (n,) in which the ancestors are 1 too, and groups that then say nothing -1234."""
        truth = np.array(truth, dtype=np.float32)
        for nodes, parents in reversed(self._levels[1:]):
            truth[parents[truth[nodes] != 0]] = 1
        silent = np.add.reduceat(truth != 0, self.group_offset, dtype=np.int64) == 0
        truth[silent[self.group]] = SECRET_NUMBER
        return truth

    def _nodes(self, conditional: np.ndarray) -> np.ndarray:
        conditional = np.ascontiguousarray(conditional, dtype=np.float32)
        if conditional.shape[-1:] != (len(self),):
            raise ValueError(f"expected probabilities (..., {len(self)}), got {conditional.shape}")
        return conditional


def _levels(parent: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The nodes of each depth, roots first, with their parents: what can be multiplied in one go."""
    depth = np.zeros(len(parent), np.int64)
    for node, above in enumerate(parent.tolist()):
        if above >= 0:
            depth[node] = depth[above] + 1
    by_depth = np.argsort(depth, kind="stable")
    cuts = np.flatnonzero(np.diff(depth[by_depth])) + 1
    return [(nodes, parent[nodes]) for nodes in np.split(by_depth, cuts)]


@njit
def _walk(conditional, parent, child, group_offset, group_size, thresh, out):
    """`Tree.top_prediction` for each row of conditional (m, n)."""
    for row in range(conditional.shape[0]):
        p = np.float32(1)
        group = 0
        while True:
            first = group_offset[group]
            best = first
            highest = np.float32(0)
            for node in range(first, first + group_size[group]):
                if conditional[row, node] > highest:
                    highest = conditional[row, node]
                    best = node
            if p * highest > thresh:
                p *= highest
                group = child[best]
                if group < 0:
                    out[row] = best
                    break
            else:
                out[row] = best if group == 0 else parent[first]
                break

"""[softmax]: exp(x / temperature), normalised to sum 1 over each group; in training the cross-entropy with the truth.

Groups are equal runs of the numbers (`groups`), the sibling groups of a label tree (`tree`: YOLO9000, Redmon &
Farhadi, 2017, section 4), or the channels of each pixel (`spatial`).  Truth: one number for each output; with a
tree, groups without truth are filled with -1234.  The gradient ignores the temperature, as in the original.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from darkpy.cfg import opt
from darkpy.errors import DarkpyError
from darkpy.layers.base import Array, Layer, LayerConfig, LayerProblem, Loss, NetInfo, check_truth, flat, register
from darkpy.layers.files import find_file
from darkpy.ops.spec import Shape

if TYPE_CHECKING:
    from darkpy.vision.tree import Tree


@register("softmax", "soft")
class Softmax(Layer):
    is_loss = True

    @dataclass
    class Config(LayerConfig):
        groups: int = opt(1, low=1, high=1 << 16)
        temperature: float = opt(1.0)
        tree: str = opt("")
        spatial: bool = opt(False)
        noloss: bool = opt(False)

    def __init__(self, config: Config, in_shapes: list[Shape], net: NetInfo):
        super().__init__(config, in_shapes, net)
        if not config.temperature:
            raise LayerProblem("temperature=0 would divide by zero: 1 is the plain softmax", "temperature")
        n = flat(in_shapes[0])
        self.tree = read_tree(config.tree, net.folder) if config.tree else None
        if config.spatial and len(in_shapes[0]) == 3:
            self.sizes: tuple[int, ...] = (in_shapes[0][0],)
            return
        self.out_shape = (n,)
        if self.tree:
            self.sizes = tuple(int(size) for size in self.tree.group_size)
            if sum(self.sizes) != n:
                raise LayerProblem(f"tree={config.tree} has {sum(self.sizes)} labels, but the input has {n} numbers: "
                                   "they must be equal", "tree")
        else:
            if n % config.groups:
                raise LayerProblem(f"groups={config.groups} does not divide its {n} inputs", "groups")
            self.sizes = (n // config.groups,) * config.groups

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        y = ops.softmax(ops.reshape(x, shape=self.out_shape), sizes=self.sizes, temperature=self.config.temperature)
        return y, y if train else None

    def loss(self, ops: Any, saved: Any, truth: Array, seen: int) -> Loss:
        n, shape = flat(self.out_shape), self.in_shapes[0]
        if self.config.noloss:
            return Loss(0.0, ops.zeros(saved, shape=(saved.shape[0], *shape)))
        check_truth(self, truth, n)
        dx, cost = ops.softmax_loss(ops.reshape(saved, shape=(n,)), truth, masked=self.tree is not None)
        return Loss(float(ops.download(cost)[0]), ops.reshape(dx, shape=shape))


def read_tree(name: str, folder: str) -> Tree:
    """The label tree of a cfg's `tree=`, or a LayerProblem."""
    from darkpy.vision.tree import Tree  # brings Numba in, which most commands and nets do without

    try:
        return Tree.read(find_file(name, folder, "tree"))
    except DarkpyError as e:
        raise LayerProblem(str(e), "tree") from None

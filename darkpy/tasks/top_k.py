"""A classifier measured on the images of a list: is the true class the likeliest, or among the first k?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from darkpy.classifier import Classifier, likeliest
from darkpy.datafile import DataFile
from darkpy.datasets.annotations import refuse
from darkpy.datasets.paths import images_of
from darkpy.datasets.training import classification_set
from darkpy.errors import DataError
from darkpy.pictures import OnError
from darkpy.tasks.views import View, middle, predict


@dataclass
class TopK:
    """Images so far, and how many were right at once and among the first k."""

    k: int
    images: int = 0
    first: int = 0
    among: int = 0

    def to_dict(self) -> dict[str, Any]:
        n = max(self.images, 1)
        return {"images": self.images, "top": self.k, "top1_accuracy": self.first / n, "topk_accuracy": self.among / n}


def top_k(model: Classifier, data: DataFile, k: int, batch: int = 8, on_error: OnError | None = None,
          view: View = middle) -> tuple[int, Iterator[TopK]]:
    """How many images `valid=` names, and the state after each.  `view`: what the net sees of an image.

    An image with several classes is right where any of them is.  Raises DataError with a line for each image whose
    class is not known, before anything is computed.
    """
    images = images_of(data, "valid")
    labels = classification_set(model.net, data, images, chance=False).labels
    problems: list[str] = []
    classes: list[list[int]] = []
    for path in images.images:
        try:
            classes.append(labels.classes_of(path))
        except DataError as e:
            problems.append(str(e))
    refuse(problems)
    if data.config.leaves:
        if model.tree is None:
            raise DataError(f"{data.section.place('leaves')}: leaves= names nodes of a tree, which this net does not "
                            "have: remove it")
        model.tree.change_leaves(data.find("leaves"))

    def states() -> Iterator[TopK]:
        state = TopK(min(k, len(model.names)))
        for i, p in predict(model, images.images, view, batch, on_error):
            right = [found in classes[i] for found in likeliest(p, state.k)]
            state.images += 1
            state.first += right[0]
            state.among += any(right)
            yield state

    return len(images), states()

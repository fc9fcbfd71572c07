"""What a detection head yields for one image, before boxes are fitted to the photo and thinned out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Detections:
    """n candidates: boxes (n, 4) as x, y, w, h of the net's input (centre, fractions), objectness (n,), and
    probabilities (n, classes), 0 where they do not pass the threshold; `mask` (n, k) holds a region layer's
    further coordinates."""

    boxes: np.ndarray
    objectness: np.ndarray
    prob: np.ndarray
    mask: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @staticmethod
    def concat(parts: list[Detections]) -> Detections:
        """All candidates of several heads, in their order."""
        masks = [p.mask for p in parts if p.mask is not None]
        return Detections(np.concatenate([p.boxes for p in parts]), np.concatenate([p.objectness for p in parts]),
                          np.concatenate([p.prob for p in parts]), np.concatenate(masks) if masks else None)

"""What a detector found in one image."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from darkpy.vision.boxes import to_xyxy
from darkpy.vision.decode import write_image
from darkpy.vision.draw import draw_detections


@dataclass(frozen=True)
class Boxes:
    """n detections, the most confident first; all arrays have n rows.

    An object that is likely to be of several classes has a row for each.  Boxes are the net's own: near the edge they
    may reach beyond the image.
    """

    xywhn: np.ndarray  # (n, 4) float32: centre and size, in fractions of the image
    confidence: np.ndarray  # (n,) float32: probability of the class, in [0, 1]
    class_id: np.ndarray  # (n,) int64
    objectness: np.ndarray  # (n,) float32: probability that there is an object at all
    image_size: tuple[int, int]  # width, height in pixels

    def __len__(self) -> int:
        return len(self.confidence)

    @property
    def xyxy(self) -> np.ndarray:
        """(n, 4) float32: left, top, right, bottom in pixels."""
        return to_xyxy(self.xywhn) * np.array(2 * self.image_size, np.float32)

    @property
    def xywh(self) -> np.ndarray:
        """(n, 4) float32: centre and size in pixels."""
        return self.xywhn * np.array(2 * self.image_size, np.float32)


@dataclass(frozen=True)
class Result:
    """Detections in one image, with all class names; `speed` is in milliseconds."""

    boxes: Boxes
    names: list[str]
    image: np.ndarray  # uint8 (H, W, 3)
    path: str | None = None
    speed: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.boxes)

    def __repr__(self) -> str:
        b = self.boxes
        found = (f"{self.names[k]} {p:.2f}" for k, p in zip(b.class_id.tolist(), b.confidence.tolist(), strict=True))
        return f"<Result {self.path or 'image'}: {', '.join(found) or 'nothing found'}>"

    def plot(self) -> np.ndarray:
        """The image with boxes and labels, uint8 (H, W, 3) RGB."""
        b = self.boxes
        return draw_detections(np.ascontiguousarray(self.image), b.xyxy, b.class_id, b.confidence, self.names)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `plot()` as .jpg or .png.  Raises DataError where that is impossible."""
        write_image(path, self.plot())

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, in the form of Darknet's JSON with pixels added."""
        b = self.boxes
        rows = zip(b.class_id.tolist(), b.confidence.tolist(), b.xywhn.tolist(), b.xyxy.tolist(), strict=True)
        objects = [
            {
                "class_id": k,
                "name": self.names[k],
                "relative_coordinates": dict(zip(("center_x", "center_y", "width", "height"), rounded(xywhn, 6),
                                                 strict=True)),
                "xyxy": rounded(xyxy, 2),
                "confidence": round(p, 6),
            }
            for k, p, xywhn, xyxy in rows
        ]
        width, height = b.image_size
        return {"filename": self.path, "width": width, "height": height, "objects": objects}

    def to_json(self) -> str:
        """`to_dict` as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


def rounded(numbers: list[float], digits: int) -> list[float]:
    return [round(v, digits) for v in numbers]

"""Random objects, and detections that find some of them, miss some, mistake some, and invent some."""

import numpy as np

from darkpy.evaluation.tables import Found, Truth


def scene(seed: int, images: int = 6, classes: int = 4, side: float = 300.0, crowds: float = 0.0,
          difficult: float = 0.0) -> tuple[Truth, Found]:
    random = np.random.default_rng(seed)
    m = images * 8
    size = np.exp(random.uniform(np.log(8), np.log(200), (m, 2)))
    corner = random.uniform(0, side, (m, 2))
    boxes = np.concatenate([corner, corner + size], axis=1)
    image, class_id = random.integers(images, size=m), random.integers(classes, size=m)
    area = size.prod(axis=1) * random.uniform(0.5, 1, m)  # of an outline
    truth = Truth.of(image, class_id, boxes, area, random.random(m) < crowds, random.random(m) < difficult)

    chosen = random.integers(m, size=4 * m)
    extent = np.tile(size[chosen], 2)
    spread = random.choice([0.02, 0.1, 0.4], len(chosen))[:, None]
    near = boxes[chosen] + random.normal(0, spread, extent.shape) * extent
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
    taken_for = np.where(random.random(len(chosen)) < 0.2, random.integers(classes, size=len(chosen)), class_id[chosen])
    wanders = np.where(random.random(len(chosen)) < 0.1, random.integers(images, size=len(chosen)), image[chosen])
    confidence = random.integers(1, 60, len(chosen)) / 60  # with ties
    return truth, Found.of(wanders, taken_for, near, confidence)

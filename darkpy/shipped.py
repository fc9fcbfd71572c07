"""What darkpy brings along: a small detector and a picture for it.  They lie in a checkout, or where pip put them."""

from __future__ import annotations

import site
import sys
from collections.abc import Iterator
from pathlib import Path

from darkpy.errors import ModelError

CFG, WEIGHTS, PICTURE = "cfg/scenes.cfg", "weights/scenes.weights", "data/street.jpg"


def roots() -> Iterator[Path]:
    """Folders that may hold cfg, data and weights: this checkout, and those of an installation."""
    yield Path(__file__).parent.parent
    for base in (sys.prefix, site.getuserbase()):
        yield Path(base) / "share" / "darkpy"


def find(name: str) -> str:
    """Path of a file that is shipped, as "cfg/scenes.cfg".  Raises ModelError."""
    for root in roots():
        if (root / name).is_file():
            return str(root / name)
    raise ModelError(f"{name}: this installation of darkpy lacks it: install darkpy again, or name a cfg and weights")

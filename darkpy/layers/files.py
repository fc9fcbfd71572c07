"""Where the files named inside a cfg are found."""

from __future__ import annotations

import os
from pathlib import Path

from darkpy.layers.base import LayerProblem


def find_file(name: str, folder: str, key: str | None = None) -> str:
    """Path of a file that a cfg in `folder` names: as it stands, else below the cfg's folder, else below its parent.

    The last serves the usual arrangement of cfg/yolo9000.cfg naming data/9k.tree.  Where the file is nowhere: a
    LayerProblem at the option `key`.
    """
    places = [Path(name), Path(folder, name), Path(folder).parent / name]
    for place in places:
        if os.path.isfile(place):  # unlike Path.is_file, no exception for a name the system cannot hold
            return str(place)
    beside = "" if Path(folder) == Path() else f", neither here nor in {folder} or the folder above it"
    raise LayerProblem(f"{name}: no such file{beside}: give its full path, or start from the folder that holds it", key)

"""Access to the reference data that lies outside the repository; tests that need it are skipped where it is absent."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent  # the checkout
SHARED = Path(os.environ.get("DARKPY_SHARED", ROOT.parent / "shared"))


def shared(*parts: str) -> Path:
    """A path below the folder DARKPY_SHARED (by default `shared` beside the checkout); skips where it is missing."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no reference data: {path} does not exist (set DARKPY_SHARED)")
    return path


def golden(*parts: str) -> tuple[dict, dict[str, np.ndarray]]:
    """The description and the arrays of one recorded file, e.g. golden("misc", "boxes.npz")."""
    with np.load(shared("golden", *parts), allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    return json.loads(str(arrays.pop("meta"))), arrays

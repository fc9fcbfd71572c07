"""One file per section of a cfg.  Importing the package makes all of them known to `LAYERS`."""

import importlib
import pkgutil

from darkpy.layers.base import LAYERS, Layer

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["LAYERS", "Layer"]

"""Where numbers that are not finite begin: the first layer by the order in which they were computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from darkpy.network import Network


def finite(array: Any) -> bool:
    """Whether all numbers are.  A sum of squares (one pass of BLAS) settles it unless it overflows."""
    flat = np.asarray(array).reshape(-1)
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.dot(flat, flat))) or bool(np.isfinite(flat).all())


def bad_value(net: Network) -> str | None:
    """The first layer of the last forward whose parameters or output are not finite."""
    if not finite(net.tape.values[-1]):
        return "the images or their augmentation"
    for i in range(len(net.layers)):
        if bad := bad_parameter(net, i):
            return bad
        if not finite(net.tape.values[i]):
            return f"the output of {place(net, i)}"
    return None


def bad_parameter(net: Network, i: int) -> str | None:
    """The first parameter of layer i that is not finite."""
    return next((f"the {name} of {place(net, i)}" for name, array in net.layers[i].params.items() if not finite(array)),
                None)


def bad_gradient(net: Network) -> str | None:
    """The first layer of the last backward, so from the end, with a gradient that is not finite."""
    bad = [i for i, layer in enumerate(net.layers) if not all(finite(g) for g in layer.grads.values())]
    if not bad:
        return None
    for i in range(len(net.layers) - 1, -1, -1):
        if i in net.tape.grads and not finite(net.tape.grads[i]):
            return f"the gradient for the output of {place(net, i)}"
    name = next(name for name, g in net.layers[bad[-1]].grads.items() if not finite(g))
    return f"the gradient for the {name} of {place(net, bad[-1])}"


def place(net: Network, i: int) -> str:
    return f"layer {i} [{net.layers[i].kind}] ({net.graph.sections[i + 1].place()})"

"""Where numbers that are not finite begin: the first layer by the order in which they were computed."""

from __future__ import annotations

from darkpy.network import Network


def bad_value(net: Network) -> str | None:
    """The first layer of the last forward whose parameters or output are not finite."""
    if not net.ops.finite([net.tape.values[-1]]):
        return "the images or their augmentation"
    for i in range(len(net.layers)):
        if bad := bad_parameter(net, i):
            return bad
        if not net.ops.finite([net.tape.values[i]]):
            return f"the output of {place(net, i)}"
    return None


def bad_parameter(net: Network, i: int) -> str | None:
    """The first parameter of layer i that is not finite."""
    return next((f"the {name} of {place(net, i)}" for name, array in net.layers[i].params.items()
                 if not net.ops.finite([array])), None)


def bad_update(net: Network) -> str | None:
    """The first parameter of all layers that is not finite."""
    if net.ops.finite(array for layer in net.layers for array in layer.params.values()):
        return None
    return next(bad for i in range(len(net.layers)) if (bad := bad_parameter(net, i)))


def bad_gradient(net: Network) -> str | None:
    """The first layer of the last backward, so from the end, with a gradient that is not finite."""
    if net.ops.finite(g for layer in net.layers for g in layer.grads.values()):
        return None
    bad = [i for i, layer in enumerate(net.layers) if not net.ops.finite(layer.grads.values())]
    for i in range(len(net.layers) - 1, -1, -1):
        if i in net.tape.grads and not net.ops.finite([net.tape.grads[i]]):
            return f"the gradient for the output of {place(net, i)}"
    name = next(name for name, g in net.layers[bad[-1]].grads.items() if not net.ops.finite([g]))
    return f"the gradient for the {name} of {place(net, bad[-1])}"


def place(net: Network, i: int) -> str:
    return f"layer {i} [{net.layers[i].kind}] ({net.graph.sections[i + 1].place()})"

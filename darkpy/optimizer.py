"""One step of training: parameters moved against their gradients, by Darknet's SGD or its Adam.

What an optimizer remembers of a parameter from step to step stays with the layer, in `Layer.moments`, as
"weights.velocity" (SGD) or "weights.m" and "weights.v" (Adam): a checkpoint has to keep it.
"""

from __future__ import annotations

from typing import Any

from darkpy.layers import Layer
from darkpy.layers.base import Array
from darkpy.netconfig import NetConfig


def update(ops: Any, layer: Layer, c: NetConfig, lr: float, momentum: float, decay: float, batch: int,
           step: int) -> None:
    """Move a layer's trained parameters; `batch` images gave the gradients, `step` counts updates from 1.

    Gradients are then forgotten.  A parameter without one (behind `stopbackward`) still decays, as in Darknet.
    """
    lr *= layer.config.learning_rate
    for name, param in layer.declared.items():
        if not param.trained:
            continue
        w = layer.params[name]
        grad = layer.grads[name] if name in layer.grads else ops.zeros(w, shape=tuple(w.shape))
        if c.adam:
            # as on the original's GPU: the gradient is not divided by the batch, and biases and scales decay too
            ops.adam_update(w, moment(ops, layer, name, "m"), moment(ops, layer, name, "v"), grad, rate=lr, b1=c.b1,
                            b2=c.b2, eps=c.eps, decay=decay * batch, step=step)
        else:
            ops.sgd_update(w, moment(ops, layer, name, "velocity"), grad, rate=lr / batch, momentum=momentum,
                           decay=decay * batch if param.decayed else 0.0)
        if name == "weights" and layer.kind == "convolutional":
            limits = [limit for limit in (c.clip, float(layer.config.clamp)) if limit]
            if limits:
                ops.clamp(w, limit=min(limits))
    layer.grads.clear()


def moment(ops: Any, layer: Layer, name: str, which: str) -> Array:
    """An array of the optimizer's memory, zeros at first."""
    key = f"{name}.{which}"
    if key not in layer.moments:
        layer.moments[key] = ops.zeros(layer.params[name], shape=tuple(layer.params[name].shape))
    return layer.moments[key]

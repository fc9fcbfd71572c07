"""[logistic]: 1 / (1 + exp(-x)); in training the binary cross-entropy with the truth, one number for each output."""

from __future__ import annotations

from typing import Any

from darkpy.layers.base import Array, Layer, Loss, check_truth, flat, register


@register("logistic")
class Logistic(Layer):
    is_loss = True

    def forward(self, ops: Any, x: Array, train: bool = False) -> tuple[Array, Any]:
        y = ops.activation(x, kind="logistic")
        return y, y if train else None

    def loss(self, ops: Any, saved: Any, truth: Array, seen: int) -> Loss:
        n = flat(self.out_shape)
        check_truth(self, truth, n)
        dx, cost = ops.logistic_loss(ops.reshape(saved, shape=(n,)), truth)
        return Loss(float(ops.download(cost)[0]), ops.reshape(dx, shape=self.out_shape))

"""Steps of the optimizers: they write to the parameter and to the optimizer's memory of it."""

from darkpy.ops.spec.core import op


@op
def sgd_update(w, velocity, grad, *, rate, momentum, decay):
    """velocity = momentum * velocity + grad + decay * w; w -= rate * velocity."""


@op
def adam_update(w, m, v, grad, *, rate, b1, b2, eps, decay, step):
    """Kingma & Ba, 2015: with g = grad + decay * w, m = b1*m + (1-b1)*g, v = b2*v + (1-b2)*g^2,

    w -= rate * (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + eps).
    """


@op
def clamp(w, *, limit):
    """w limited to -limit .. limit."""

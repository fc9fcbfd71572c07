"""Losses on rows of numbers (N, n), with the truth Darknet lays out for them."""

import numpy as np

__all__ = ["cost_loss", "logistic_loss", "softmax_loss"]

SECRET = -1234.0  # marks numbers without truth


def total(error):
    return error.sum(keepdims=True).reshape(1)


def softmax_loss(p, truth, *, masked):
    # a probability that was rounded to 0 would make the sum infinite, though its gradient is not
    error = np.where(truth != 0, -np.log(np.maximum(p, np.finfo(p.dtype).tiny)), 0).astype(p.dtype)
    dx = p - truth
    if masked:
        known = truth != SECRET
        dx, error = dx * known, np.where(known, error, 0)
    return dx, total(error)


def logistic_loss(p, truth):
    small = p.dtype.type(1e-7)  # as on the original's GPU: no logarithm of 0
    error = -truth * np.log(p + small) - (1 - truth) * np.log(1 - p + small)
    return p - truth, total(error)


def cost_loss(x, truth, *, kind, noobj=1.0, thresh=0.0, smooth=0.0):
    n = truth.shape[1]
    if smooth:
        truth = truth * (1 - smooth) + smooth / n
    d = truth - x
    if kind == "smooth":
        small = np.abs(d) < 1
        dx, error = -np.where(small, d, np.sign(d)), np.where(small, d * d, 2 * np.abs(d) - 1)
    elif kind == "L1":
        dx, error = np.where(d > 0, -1, 1), np.abs(d)
    elif kind == "wgan":
        dx, error = np.where(truth > 0, -1, 1), np.where(truth > 0, -x, x)
    else:
        dx, error = -d, d * d
    if kind == "seg":
        weight = np.where(truth == 0, noobj, 1)
        dx, error = dx * weight, error * weight
    if kind == "masked":
        known = truth != SECRET
        dx, error = dx * known, error * known
    if thresh:
        dx = np.where(np.abs(dx) < thresh / n, 0, dx)
    return dx.astype(x.dtype, copy=False), error.astype(x.dtype, copy=False), total(error).astype(x.dtype)

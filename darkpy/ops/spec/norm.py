"""Normalisation over batches, channels and vectors; softmax."""

from darkpy.ops.spec.core import Out, op, same


@op
def batchnorm(x, mean, variance, scales, biases, *, eps):
    """(x - mean) / sqrt(variance + eps) * scales + biases, all per channel (second axis)."""
    return same(x)


@op
def batch_statistics(x):
    """Mean and unbiased variance (divisor N*H*W - 1) per channel: what training normalises with."""
    return Out((x.shape[1],)), Out((x.shape[1],))


@op
def batchnorm_dx(dy, x, mean, variance, scales, *, eps, exact):
    """(dx, dscales, dbiases) of batchnorm whose mean and variance are the batch's own.

    Darknet divides the share of the variance by N*H*W, though the variance itself was divided by N*H*W - 1;
    `exact` divides by what the derivative asks for.
    """
    c = (x.shape[1],)
    return same(x), Out(c), Out(c)


@op
def batchnorm_rectified(x, mean, variance, scales, biases, *, eps, kind):
    """activation(batchnorm(x)) for the kinds in SLOPES, whose gradient follows from the result alone."""
    return same(x)


@op
def batchnorm_rectified_dx(dy, y, x, mean, variance, scales, *, eps, exact, kind):
    """batchnorm_dx of activation_dx, given the result y: (dx, dscales, dbiases)."""
    c = (x.shape[1],)
    return same(x), Out(c), Out(c)


@op
def lrn(x, *, size, alpha, beta, kappa):
    """Local response normalisation across channels with Darknet's window (see reference): (y, norms)."""
    return same(x), same(x)


@op
def lrn_dx(dy, norms, *, beta):
    """Darknet's approximate gradient: dy * norms^-beta."""
    return same(dy)


@op
def l2norm(x):
    """Each pixel's channel vector divided by its length; a zero vector stays zero."""
    return same(x)


@op
def softmax(x, *, sizes, temperature=1.0):
    """Softmax over consecutive runs of the second axis, `sizes` long each (their sum may fall short of it: the rest
    is copied).  Maps are handled pixel by pixel."""
    return same(x)

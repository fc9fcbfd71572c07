"""Losses on rows of numbers: each gives (gradient for x or p, cost), some the error of every number too.

The costs are those Darknet reports: sums over all numbers, not divided by the number of images.
"""

from darkpy.ops.spec.core import Out, op, same

SECRET = -1234.0  # marks numbers without truth in Darknet's truth rows


@op
def softmax_loss(p, truth, *, masked):
    """(dx, cost (1,)) of the cross-entropy of p = softmax(x): dx = p - truth, cost = sum of -log p where truth != 0.

    With `masked`, numbers whose truth is SECRET count nothing.  Both (N, n).
    """
    return same(p), Out((1,))


@op
def logistic_loss(p, truth):
    """(dx, cost (1,)) of the binary cross-entropy of p = logistic(x): dx = p - truth."""
    return same(p), Out((1,))


@op
def cost_loss(x, truth, *, kind, noobj=1.0, thresh=0.0, smooth=0.0):
    """(dx, error, cost (1,)) of [cost]; `error` has a term for every number, cost is their sum.  d = truth - x.

    sse, seg, masked  d^2, with half its true gradient, -d, as Darknet has it; masked: 0 where the truth is SECRET;
                      seg: both times `noobj` where the truth is 0
    smooth            d^2 for |d| < 1, else 2|d| - 1, half its gradient
    L1                |d|
    wgan              -x where truth > 0, else x
    `thresh` clears gradients smaller than thresh / n; `smooth` mixes so much of 1/n into the truth first.
    """
    return same(x), same(x), Out((1,))

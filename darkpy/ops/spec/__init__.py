"""Every op once: its signature, the shapes it takes and gives, and what it means.

The functions here compute no values.  Each returns the Out (or tuple of Outs) that the op of this name yields for
inputs of the given shapes; a backend allocates by it and a Recorder traces by it.  How a value comes about says
`ops/reference/`, in the clearest NumPy; `ops/cpu/` and `ops/cuda/` say it fast.

Arrays are C-contiguous; x, y are (N, C, H, W) feature maps or (N, n) rows; w, b parameters; `d...` a gradient.
Arguments before `*` are arrays, those behind it plain numbers and words.  Ops never write to their inputs, except the
few whose name says so (`assign`, `add_to`, ... : the first argument is written and nothing is returned).
"""

from darkpy.ops.spec import (
    activations,
    basic,
    binary,
    conv,
    gemm,
    head_loss,
    heads,
    loss,
    norm,
    pool,
    recurrent,
    reorg,
    signs,
    update,
)
from darkpy.ops.spec.core import ACTIVATIONS, OPS, SLOPES, VIEWS, WRITES, Out, Shape, conv_size

__all__ = ["ACTIVATIONS", "OPS", "SLOPES", "VIEWS", "WRITES", "Out", "Shape", "activations", "basic", "binary",
           "conv", "conv_size", "gemm", "head_loss", "heads", "loss", "norm", "pool", "recurrent", "reorg", "signs",
           "update"]

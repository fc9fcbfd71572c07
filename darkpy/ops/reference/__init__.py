"""The obvious NumPy for every op of `ops/spec.py`, in the precision of its inputs: the oracle of the fast backends."""

from darkpy.ops.reference.activations import *
from darkpy.ops.reference.basic import *
from darkpy.ops.reference.binary import *
from darkpy.ops.reference.conv import *
from darkpy.ops.reference.gemm import *
from darkpy.ops.reference.head_loss import *
from darkpy.ops.reference.head_loss_grid import *
from darkpy.ops.reference.heads import *
from darkpy.ops.reference.loss import *
from darkpy.ops.reference.norm import *
from darkpy.ops.reference.pool import *
from darkpy.ops.reference.recurrent import *
from darkpy.ops.reference.reorg import *
from darkpy.ops.reference.signs import *
from darkpy.ops.reference.update import *

"""Gates of recurrent layers."""

from __future__ import annotations

import numpy as np

from darkpy.cuda import cuda, kernel
from darkpy.ops.cuda.memory import Array

ONE = np.float32(1)


@kernel("FFFFFFFi")
def _mix_dx(dz, da, db, dy, z, a, b, n):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        dz[i] = dy[i] * (a[i] - b[i])
        da[i] = dy[i] * z[i]
        db[i] = dy[i] * (ONE - z[i])


def mix_dx(dz: Array, da: Array, db: Array, dy: Array, z: Array, a: Array, b: Array) -> None:
    _mix_dx(dy.size, dz.data, da.data, db.data, dy.data, z.data, a.data, b.data, dy.size)


KERNELS = {"mix_dx": mix_dx}

"""Compile every kernel for GPUs, without one: to NVIDIA's assembly language.  `python -m tests.cuda.ptx [NAME]`

Prints how many were compiled, or with part of a name the text of those kernels.  Exit status 77: the toolkit's
compiler is not installed.
"""

import re
import sys
from types import SimpleNamespace
from unittest import mock

CAPABILITIES = ((8, 0), (9, 0))
DOUBLE = ("_yolo_objects", "_region_objects", "_turn", "_finish", "fill_figures", "_detection", "_iseg_figures",
          "_decode_boxes")


def toolkit():
    """What is missing for compiling; empty if nothing."""
    from numba.cuda.cudadrv import nvrtc, nvvm

    try:
        nvvm.NVVM()
        nvrtc.get_supported_ccs()
    except Exception as e:
        return f"{type(e).__name__}: {str(e).splitlines()[0]}"
    return ""


def ptx(kernel, capability):
    """A kernel's text for a compute capability.  For helper functions numba would ask the GPU for its own."""
    from darkpy.cuda import numba_cuda

    device = SimpleNamespace(compute_capability=capability)
    with mock.patch("numba.cuda.dispatcher.get_current_device", lambda: device):
        return numba_cuda.compile_ptx(kernel.function, kernel.signature(), cc=capability)[0]


def kernels():
    """All there are: those of ops, and of the products every one that ops may ask for."""
    import darkpy.ops.cuda
    import darkpy.ops.cuda.bits
    import darkpy.ops.cuda.boxes
    import darkpy.ops.cuda.half  # noqa: F401
    from darkpy.cuda import KERNELS
    from darkpy.ops.cuda import tensor_cores, tile

    for halves in tensor_cores.TILES:
        tensor_cores.product(halves)
    for t in (tile.LARGE, tile.SMALL):
        for b_is in (tile.GATHER, tile.DENSE):
            tile.product(t, tile.PACKED, b_is, tile.VECTOR_MAP)
        tile.product(t, tile.PACKED, tile.GATHER, tile.MAP)
    for a_fast in (True, False):
        for b_fast in (True, False):
            tile.product(tile.SMALL, tile.STRIDED, tile.STRIDED, tile.MATRIX, a_fast, b_fast)
    tile.product(tile.SMALL, tile.STRIDED, tile.UNFOLD, tile.MATRIX, True, True)
    return KERNELS


def check(name, text):
    """What a kernel needs to be fast."""
    assert "__local_depot" not in text, f"{name}: arrays of a thread are in memory, not in registers"
    if not any(part in name for part in DOUBLE):
        assert not re.search(r"\.f64", text), f"{name}: computes in double precision"
    if "tensor_cores.product" in name:
        assert len(re.findall(r"mma\.sync\.aligned\.m16n8k16", text)) >= 16, name
        assert "ldmatrix.sync" in text and len(re.findall(r"cp\.async\.cg\.shared\.global", text)) >= 3, name
    if "tile.product" in name:
        assert re.search(r"ld\.shared\.v4\.f32", text) and len(re.findall(r"fma\.rn\.f32", text)) >= 16, name


def main(part=""):
    if lack := toolkit():
        print(f"the CUDA toolkit is not installed ({lack}): pip install 'darkpy[cuda]'", file=sys.stderr)
        return 77
    count = 0
    for name, kernel in kernels().items():
        if part in name:
            for capability in CAPABILITIES:
                text = ptx(kernel, capability)
                assert f".target sm_{capability[0]}{capability[1]}" in text
                check(name, text)
                count += 1
                if part:
                    print(text)
    print(count)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

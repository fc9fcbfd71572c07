"""These tests run on a GPU, or under numba's simulator with NUMBA_ENABLE_CUDASIM=1 (tests/test_cuda.py does that);
where there is neither they are one skipped item for each file, with the reason.

Under the simulator warnings of NumPy are silent in kernels, as they are on a device.
"""

import pytest

from darkpy import cuda

LACK = cuda.missing()
if cuda.SIMULATED and not LACK:
    from tests.cuda import simulator

    simulator.install()


class Skipped(pytest.Module):
    """A file that is not imported: its imports need the package or the driver."""

    def collect(self):
        pytest.skip(f"neither a GPU nor NUMBA_ENABLE_CUDASIM=1: {LACK}", allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    return Skipped.from_parent(parent, path=module_path) if LACK else None


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/cuda" in item.nodeid:
            item.add_marker(pytest.mark.cuda)


"""These tests run on a GPU, or under numba's simulator with NUMBA_ENABLE_CUDASIM=1 (tests/test_cuda.py does that).

Under the simulator warnings of NumPy are silent in kernels, as they are on a device.
"""

import pytest

from darkpy import cuda

LACK = cuda.missing()
if LACK:
    collect_ignore_glob = ["test_*.py"]
elif cuda.SIMULATED:
    from tests.cuda import simulator

    simulator.install()


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/cuda" in item.nodeid:
            item.add_marker(pytest.mark.cuda)


"""Memory of the plan: no result depends on what lay in the arena before, and no step writes outside its outputs.

Values share the arena's bytes, so a kernel that relied on zeros nobody wrote, or wrote past its output, would be right
until the memory is laid out differently.
"""

import numpy as np
import pytest

from darkpy.plan.blocked import Blocked
from tests.plan import harness
from tests.plan.nets import NETS


@pytest.fixture(params=NETS)
def case(request):
    text, options = NETS[request.param]
    net = harness.net_of(text, **options)
    plan = net.plan()
    x = harness.images(net, 2) - 0.5
    return plan, x, plan(x)


def poison(executable) -> None:
    """Every byte of the arena becomes part of a NaN."""
    executable.arena[:] = 0xFF


def test_stale_memory_never_matters(case):
    plan, x, expected = case
    executable = plan.program(len(x))
    assert all(np.isfinite(y).all() for y in expected)
    for _ in range(2):
        poison(executable)
        for a, b in zip(plan(x), expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_steps_write_their_outputs_only(case):
    plan, x, _ = case
    executable = plan.program(len(x))
    executable.arrays[executable.program.input][...] = x
    arena = executable.arena
    for step, call in zip(executable.step_of, executable.calls, strict=True):
        before = arena.copy()
        call()
        mine = np.zeros(arena.size, bool)
        for value in step.outs:
            for start, end in spans(executable, value):
                mine[start:end] = True
        np.testing.assert_array_equal(arena[~mine], before[~mine])


def spans(executable, value):
    """Ranges of bytes of the arena that belong to a value; of a map within a larger one, its own blocks only."""
    base = executable.arena.ctypes.data
    if not isinstance(value, Blocked):
        array = executable.arrays[value]
        yield array.ctypes.data - base, array.ctypes.data - base + array.nbytes
        return
    image, block, _ = value.steps
    start = executable.address[value.root] - base + value.block_offset * block
    for n in range(value.shape[0]):
        yield start + n * image, start + n * image + value.blocks * block

"""Memory: where each value lives in one arena, so that values whose lifetimes do not meet share their bytes."""

from __future__ import annotations

from darkpy.ops import spec
from darkpy.plan.blocked import Blocked
from darkpy.plan.trace import Program, Step, Value

SLACK = 1 << 14  # bytes behind the arena: tiles read (never write) past the end of a row
ALIGN = 64  # bytes: a cache line, and the widest vector


def owners(program: Program) -> dict[Value, Value]:
    """For each view the value whose memory it shares."""
    owner: dict[Value, Value] = {}
    for step in program.steps:
        for value in (*step.outs, *step.inputs()):
            if isinstance(value, Blocked) and value.root is not value:
                owner[value] = value.root
    for step in program.steps:
        if isinstance(step, Step) and step.op in spec.VIEWS and isinstance(step.args[0], Value):
            owner[step.outs[0]] = owner.get(step.args[0], step.args[0])
    return owner


def lifetimes(program: Program) -> dict[Value, tuple[int, int]]:
    """First and last step (inclusive) at which the memory of each value that owns some must hold."""
    owner = owners(program)
    life: dict[Value, tuple[int, int]] = {}
    for i, step in enumerate(program.steps):
        for value in (*step.outs, *step.inputs()):
            root = owner.get(value, value)
            life[root] = (life.get(root, (i, i))[0], i)
    for value in program.outputs:
        root = owner.get(value, value)
        life[root] = (life.get(root, (0, 0))[0], len(program.steps))
    life.pop(program.input, None)
    return life


def size_of(value: Value) -> int:
    """Bytes."""
    return value.nbytes if isinstance(value, Blocked) else value.size * 4


def layout(program: Program) -> tuple[dict[Value, int], int]:
    """Byte offset of each owning value, and the arena's size: the largest first, each at the lowest place free
    during its whole life."""
    placed: list[tuple[int, int, int, int]] = []  # (offset, end, first step, last step)
    offsets: dict[Value, int] = {}
    for value, (first, last) in sorted(lifetimes(program).items(), key=lambda item: -size_of(item[0])):
        need = -(-size_of(value) // ALIGN) * ALIGN
        at = 0
        for start, end, a, b in sorted(placed):
            if a <= last and first <= b and start < at + need and at < end:
                at = end
        offsets[value] = at
        placed.append((at, at + need, first, last))
    return offsets, max((p[1] for p in placed), default=0)

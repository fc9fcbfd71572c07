"""Prints what becomes of a small network on its way to a plan: the example of docs/architecture.md."""

from __future__ import annotations

from typing import Any

from darkpy import cfg, load
from darkpy.plan import memory, passes
from darkpy.plan.blocked import Blocked
from darkpy.plan.lower import lower
from darkpy.plan.trace import Program, Scaled, Value, trace

CFG = """
[net]
width=32
height=32
channels=3

[convolutional]
batch_normalize=1
filters=16
size=3
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
filters=8
size=3
pad=1
activation=linear
"""


def argument(a: Any) -> str:
    """A value by its name, a parameter by its shape; `*factor` where batch norm's factor is to be folded in."""
    if isinstance(a, Value):
        return a.name
    return "param" + "x".join(map(str, a.shape)) + ("*factor" if isinstance(a, Scaled) else "")


def steps(title: str, program: Program) -> None:
    print(title)
    for step in program.steps:
        if hasattr(step, "op"):
            words = ", ".join(map(argument, step.args))
            out = step.outs[0]
            print(f"  layer {step.layer}  {out.name} = {step.op}({words})")
        else:
            reads = ", ".join(v.name for v in step.inputs())
            place = f"layer {step.layer}" if step.layer >= 0 else "result "
            print(f"  {place}  {step.out.name} = [{step.algorithm}]({reads})")
    print()


def main() -> None:
    net = load(cfg.parse(CFG))
    program = trace(net.layers, net.wiring, net.input_shape, 1, net.output_layers)
    steps("traced: the ops the layers called", program)
    passes.optimise(program)
    steps("after the passes: batch norm folded", program)
    lower(program)
    steps("lowered: kernels", program)
    print("arena: where each value lives, and from which step to which")
    offsets, size = memory.layout(program)
    life = memory.lifetimes(program)
    for value, offset in sorted(offsets.items(), key=lambda item: life[item[0]]):
        form = f"blocked, border {value.border[0]}+{value.border[1]}" if isinstance(value, Blocked) else "planar"
        print(f"  {offset:>6} .. {offset + memory.size_of(value):>6}  steps {life[value][0]}-{life[value][1]}  "
              f"{value.name} ({form})")
    print(f"  {size} bytes in all; side by side they would take {sum(map(memory.size_of, offsets))}")


if __name__ == "__main__":
    main()

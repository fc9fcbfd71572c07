"""Passes: each takes a Program and rewrites its steps to the same results in less time.

They only touch what they are sure of: parameters that no step writes, values that one step reads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from darkpy.ops import Reference, spec
from darkpy.ops.signs import Signs
from darkpy.plan.trace import Program, Scaled, Step, Value


def optimise(program: Program) -> Program:
    """All passes in order."""
    for run in (drop_copies, fold_constants, fold_batchnorm, drop_dead):
        run(program)
    return program


def drop_copies(program: Program) -> None:
    """Linear activations and scaling by 1 do nothing: their readers take the input instead."""
    same: dict[Value, Value] = {}
    kept = []
    for step in program.steps:
        step.args = tuple(same.get(a, a) if isinstance(a, Value) else a for a in step.args)
        nothing = (step.op == "activation" and step.kw["kind"] == "linear") or (
            step.op == "scale" and step.kw["factor"] == 1)
        if nothing and isinstance(step.args[0], Value) and step.outs[0] not in program.outputs:
            same[step.outs[0]] = step.args[0]
            if step.outs[0] in program.made:
                program.made.setdefault(step.args[0], program.made.pop(step.outs[0]))
        else:
            kept.append(step)
    program.steps = kept


def fold_constants(program: Program) -> None:
    """What depends on parameters only is computed now; weights of one size become Signs, a bit each."""
    ops = Reference()
    readers = program.readers()
    sources: dict[int, Any] = {}  # the parameter that what was computed comes from, by its id
    written = {id(step.args[0]) for step in program.steps if step.op in spec.WRITES}
    known: dict[Value, Any] = {}
    kept = []
    for step in program.steps:
        step.args = tuple(known.get(a, a) if isinstance(a, Value) else a for a in step.args)
        if step.op in spec.WRITES or "random" in step.kw or any(v in program.outputs for v in step.outs) or any(
                isinstance(a, Value) or id(a) in written for a in step.args):
            kept.append(step)
            continue
        results = getattr(ops, step.op)(*step.args, **step.kw)
        source = sources.get(id(step.args[0]), step.args[0])
        if {reader.op for reader in readers.get(step.outs[0], ())} == {"conv"}:
            results = Signs.of(results, source) or results
        for value, result in zip(step.outs, results if isinstance(results, tuple) else (results,), strict=True):
            known[value] = result
            sources[id(result)] = source
    program.steps = kept


def fold_batchnorm(program: Program) -> None:
    """conv -> batchnorm becomes conv with scaled weights -> add_bias, also where the pixels of a convolution are scaled
    in between.  The trained weights stay as they are."""
    written = {id(step.args[0]) for step in program.steps if step.op in spec.WRITES}
    readers = program.readers()
    folded: list[Step] = []
    makers: dict[Any, Any] = {}  # who has its factor for each channel
    for step in program.steps:
        if step.op in ("conv", "linear"):
            makers[step.outs[0]] = step
        elif step.op == "scale_maps" and program.only_reader(step.args[0], readers) is step:
            makers[step.outs[0]] = makers.get(step.args[0])
    for step in program.steps:
        conv = makers.get(step.args[0]) if step.op == "batchnorm" and isinstance(step.args[0], Value) else None
        if conv is None or program.only_reader(step.args[0], readers) is not step or any(
                isinstance(a, Value) or id(a) in written for a in (*step.args[1:], conv.args[1])):
            folded.append(step)
            continue
        factor, offset = affine(*step.args[1:], **step.kw)
        conv.args = (conv.args[0], Scaled(conv.args[1], factor))
        folded.append(Step("add_bias", (step.args[0], offset), {}, step.outs, step.layer))
    program.steps = folded


def affine(mean: Any, variance: Any, scales: Any, biases: Any, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """Batch normalisation with fixed statistics as a factor and an offset for each channel."""
    mean, variance, scales, biases = (np.asarray(a, np.float64) for a in (mean, variance, scales, biases))
    factor = scales / np.sqrt(variance + eps)
    return factor.astype(np.float32), (biases - mean * factor).astype(np.float32)


def drop_dead(program: Program) -> None:
    """Steps whose results nobody reads go."""
    wanted = set(program.outputs)
    kept = []
    for step in reversed(program.steps):
        if step.op in spec.WRITES or wanted.intersection(step.outs):
            kept.append(step)
            wanted.update(step.inputs())
    program.steps = kept[::-1]

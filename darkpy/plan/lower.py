"""Lowering: from ops on planar arrays to kernels on blocked maps, with epilogues and routes folded in.

A chain  conv -> add_bias -> activation -> shortcut -> activation  becomes one kernel.  What has no kernel stays the
plain op it was, with a conversion before and behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from darkpy.ops.cpu.bitmaps import HALF
from darkpy.ops.cpu.functions import FUNCTIONS, NOT_AT_ZERO
from darkpy.ops.signs import Signs
from darkpy.ops.spec import SLOPES, Shape
from darkpy.plan import choose, convolution, heads, kernels, one_bit, passes
from darkpy.plan.binary import InputScales, Limits, PackSigns, PoolBits, Xnor, stays_binary, takes_bits
from darkpy.plan.blocked import FLOAT, LANES, Bits, Blocked, Form
from darkpy.plan.convolution import Conv, Packed
from darkpy.plan.narrow import Forms
from darkpy.plan.stem import Stem
from darkpy.plan.trace import Program, Scaled, Step, Value

Packs = dict[tuple[int, int], Packed]  # by layer, and number of the convolution in it
Release = Callable[[int, Any], None]  # told the layer and weights that were packed and are not needed any more


def keep(layer: int, weights: Any) -> None:
    """The Release that frees nothing."""


class Lowering:
    """One pass over the steps; `maps` holds the blocked form of values that have one, `copies` what they were converted
    to, `planar` those that exist as plain arrays."""

    def __init__(self, program: Program, forms: Forms, memory: float, packs: Packs, release: Release):
        self.program, self.forms, self.packs, self.release = program, forms, packs, release
        self.convolutions: dict[int, int] = {}  # so many of each layer are lowered
        self.choices = choose.select(program, forms, memory)
        self.steps: list[Any] = []
        self.maps: dict[Value, Blocked] = {}
        self.copies: dict[tuple[Value, Form], Blocked] = {}
        self.planar: set[Value] = {program.input}
        self.readers = program.readers()
        self.done: set[int] = set()
        self.bits: dict[Value, Bits] = {}  # what exists as bits

    def run(self) -> Program:
        for step in self.program.steps:
            if id(step) in self.done:
                continue
            rule = getattr(self, f"lower_{step.op}", None)
            if rule is None or not rule(step):
                self.keep(step)
        for value in self.program.outputs:
            self.as_planar(value, -1)
        self.program.steps = self.steps
        return self.program

    # -- forms of a value ------------------------------------------------------------------------------------------

    def as_map(self, value: Value, layer: int, form: Form = FLOAT) -> Blocked:
        """The value as a map of this form, converted where it has none yet."""
        if value not in self.maps:
            self.maps[value] = Blocked(value.shape, value.name)
            self.steps.append(kernels.ToBlocked(layer, [value], self.maps[value]))
        if self.maps[value].form == form:
            return self.maps[value]
        if (value, form) not in self.copies:
            self.copies[value, form] = Blocked(value.shape, value.name, form)
            self.steps.append(kernels.Copy(layer, self.maps[value], self.copies[value, form]))
        return self.copies[value, form]

    def as_planar(self, value: Value, layer: int) -> None:
        if value not in self.planar and value in self.maps:
            self.steps.append(kernels.FromBlocked(layer, [self.as_map(value, layer)], value))
            self.planar.add(value)

    def new_map(self, value: Value, form: Form = FLOAT) -> Blocked:
        self.maps[value] = Blocked(value.shape, value.name, form)
        return self.maps[value]

    def keep(self, step: Step) -> None:
        """The plain op."""
        for value in step.inputs():
            self.as_planar(value, step.layer)
        self.steps.append(step)
        self.planar.update(step.outs)

    def follower(self, value: Value, *ops: str) -> Step | None:
        """The only step that reads `value`, if it is one of `ops`."""
        reader = self.program.only_reader(value, self.readers)
        return reader if reader is not None and reader.op in ops else None

    # -- rules: each lowers a step, or says False ------------------------------------------------------------------

    def lower_conv(self, step: Step) -> bool:
        x, weights = step.args
        factor = np.ones(weights.shape[0], np.float32)
        if isinstance(weights, Scaled):
            weights, factor = weights.weights, weights.factor
        if not isinstance(x, Value) or isinstance(weights, Value) or len(set(step.kw.get("stride", (1, 1)))) != 1:
            return False
        groups = step.kw.get("groups", 1)
        f, cg = weights.shape[:2]
        if isinstance(weights, Signs) and not stays_binary(step):
            weights = weights.array()
        if groups > 1 and not (cg == 1 and f == groups) and (cg % 4 or (f // groups) % LANES) and (
                f % LANES or LANES * convolution.VECTORS % (f // groups)):
            return False
        conv = Conv(step.layer, weights, factor, np.zeros(f, np.float32), **step.kw)
        count = self.convolutions[step.layer] = self.convolutions.get(step.layer, 0) + 1
        conv.packed = self.packs.setdefault((step.layer, count), conv.packed)
        value, factors = self.pixel_factors(step)
        if bias := self.follower(value, "add_bias"):
            conv.bias = bias.args[1]
            value = self.absorb(bias)
        value, residual = self.epilogue(conv, value)
        if isinstance(weights, Signs):
            extra = self.as_map(residual, step.layer) if residual is not None else None
            self.binary(conv, step, value, extra, factors)
            step.args = (x,)
            return True
        choice = conv.packed.choice = conv.packed.choice or self.choices[id(step)]
        planar = cg * groups < 8 and groups == 1 and x not in self.maps
        form = self.forms.stored(value) if planar else choice.form(self.forms.stored(value))
        form = FLOAT if conv.function else form
        extra = self.as_map(residual, step.layer, self.beside(residual, form)) if residual is not None else None
        if form == FLOAT and extra is None and groups == 1 and (planar or choice.pools) and (
                pool := self.pairs(value)):
            conv.pooled = True
            value = self.absorb(pool)
        out = self.new_map(value, form)
        if planar and Stem.suits(conv, x, step.outs[0].shape[3], residual):
            self.steps.append(Stem(conv, x, out))
        elif planar:
            self.steps.append(convolution.Direct(conv, self.padded(x, conv, step), out, extra, planar=True))
        else:
            source = self.as_map(x, step.layer, choice.form(self.forms.of(x)))
            self.steps.append(choose.kernel(conv, choice, source, out, extra))
        conv.weights = np.broadcast_to(np.float32(0), weights.shape)  # only the shape is needed from now on
        step.args = (x,)
        self.release(step.layer, weights)
        return True

    def beside(self, residual: Value, form: Form) -> Form:
        """The form in which a kernel that writes `form` reads a residual: uint8 may have a scale of its own."""
        own = self.forms.of(residual)
        return own if own.dtype == form.dtype else form

    # -- bits: what exists only to be asked for its sign -----------------------------------------------------------

    def binary(self, conv: Conv, step: Step, value: Value, residual: Blocked | None, factors: Value | None) -> None:
        """A convolution with binary weights, of bits or of floats; of bits to bits where only the signs of its result,
        or of its pooled result, are read."""
        x = step.args[0]
        pool = self.follower(value, "maxpool")
        pool = pool if pool and self.pools(pool) else None
        last = pool.outs[0] if pool else value
        found = self.signs_from(self.follower(last, "batchnorm", "quantize"))
        if x not in self.bits:
            choice = conv.packed.choice = conv.packed.choice or choose.one_bit(
                x.shape, conv.weights.shape, step.outs[0].shape, step.kw)
            if choice.tile and choice.pools and residual is None and (pair := self.pairs(value)):
                conv.pooled = True
                value = self.absorb(pair)
            self.steps.append(one_bit.kernel(conv, choice, self.as_map(x, conv.layer), self.new_map(value), residual))
        elif found and residual is None and value.shape[1] % HALF == 0:
            limits, chain = found
            out = Bits(value.shape, value.name, limits.flipped)
            self.steps.append(Xnor(conv, self.bits[x], out, None, limits, factors))
            self.finish_signs(out, pool, chain)
        else:
            self.steps.append(Xnor(conv, self.bits[x], self.new_map(value), residual, None, factors))
        self.release(conv.layer, conv.weights.source)
        conv.weights = np.broadcast_to(np.float32(0), conv.weights.shape)  # only the shape is needed from now on

    def pixel_factors(self, step: Step) -> tuple[Value, Value | None]:
        """The value behind a convolution of bits, and the factors of its pixels (K of XNOR-Net) if they follow."""
        value = step.outs[0]
        scaled = self.follower(value, "scale_maps") if step.args[0] in self.bits else None
        if scaled is None:
            return value, None
        factors = scaled.args[1]
        maker = next((s for s in self.program.steps if factors in s.outs and s.op == "input_scales"), None)
        if maker and id(maker) not in self.done and maker.args[0] in self.maps:
            self.steps.append(InputScales(step.layer, self.as_map(maker.args[0], step.layer), factors, **maker.kw))
            self.planar.add(factors)
            self.absorb(maker)
        elif factors not in self.planar:
            return value, None
        return self.absorb(scaled), factors

    def signs_from(self, step: Step | None) -> tuple[Limits, list[Step]] | None:
        """How the bits behind a step, a batch norm or the signs, follow from its input, and the steps that this takes;
        None where anyone reads more of them than bits."""
        if step is None or (step.op == "batchnorm" and any(isinstance(a, Value) for a in step.args[1:])):
            return None
        signs = self.follower(step.outs[0], "quantize") if step.op == "batchnorm" else step
        if signs is None or signs.kw.get("bits", 1) != 1 or signs.outs[0] in self.program.outputs or not all(
                takes_bits(reader, signs.outs[0]) for reader in self.readers[signs.outs[0]]):
            return None
        if step is signs:
            return Limits.plain(step.outs[0].shape[1]), [signs]
        return Limits.normalised(*step.args[1:], **step.kw), [step, signs]

    def finish_signs(self, map_: Bits, pool: Step | None, chain: list[Step]) -> None:
        """Pool bits where a pool stands before the signs, and give them to the readers of the last of these steps."""
        if pool:
            out = Bits(pool.outs[0].shape, pool.outs[0].name, map_.flipped)
            self.steps.append(PoolBits(pool.layer, map_, out, **pool.kw))
            map_ = out
            self.absorb(pool)
        for step in chain:
            self.absorb(step)
        self.bits[chain[-1].outs[0]] = map_

    def lower_quantize(self, step: Step, pool: Step | None = None) -> bool:
        """Bits of floats: of signs, or of a batch norm before them, maybe pooled before."""
        found = self.signs_from(step)
        value = (pool or step).args[0]
        if found is None or len(value.shape) != 4:
            return False
        limits, chain = found
        out = Bits(value.shape, value.name, limits.flipped)
        self.steps.append(PackSigns(step.layer, self.as_map(value, step.layer), out, limits))
        self.finish_signs(out, pool, chain)
        return True

    def lower_batchnorm(self, step: Step) -> bool:
        """Bits, if only signs of it are read; else a factor and an offset for each channel: a convolution, too."""
        if self.lower_quantize(step):
            return True
        x = step.args[0]
        if x not in self.maps or any(isinstance(a, Value) for a in step.args[1:]):
            return False
        factor, offset = passes.affine(*step.args[1:], **step.kw)
        channels = len(factor)
        ones = np.ones((channels, 1, 1, 1), np.float32)
        conv = Conv(step.layer, ones, factor, offset, groups=channels)
        value, residual = self.epilogue(conv, step.outs[0])
        extra = self.as_map(residual, step.layer) if residual is not None else None
        self.steps.append(convolution.Depthwise(conv, self.as_map(x, step.layer), self.new_map(value), extra))
        return True

    def epilogue(self, conv: Conv, value: Value) -> tuple[Value, Value | None]:
        """Take what follows a convolution into it: an activation, a shortcut, another activation; (the last of these
        values, what the shortcut adds)."""
        residual: Value | None = None
        if (act := self.follower(value, "activation")) and act.kw["kind"] in SLOPES:
            conv.slope = SLOPES[act.kw["kind"]]
            value = self.absorb(act)
        elif act and not isinstance(conv.weights, Signs) and self.has_function(act):
            conv.function = act.kw["kind"]
            return self.absorb(act), None
        if (join := self.follower(value, "shortcut")) and self.joins(join):
            residual = join.args[1] if join.args[0] is value else join.args[0]
            value = self.absorb(join)
            if (act := self.follower(value, "activation")) and act.kw["kind"] in SLOPES:
                conv.after = SLOPES[act.kw["kind"]]
                value = self.absorb(act)
        return value, residual

    def absorb(self, step: Step) -> Value:
        """Take a step into the kernel being built; its output is the kernel's then."""
        self.done.add(id(step))
        return step.outs[0]

    def joins(self, step: Step) -> bool:
        """Whether a shortcut is a plain sum whose other side is already there."""
        a, b = step.args
        if a.shape != b.shape or a is b or not self.sums(step):
            return False
        return any(v in self.maps or v in self.planar for v in (a, b))

    def padded(self, x: Value, conv: Conv, step: Step) -> Value:
        """Planar input with the border a first convolution needs."""
        n, c, h, w = x.shape
        k = conv.kernel
        reach = conv.dilation * (k - 1) - conv.pad
        trail = max(0, *((o - 1) * s + reach - (size - 1) for o, s, size in
                         zip(step.outs[0].shape[2:], conv.stride, (h, w), strict=True)))
        out = Value((n, c, h + conv.pad + trail, w + conv.pad + trail), name="padded")
        self.steps.append(kernels.PadPlanar(step.layer, [x], out, conv.pad))
        return out

    @staticmethod
    def has_function(step: Step) -> bool:
        """Whether a kernel applies the activation; unused lanes must stay zero."""
        kind, channels = step.kw["kind"], step.outs[0].shape[1]
        return kind in FUNCTIONS and (kind not in NOT_AT_ZERO or channels % LANES == 0)

    def lower_activation(self, step: Step) -> bool:
        x = step.args[0]
        if x not in self.maps or not self.has_function(step):
            return False
        source, out = self.as_map(x, step.layer), self.new_map(step.outs[0])
        self.steps.append(kernels.Activate(step.layer, source, out, step.kw["kind"]))
        return True

    def lower_maxpool(self, step: Step) -> bool:
        x = step.args[0]
        if x not in self.maps or not self.pools(step):
            return False
        signs = self.follower(step.outs[0], "batchnorm", "quantize")
        if signs and self.lower_quantize(signs, step):
            return True
        self.steps.append(kernels.MaxPool(step.layer, self.maps[x], self.new_map(step.outs[0], self.maps[x].form),
                                          **step.kw))
        return True

    def pairs(self, value: Value) -> Step | None:
        """The max pool of 2x2 pixels that alone reads a value."""
        pool = self.follower(value, "maxpool")
        if pool is None or pool.kw != {"size": 2, "stride": (2, 2), "pad": pool.kw["pad"]} or pool.kw["pad"] > 1:
            return None
        return None if value.shape[2] % 2 or value.shape[3] % 2 else pool

    @staticmethod
    def pools(step: Step) -> bool:
        """Whether each window of a max pool has a pixel of the image."""
        return bool(-(-step.kw["pad"] // 2) < step.kw["size"])

    def lower_upsample(self, step: Step) -> bool:
        x = step.args[0]
        if x not in self.maps:
            return False
        out = self.new_map(step.outs[0], self.forms.stored(step.outs[0]))
        self.steps.append(kernels.Upsample(step.layer, self.maps[x], out, step.kw["stride"],
                                           step.kw.get("factor", 1.0)))
        return True

    def lower_shortcut(self, step: Step) -> bool:
        a, b = step.args
        if not (self.sums(step) and self.overlaps(a.shape, b.shape) and (a in self.maps or b in self.maps)):
            return False
        value, slope = step.outs[0], 1.0
        if (act := self.follower(value, "activation")) and act.kw["kind"] in SLOPES:
            slope = SLOPES[act.kw["kind"]]
            value = self.absorb(act)
        first, second = self.as_map(a, step.layer), self.as_map(b, step.layer)
        self.steps.append(kernels.Add(step.layer, first, second, self.new_map(value), slope))
        return True

    @staticmethod
    def sums(step: Step) -> bool:
        return bool(step.kw.get("alpha", 1) == step.kw.get("beta", 1) == 1)

    @staticmethod
    def overlaps(a: Shape, b: Shape) -> bool:
        """Whether all of a's first rows and columns have a partner in b, and b adds nothing to unused lanes of a."""
        (_, c1, h1, w1), (_, c2, h2, w2) = a, b
        return w2 >= w1 and (min(h1, h2) - 1) * (w2 // w1) < h2 and (c2 <= c1 or c1 % LANES == 0)

    def lower_yolo_activate(self, step: Step) -> bool:
        return self.head(step, heads.YoloHead)

    def lower_region_activate(self, step: Step) -> bool:
        return self.head(step, heads.RegionHead)

    def head(self, step: Step, kind: Any) -> bool:
        x = step.args[0]
        if x not in self.maps:
            return False
        self.steps.append(kind(step.layer, self.as_map(x, step.layer), step.outs[0], **step.kw))
        self.planar.update(step.outs)
        return True

    def lower_concat(self, step: Step) -> bool:
        """Routes copy nothing: the parts move into the whole, unless one lies elsewhere already."""
        parts = step.args
        if step.kw.get("axis", 1) != 1 or len(step.outs[0].shape) != 4 or not any(p in self.maps for p in parts):
            return False
        if any(p.shape[1] % LANES for p in parts[:-1]):
            return False
        form = self.forms.stored(step.outs[0])
        whole = self.new_map(step.outs[0], form)
        block = 0
        for part in parts:
            map_ = self.as_map(part, step.layer, form)
            if map_.parent is None and parts.count(part) == 1 and map_.blocks * LANES == part.shape[1]:
                map_.put_inside(whole, block)
            else:
                place = Blocked(part.shape, part.name, form)
                place.put_inside(whole, block)
                self.steps.append(kernels.Copy(step.layer, map_, place))
            block += map_.blocks
        return True


def lower(program: Program, forms: Forms | None = None, memory: float = choose.RAW_TIMES, packs: Packs | None = None,
          release: Release = keep) -> Program:
    """The same program on blocked maps where that is faster.

    `memory`: how many times the raw weights the packed ones may take; `packs`: what programs of the same net for other
    batches packed, for sharing.
    """
    return Lowering(program, forms or Forms(program), memory, {} if packs is None else packs, release).run()

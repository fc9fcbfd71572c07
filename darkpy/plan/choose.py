"""Which convolution algorithm for which layer: the fastest ones whose packed weights fit a budget of memory.

Winograd with larger tiles multiplies less but keeps more transformed weights: F(6) seven times the raw ones.  A model
of the time of each choice, fitted to measurements (docs/performance.md), and a greedy exchange decide: as long as the
sum is over the budget, the layer that loses least time per byte saved takes its next smaller choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkpy.jit import threads_allowed
from darkpy.ops.cpu.tile import DEPTH, LANES
from darkpy.ops.cpu.vector import SIZES
from darkpy.plan.binary import stays_binary
from darkpy.plan.blocked import FLOAT, Blocked, Form
from darkpy.plan.convolution import Conv, Depthwise, Direct
from darkpy.plan.kernels import Kernel
from darkpy.plan.narrow import Forms
from darkpy.plan.trace import Program, Step, Value
from darkpy.plan.winograd import Winograd

FLOPS = 105e9  # of one thread inside the micro-kernel, on float32
# seconds to transform a vector of a tile of this side, in and out
VECTOR = {6: 5.3e-9, 5: 5e-9, 4: 4.5e-9, 3: 4e-9, 2: 3e-9}
STRIDED = 3e-9  # the same with stride 2
FRESH = {5: 70e-9, 4: 50e-9}  # seconds to transform a vector of 3x3 weights while the convolution runs
BANDWIDTH = 25e9  # bytes per second of weights streamed from memory, by all threads
TILES = (6, 4, 3, 2)  # with packed weights F(5) is never the best
NARROW_TILES = (2,)  # with products of bfloat16: F(3) triples the error of a direct convolution, F(4) has six times
RAW_TIMES = 2.5  # default budget: so many times the raw weights
EXPANDED = 4 << 20  # bytes of weights that a layer transforms from bits before it begins, about
LONGEST = (1 << 31) // (255 * 127)  # sum of products of uint8 and int8 that an int32 holds for certain


@dataclass(frozen=True)
class Choice:
    """`tile` is the side of a Winograd output tile, 0 for direct convolution; `fresh`: its weights are kept as they
    are and transformed in each call; `kind`: the type of the products."""

    tile: int
    seconds: float
    nbytes: int
    fresh: bool = False
    kind: str = "float32"

    @property
    def pools(self) -> bool:
        """Whether its kernel can pool 2x2 pixels of its result."""
        return self.kind == "float32" and self.tile % 2 == 0

    def form(self, wish: Form) -> Form:
        """The form nearest to the wished one in which its kernel reads or writes maps."""
        if self.tile:
            return wish if wish.dtype == "bfloat16" else FLOAT
        return wish if self.kind != "float32" else FLOAT


def choices(x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...], kw: dict[str, Any],
            kind: str = "float32") -> list[Choice]:
    """What can compute a convolution of input x, weights w and output y (shapes), fastest first; `kind` is the type in
    which the input can be had."""
    n, _, oh, ow = y
    f, c, k, _ = w
    threads = threads_allowed()

    def estimate(products: float, transforms: float, nbytes: int) -> float:
        busy = (2 * products / FLOPS + transforms) / threads
        return max(busy, nbytes / BANDWIDTH) + 0.1 * min(busy, nbytes / BANDWIDTH)

    if kw.get("groups", 1) > 1 or (kind == "uint8" and c * k * k > LONGEST):
        kind = "float32"
    raw = SIZES[kind] * f * c * k * k
    products = float(n) * f * c * k * k * oh * ow * SIZES[kind] / 4
    found = [Choice(0, estimate(products, 0, raw), raw, kind=kind)]
    if kind == "uint8":
        return found
    raw = 4 * f * c * k * k
    stride = kw.get("stride", (1, 1))
    one = kw.get("dilation", 1) == kw.get("groups", 1) == kw.get("pad", 0) == 1
    if k == 3 and one and stride in ((1, 1), (2, 2)) and min(c, f) >= 16 and min(oh, ow) >= 4:
        for m in {*TILES, *FRESH} if stride == (1, 1) else (4,):
            t = m + 2 if stride == (1, 1) else 2 * m + 1
            tiles = n * -(-oh // m) * -(-ow // m)
            size = f * c * (m + 2) ** 2
            vectors = tiles * t * t * (-(-c // LANES) + -(-f // LANES))
            products, each = float(t * t) * c * f * tiles, VECTOR[m] if stride == (1, 1) else STRIDED
            if m in TILES:
                found.append(Choice(m, estimate(products, vectors * each, 4 * size), 4 * size))
            if m in NARROW_TILES and kind == "bfloat16":
                found.append(Choice(m, estimate(products / 2, vectors * each, 2 * size), 2 * size, kind=kind))
            if m in FRESH and stride == (1, 1) and c % DEPTH == 0:
                transforms = vectors * each + FRESH[m] * c * -(-f // LANES)
                found.append(Choice(m, estimate(products, transforms, raw), raw, fresh=True))
    return sorted(found, key=lambda choice: choice.seconds)


def one_bit(x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...], kw: dict[str, Any]) -> Choice:
    """The fastest choice where weights are kept as bits: those with packed floats take time to make them first."""

    def seconds(choice: Choice) -> float:
        again = choice.tile and not choice.fresh
        vectors = w[1] * -(-w[0] // LANES)
        return choice.seconds + (max(FRESH.values()) * vectors / threads_allowed() if again else 0)

    found = choices(x, w, y, kw)
    return min((c for c in found if c.fresh or not c.tile or c.nbytes <= EXPANDED), key=seconds)


def select(program: Program, forms: Forms, memory: float = RAW_TIMES) -> dict[int, Choice]:
    """The choice for each convolution step (by id); all packed weights may take `memory` times the raw ones."""
    lists: dict[int, list[Choice]] = {}
    raw = 0
    for step in program.steps:
        if isinstance(step, Step) and step.op == "conv" and isinstance(step.args[0], Value) and not stays_binary(step):
            w = tuple(step.args[1].shape)
            raw += 4 * w[0] * w[1] * w[2] * w[3]
            found = choices(step.args[0].shape, w, step.outs[0].shape, step.kw, forms.of(step.args[0]).dtype)
            # keep only those that save memory against every faster one
            useful = [c for i, c in enumerate(found) if all(c.nbytes < b.nbytes for b in found[:i])]
            lists[id(step)] = useful
    limit = memory * raw
    total = sum(found[0].nbytes for found in lists.values())
    while total > limit:
        options = [((found[1].seconds - found[0].seconds) / (found[0].nbytes - found[1].nbytes), key)
                   for key, found in lists.items() if len(found) > 1]
        if not options:
            break
        _, key = min(options)
        total += lists[key][1].nbytes - lists[key][0].nbytes
        lists[key] = lists[key][1:]
    return {key: found[0] for key, found in lists.items()}


def kernel(conv: Conv, choice: Choice, x: Blocked, out: Blocked, residual: Blocked | None) -> Kernel:
    """The kernel of a choice, its weights packed."""
    f, c, _, _ = conv.weights.shape
    if conv.groups > 1 and c == 1 and f == conv.groups:
        return Depthwise(conv, x, out, residual)
    if choice.tile:
        return Winograd(conv, x, out, residual, choice.tile, choice.fresh, choice.kind)
    return Direct(conv, x, out, residual)

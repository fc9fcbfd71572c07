"""Binary convolutions and networks against the same in floats: `make bench-xnor`.

All contestants run in one process, by turns, on one thread; the least time of all rounds counts.  `bits` takes floats
and gives floats: packing is included.  With DARKNET_LIB=.../libdarknet.so the original's convolution takes part.

`--only` measures one part and keeps what bench/xnor.json knows of the others; all parts are drawn in bench/xnor.png.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

import darkpy
from darkpy import jit
from darkpy.ops.cpu.bits import COUNTERS, EmitBits
from darkpy.ops.cpu.tasks import Sequence
from darkpy.ops.cpu.vector import LANES
from darkpy.ops.signs import Signs
from darkpy.plan.binary import Limits, PackSigns, Xnor
from darkpy.plan.blocked import Bits, Blocked
from darkpy.plan.convolution import Conv, Direct
from darkpy.plan.kernels import FromBlocked, ToBlocked
from darkpy.plan.run import Executable
from darkpy.plan.trace import Program, Value
from darkpy.tasks.summary import summarize

HERE = Path(__file__).parent
ROOT = HERE.parent
SETTINGS = [(256, 14, 256, 3), (256, 52, 256, 3)]  # channels, side, filters, size; the first is the paper's
CHANNELS = (8, 16, 32, 64, 128, 256, 512, 1024)
SIZES = (1, 2, 3, 4, 5, 7, 9, 11)
NETWORKS = {"yolov2-tiny": 416, "alexnet": 227, "darknet19": 256, "resnet18": 256}
LABELS = {"darknet": "the original's im2col and product (C)",
          "darknet_layer": "the original's convolutional layer (C)",
          "darknet_xnor": "the original's layer with xnor=1 (C)",
          "openblas": "im2col and OpenBLAS", "direct": "darkpy, floats, direct"}
TIMES = 10  # so often a layer of ours runs in one go, as in a network: waking threads takes as long as a small layer
OURS = ("bits", "xnor", "direct", "one", "all")  # those
SLICE = 0.02  # seconds a contestant runs before the next one

Job = Callable[[], Any]


# -- contestants ---------------------------------------------------------------------------------------------------


class Layer:
    """One convolution with random numbers, stride 1, in all its forms; `out` is what the last one gave."""

    def __init__(self, channels: int, side: int, filters: int, size: int):
        random = np.random.default_rng(0)
        self.shape, self.pad = (channels, side, filters, size), size // 2
        self.x = random.standard_normal((1, channels, side, side), np.float32)
        self.w = random.standard_normal((filters, channels, size, size), np.float32)
        self.alpha = np.abs(self.w).mean((1, 2, 3), keepdims=True)
        self.side = side + 2 * self.pad - size + 1  # of the output
        self.ops = 2.0 * self.w.size * self.side**2

    def plan(self, binary: bool) -> tuple[Executable, list[Any]]:
        """A program of this one layer, and the calls of its convolution, of bits with their packing."""
        x, y = Value(self.x.shape), Value((1, self.shape[2], self.side, self.side))
        source, target = Blocked(x.shape), Blocked(y.shape)
        ones, zeros = np.ones(self.shape[2], np.float32), np.zeros(self.shape[2], np.float32)
        if binary:
            limits = Limits.plain(self.shape[0])
            bits = Bits(x.shape, "bits", limits.flipped)
            signs = Signs.of(np.where(self.w > 0, self.alpha, -self.alpha))
            steps: list[Any] = [PackSigns(0, source, bits, limits),
                                Xnor(Conv(0, signs, ones, zeros, pad=self.pad), bits, target)]
        else:
            steps = [Direct(Conv(0, self.w, ones, zeros, pad=self.pad), source, target, None)]
        program = Program(x, [y], [ToBlocked(0, [x], source), *steps, FromBlocked(0, [target], y)])
        run = Executable(program)
        return run, [c for step, c in zip(run.step_of, run.calls, strict=True) if step in steps]

    def columns(self) -> tuple[np.ndarray, Job]:
        """The matrix of windows, and a job that fills it."""
        c, side, _, k = self.shape
        columns = np.empty((c, k, k, self.side, self.side), np.float32)
        wide = np.zeros((c, side + 2 * self.pad, side + 2 * self.pad), np.float32)

        def fill() -> None:
            wide[:, self.pad : self.pad + side, self.pad : self.pad + side] = self.x[0]
            for p in range(k):
                for q in range(k):
                    columns[:, p, q] = wide[:, p : p + self.side, q : q + self.side]

        return columns.reshape(c * k * k, -1), fill

    def openblas(self) -> Job:
        columns, fill = self.columns()
        rows, out = self.w.reshape(len(self.w), -1), np.empty((len(self.w), columns.shape[1]), np.float32)

        def run() -> np.ndarray:
            fill()
            return np.matmul(rows, columns, out=out)

        return run

    def darknet(self) -> Job:
        """im2col_cpu and gemm_cpu of libdarknet.so, as its convolutional layer calls them."""
        lib: Any = ctypes.CDLL(os.environ["DARKNET_LIB"])
        c, side, f, k = self.shape
        columns, out = np.empty((c * k * k, self.side**2), np.float32), np.empty((f, self.side**2), np.float32)
        x, w, b, y = (a.ctypes.data_as(ctypes.c_void_p) for a in (self.x, self.w, columns, out))
        one, n = ctypes.c_float(1), self.side**2

        def run() -> np.ndarray:
            out[...] = 0
            lib.im2col_cpu(x, c, side, side, k, 1, self.pad, b)
            lib.gemm_cpu(0, 0, f, n, c * k * k, one, w, c * k * k, b, n, one, y, n)
            return out

        return run

    def darknet_layer(self, xnor: int) -> Job:
        """The whole layer with a leaky activation as its program runs it; its weights are those it begins with."""
        c, side, f, k = self.shape
        lib: Any = ctypes.CDLL(os.environ["DARKNET_LIB"])
        lib.load_network.restype = ctypes.c_void_p
        lib.load_network.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
        lib.network_predict.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
            file.write(f"[net]\nbatch=1\nwidth={side}\nheight={side}\nchannels={c}\n\n[convolutional]\nfilters={f}\n"
                       f"size={k}\npadding={self.pad}\nactivation=leaky\nxnor={xnor}\n")
            file.flush()
            net = lib.load_network(file.name.encode(), None, 0)
        return lambda: lib.network_predict(net, self.x.ctypes.data)

    def contestants(self) -> dict[str, Job]:
        bits, calls = self.plan(True)
        direct, products = self.plan(False)
        jobs = {"bits": together(bits, calls, TIMES), "xnor": together(bits, calls[1:], TIMES),
                "direct": together(direct, products, TIMES), "openblas": self.openblas()}
        if os.environ.get("DARKNET_LIB"):
            jobs["darknet"] = self.darknet()
            jobs["darknet_layer"], jobs["darknet_xnor"] = self.darknet_layer(xnor=0), self.darknet_layer(xnor=1)
        self.check(bits, direct, jobs)
        return jobs

    def check(self, bits: Executable, direct: Executable, jobs: dict[str, Job]) -> None:
        """AssertionError where a contestant computes something else."""
        y = direct(self.x)[0][0]
        for name in ("openblas", "darknet"):
            if name in jobs:
                assert np.abs(jobs[name]().reshape(y.shape) - y).max() <= 1e-4 * np.abs(y).max(), name
        sign = Layer(*self.shape)
        sign.x, sign.w = (np.where(a > 0, np.float32(1), np.float32(-1)) for a in (self.x, self.w))
        want = sign.openblas()().reshape(y.shape) * self.alpha[:, 0]
        assert np.abs(bits(self.x)[0][0] - want).max() <= 1e-6 * np.abs(want).max(), "bits"


def together(program: Executable, calls: list[Any], times: int, threads: int = 1) -> Job:
    """The calls as a plan runs them, the threads being woken once; `program` owns their memory."""
    sequence = Sequence([call.parts for call in calls] * times)

    def run() -> Executable:
        jit.set_threads(threads)
        sequence.run(threads)
        return program

    return run


# -- the limit -----------------------------------------------------------------------------------------------------


@jit.intrinsic
def _count(context, turns, start):
    """28 counters in registers, each grown by popcount(counter ^ x) `turns` times: what a tile does without memory."""

    def generate(cx, builder, _, args):
        e = EmitBits(builder)
        x = builder.insert_element(ir.Constant(COUNTERS, [0] * LANES), builder.trunc(args[1], ir.IntType(32)),
                                   ir.Constant(ir.IntType(32), 0))
        first = [ir.Constant(COUNTERS, [k] * LANES) for k in range(28)]
        last = e.loop(args[0], first, lambda i, counts: [builder.add(c, e.ones(builder.xor(c, x))) for c in counts])
        total = last[0]
        for c in last[1:]:
            total = builder.add(total, c)
        return builder.zext(builder.extract_element(total, ir.Constant(ir.IntType(32), 0)), ir.IntType(64))

    return types.int64(types.int64, types.int64), generate


@jit.njit
def count(turns, start):
    return _count(turns, start)


TURNS = 20_000
LIMIT_OPS = 2.0 * TURNS * 28 * LANES * 32


def inner_loop(shape: Any) -> list[str]:
    """Assembly of a tile's loop."""
    from darkpy.ops.cpu import bits

    tile = bits.bit_tiles.__wrapped__(shape)
    kinds = ", ".join(map(str, tile._sig.args))
    fresh = jit.numba.cfunc(f"void({kinds})", error_model="numpy")(tile._pyfunc)  # a cached one has no text
    lines = [line.strip() for line in fresh._library.get_asm_str().splitlines()]
    most: list[str] = []
    for end, line in enumerate(lines):
        if line.startswith("j"):
            start = next((i for i in range(end, -1, -1) if lines[i].startswith(line.split()[-1] + ":")), end)
            loop = lines[start : end + 1]
            innermost = not any(text.endswith(":") for text in loop[1:])
            if innermost and sum("popcnt" in text for text in loop) > sum("popcnt" in text for text in most):
                most = loop
    return most


# -- measuring -----------------------------------------------------------------------------------------------------


def by_turns(jobs: dict[str, Job], seconds: float) -> dict[str, float]:
    """Least seconds of each job, which run one after the other again and again for about so long."""
    often, calls = {}, {name: TIMES if name in OURS else 1 for name in jobs}
    for name, job in jobs.items():
        job()
        start = time.perf_counter()
        job()
        often[name] = max(1, int(SLICE / (time.perf_counter() - start)))
    best = dict.fromkeys(jobs, float("inf"))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, job in jobs.items():
            start = time.perf_counter()
            for _ in range(often[name]):
                job()
            best[name] = min(best[name], (time.perf_counter() - start) / often[name] / calls[name])
    return best


def kernels(seconds: float) -> list[dict[str, Any]]:
    """The settings of the table, the limit of the machine, and what more threads give."""
    rows = []
    for shape in SETTINGS:
        layer = Layer(*shape)
        jobs = layer.contestants()
        jobs["limit"] = lambda: count(TURNS, 1)
        best = by_turns(jobs, seconds)
        row: dict[str, Any] = {"shape": shape, "ops": layer.ops, "seconds": best,
                               "share": layer.ops / best["xnor"] / (LIMIT_OPS / best["limit"])}
        threads = jit.threads_allowed()
        if threads > 1:
            program, calls = layer.plan(True)
            spent = by_turns({"one": together(program, calls, TIMES), "all": together(program, calls, TIMES, threads)},
                             seconds / 2)
            row["threads"] = {"count": threads, "gain": spent["one"] / spent["all"]}
        rows.append(row)
        tell(row)
    return rows


def tell(row: dict[str, Any]) -> None:
    c, side, f, k = row["shape"]
    best = row["seconds"]
    print(f"{c} -> {f} channels, {side}x{side}, {k}x{k}: bits {1e6 * best['bits']:.1f} us "
          f"({row['ops'] / best['bits'] / 1e12:.2f} Tera-op/s, packing included)")
    for name in LABELS:
        if name in best:
            print(f"  {best[name] / best['bits']:6.1f} times as fast as {LABELS[name]} ({1e3 * best[name]:.3f} ms)")
    if "share" in row:
        print(f"  {100 * row['share']:.1f} % of the rate of xor, count and add in registers alone")
    if "threads" in row:
        print(f"  {row['threads']['gain']:.2f} times as fast on {row['threads']['count']} threads")


def curve(shapes: list[tuple[int, int, int, int]], seconds: float) -> list[dict[str, Any]]:
    rows = []
    for shape in shapes:
        layer = Layer(*shape)
        rows.append({"shape": shape, "ops": layer.ops, "seconds": by_turns(layer.contestants(), seconds)})
        tell(rows[-1])
    return rows


def networks(seconds: float) -> list[dict[str, Any]]:
    """Whole plans, on one thread and on all: floats, binary weights, binary weights and inputs."""
    rows = []
    for name, side in NETWORKS.items():
        nets = {form: darkpy.load(ROOT / "cfg" / f"{name}{suffix}.cfg", size=side, batch=1)
                for form, suffix in (("floats", ""), ("bwn", "-bwn"), ("binary", "-xnor"))}
        x = np.random.default_rng(0).random((1, *nets["floats"].input_shape), np.float32)
        for net in nets.values():
            for layer in net.layers:
                for key, array in layer.params.items():
                    if key.endswith("rolling_variance"):
                        array[...] = 1
        row: dict[str, Any] = {"net": name, "side": side, "seconds": {}}
        for threads in sorted({1, jit.threads_allowed()}):
            plans = {form: net.plan(threads=threads) for form, net in nets.items()}
            jobs = {form: partial(plan, x) for form, plan in plans.items()}
            row["seconds"][threads] = by_turns(jobs, seconds)
        rows.append(row)
        for threads, best in row["seconds"].items():
            print(f"{name} {side}, {threads} thread{'s' * (threads > 1)}: floats {1e3 * best['floats']:.2f} ms, "
                  f"XNOR {1e3 * best['binary']:.2f} ms: {best['floats'] / best['binary']:.2f} times as fast; "
                  f"binary weights {1e3 * best['bwn']:.2f} ms")
    return rows


def memory(seconds: float) -> list[dict[str, Any]]:
    """Bytes of all parameters, and of those of the binary layers alone, as floats and packed."""
    rows = []
    for name in NETWORKS:
        s = summarize(ROOT / "cfg" / f"{name}-xnor.cfg")
        weights = [row for row in s.rows if row.bits == 1]
        rows.append({"net": name, "floats": 4 * s.params, "packed": s.packed,
                     "binary_floats": 4 * sum(row.params for row in weights),
                     "binary_packed": sum(row.packed for row in weights)})
        r = rows[-1]
        print(f"{name}: {r['floats'] / 1e6:.1f} MB, packed {r['packed'] / 1e6:.2f} MB; its binary layers "
              f"{r['binary_floats'] / 1e6:.1f} MB and {r['binary_packed'] / 1e6:.2f} MB, "
              f"{r['binary_floats'] / r['binary_packed']:.1f} times less")
    return rows


PARTS: dict[str, Callable[[float], list[dict[str, Any]]]] = {
    "kernels": kernels,
    "channels": lambda seconds: curve([(c, 14, 256, 3) for c in CHANNELS], seconds),
    "sizes": lambda seconds: curve([(256, 14, 256, k) for k in SIZES], seconds),
    "networks": networks,
    "memory": memory,
}


def draw(found: dict[str, Any], path: Path) -> None:
    """Speed-up against channels and filter size, and memory: the panels of the paper's figure."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(13, 4))
    for axis, part, index, label in ((axes[0], "channels", 0, "input channels (3x3)"),
                                     (axes[1], "sizes", 3, "size of the filter (256 channels)")):
        for name, text in LABELS.items():
            points = [(r["shape"][index], r["seconds"][name] / r["seconds"]["bits"]) for r in found.get(part, [])
                      if name in r["seconds"]]
            if points:
                axis.plot(*zip(*points, strict=True), marker="o", markersize=4, label=text)
        axis.set_xlabel(label)
        axis.set_ylabel("times as fast on bits, packing included")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    if found.get("channels"):
        axes[0].set_xscale("log", base=2)
        axes[0].set_xticks(CHANNELS, CHANNELS)
        axes[0].legend(fontsize=8, frameon=False)
    rows = found.get("memory", [])
    for k, (key, text) in enumerate((("floats", "float32"), ("packed", "packed"))):
        at = [n + 0.4 * (k - 0.5) for n in range(len(rows))]
        bars = axes[2].bar(at, [r[key] / 1e6 for r in rows], 0.4, label=text)
        axes[2].bar_label(bars, fmt="%.3g", fontsize=8)
    axes[2].set_xticks(range(len(rows)), [r["net"] for r in rows], fontsize=8)
    if rows:
        axes[2].set_yscale("log")
        axes[2].legend(fontsize=8, frameon=False)
    axes[2].set_ylabel("MB of parameters")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.xnor", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, help="measure this part, keep the others of bench/xnor.json")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each table row (default 5)")
    parser.add_argument("--assembly", action="store_true", help="print the inner loops of the usual tiles and end")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of xnor.json and xnor.png")
    args = parser.parse_args()
    if args.assembly:
        from darkpy.ops.cpu.bits import CHAIN_ROWS, ROWS, Shape
        from darkpy.ops.cpu.tile import VECTORS
        for shape in (Shape(ROWS[0], VECTORS), Shape(CHAIN_ROWS, 1, chained=1)):
            print(f"# {shape}\n" + "\n".join(inner_loop(shape)) + "\n")
        return
    file = args.out / "xnor.json"
    found = json.loads(file.read_text()) if args.only and file.exists() else {}
    for part in [args.only] if args.only else PARTS:
        found[part] = PARTS[part](args.seconds)
    file.write_text(json.dumps(found, indent=1) + "\n")
    draw(found, args.out / "xnor.png")


if __name__ == "__main__":
    main()

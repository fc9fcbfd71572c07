"""darkpy on an NVIDIA GPU against PyTorch and cuBLAS: `python -m bench.gpu`.

One command does everything: builds the nets with random weights, compares darkpy's outputs on the GPU with those of its
CPU reference, then times with the device's own events - after warming up, on random data, the median of many passes -
and prints what PyTorch (eager and compiled; fp32, tf32, fp16) and cuBLAS take, and the ratios.  PyTorch is left out
where it is not installed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import graph
from bench.randomise import randomise
from darkpy import cuda
from darkpy.network import Network, load

ROOT = Path(__file__).resolve().parent.parent
NETS = (("yolov3", 608), ("yolov2", 416), ("yolov3-tiny", 416), ("darknet19", 224))
TRAINED = ("yolov3", 416)
CHECKED = 96  # pixels: the reference takes its time
PRODUCTS = ((4096, 4096, 4096), (512, 5776, 4608), (1024, 361, 9216))  # M, N, K: square, and two of yolov3-608
SIGNS = (8, 256, 52)  # images, channels, side of an XNOR convolution
# of the largest number, after a hundred layers: in another order of summation, and from halves
LIMITS = {"float32": 2e-4, "fp16": 1e-2}


@dataclass
class Row:
    what: str
    ms: float

    def __str__(self) -> str:
        return f"  {self.what:<34}{self.ms:>10.3f} ms"


def timed(run: Callable[[], Any], repeats: int) -> float:
    """Median milliseconds of the device for what `run` launches on darkpy's stream."""
    numba, stream = cuda.numba_cuda, cuda.stream()
    for _ in range(3):
        run()
    spent = []
    for _ in range(repeats):
        begin, end = numba.event(), numba.event()
        begin.record(stream)
        run()
        end.record(stream)
        end.synchronize()
        spent.append(numba.event_elapsed_time(begin, end))
    return statistics.median(spent)


def with_torch(run: Callable[[], Any], repeats: int) -> float:
    """The same on PyTorch's stream."""
    import torch

    for _ in range(3):
        run()
    spent = []
    for _ in range(repeats):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        run()
        end.record()
        end.synchronize()
        spent.append(begin.elapsed_time(end))
    return statistics.median(spent)


def net_of(name: str, size: int, batch: int, device: str) -> Network:
    net = load(ROOT / "cfg" / f"{name}.cfg", batch=batch, size=size, device=device)
    with net.on_host():
        randomise(net)
    return net


def check(name: str) -> dict[str, float]:
    """For each precision the largest difference of any output between the GPU's plan and the plain NumPy, relative to
    its largest number.  Ends the program where it is too large."""
    reference, device = (net_of(name, CHECKED, 1, kind) for kind in ("reference", "cuda"))
    x = np.random.default_rng(0).random((1, *reference.input_shape), np.float32)
    reference.forward(x, keep=True)
    found = {}
    for precision, limit in LIMITS.items():
        worst = 0.0
        for k, y in zip(reference.output_layers, device.plan(precision=precision)(x), strict=True):
            wanted = reference.outputs[k]
            worst = max(worst, float(np.abs(y - wanted).max() / np.abs(wanted).max()))
        if not worst <= limit:
            sys.exit(f"{name}: the GPU's outputs in {precision} differ from the reference by {worst:.1e} of the "
                     "largest number")
        found[precision] = worst
    return found


def inference(name: str, size: int, batch: int, repeats: int, peers: bool) -> None:
    errors = check(name)
    net = net_of(name, size, batch, "cuda")
    x = np.random.default_rng(0).random((batch, *net.input_shape), np.float32)
    print(f"\n{name} {size}x{size}, batch {batch}")
    rows = []
    for precision, error in errors.items():
        plan: Any = net.plan(precision=precision)
        plan(x)
        program = plan.program(batch)
        rows.append(Row(f"darkpy {precision}", timed(partial(program.launch, x), repeats)))
        start = time.perf_counter()
        for _ in range(repeats):
            plan(x)
        wall = (time.perf_counter() - start) / repeats * 1e3
        print(f"  {plan.precision} differs from the reference by {error:.1e}; {wall:.3f} ms a call with upload and "
              "download")
    theirs = pytorch(net_of(name, size, batch, "cpu"), x, repeats) if peers else []
    compare(rows, theirs)


def pytorch(net: Network, x: np.ndarray, repeats: int) -> list[Row]:
    import torch

    from bench.peers.pytorch import Module

    rows = []
    for kind in ("fp32", "tf32", "fp16"):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = kind == "tf32"
        torch.backends.cudnn.benchmark = True
        dtype = torch.float16 if kind == "fp16" else torch.float32
        module = Module(graph.read(net)).eval().to("cuda", dtype)
        data = torch.from_numpy(x).to("cuda", dtype)
        for mode in ("eager", "compiled"):
            run = module if mode == "eager" else torch.compile(module, mode="max-autotune-no-cudagraphs")

            def once(run: Any = run, data: Any = data) -> None:
                with torch.inference_mode():
                    run(data)

            try:
                rows.append(Row(f"PyTorch {mode} {kind}", with_torch(once, repeats)))
            except Exception as e:  # a compiler that is not installed, say
                print(f"  PyTorch {mode} {kind}: {str(e).splitlines()[0][:100]}")
    return rows


def products(repeats: int, peers: bool) -> None:
    """The product kernels by themselves, as 1x1 convolutions of these sizes."""
    from darkpy.ops.cuda import half, tensor_cores
    from darkpy.ops.cuda.memory import Array, upload
    from darkpy.ops.cuda.unfold import layout, pack
    from darkpy.ops.halves import WORD, map_shape

    random = np.random.default_rng(0)
    for m, n, k in PRODUCTS:
        a, b = random.random((m, k, 1, 1), np.float32), random.random((1, k, 1, n), np.float32)
        w, x, y = upload(a), upload(b), upload(np.zeros((1, m, 1, n), np.float32))
        product = layout(x.shape, y.shape, 1, (1, 1), 0, 1, 1)
        packed = pack(product, w)
        words, narrow = Array(map_shape(x.shape), WORD), Array(map_shape(y.shape), WORD)
        half.to_half(words, x)
        cores = tensor_cores.layout(words.shape, w.shape, (1, n), (1, 1), 0, 1)
        weights, bias = cores.pack(a, None)
        print(f"\nproduct {m} x {n} x {k}")
        rows = []
        for kind, run in (("float32", partial(product, y, x, packed)),
                          ("fp16", partial(cores, narrow, words, weights, bias))):
            ms = timed(run, repeats)
            if kind == "fp16":
                half.from_half(y, narrow)
            error = np.abs(y.host()[0, :8, 0] - a[:8, :, 0, 0] @ b[0, :, 0]).max() / k
            print(f"  {kind}: {2e-9 * m * n * k / ms:.1f} TFLOP/s; differs by {error:.1e}")
            rows.append(Row(f"darkpy {kind}", ms))
        theirs: list[Row] = []
        if peers:
            import torch

            ta, tb = torch.from_numpy(a[:, :, 0, 0]).cuda(), torch.from_numpy(b[0, :, 0]).cuda()
            for kind in ("fp32", "tf32"):
                torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
                theirs.append(Row(f"cuBLAS {kind}", with_torch(partial(torch.mm, ta, tb), repeats)))
            theirs.append(Row("cuBLAS fp16", with_torch(partial(torch.mm, ta.half(), tb.half()), repeats)))
        compare(rows, theirs)


def binary(repeats: int) -> None:
    """A 3x3 XNOR convolution on packed bits against the same one in float32, packing included."""
    from darkpy.ops.cuda.bits import BitConvolution
    from darkpy.ops.cuda.memory import upload
    from darkpy.ops.cuda.unfold import layout, pack
    from darkpy.ops.signs import Signs

    n, c, side = SIGNS
    random = np.random.default_rng(0)
    w = np.where(random.random((c, c, 3, 3)) > 0.5, np.float32(1), np.float32(-1))
    x, y, z = (upload(random.standard_normal((n, c, side, side), np.float32)) for _ in range(3))
    signs = Signs.of(w)
    assert signs is not None
    bits = BitConvolution(signs, np.float32(1), None, {"pad": 1})
    product = layout(x.shape, y.shape, 3, (1, 1), 1, 1, 1)
    packed = pack(product, upload(w))
    rows = [Row("darkpy, bits", timed(partial(bits, y, x), repeats)),
            Row("darkpy, float32", timed(partial(product, z, x, packed), repeats))]
    print(f"\nXNOR convolution 3x3, {c} to {c} channels, {side}x{side}, batch {n}")
    report(rows)


def training(name: str, size: int, batch: int, repeats: int, peers: bool) -> None:
    """Whole steps: upload, forward, loss, backward, update."""
    net = net_of(name, size, batch, "cuda")
    random = np.random.default_rng(0)
    x = random.random((net.batch, *net.input_shape), np.float32)
    truth = np.zeros((net.batch, 90, 5), np.float32)
    truth[:, :5] = random.uniform(0.1, 0.4, (net.batch, 5, 5))
    truth[:, :5, 4] = 0

    def step() -> None:
        net.loss(x, truth)
        net.backward()
        net.update(1e-6, 0.9, 5e-4)

    rows = [Row("darkpy", timed(step, repeats))]
    if peers:
        import torch

        from bench.peers.pytorch_training import Step

        source = net_of(name, size, batch, "cpu")
        for kind in ("fp32", "tf32"):
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = kind == "tf32"
            torch.backends.cudnn.benchmark = True
            rows.append(Row(f"PyTorch {kind}", with_torch(Step(graph.read(source), source, x, "cuda"), repeats)))
    print(f"\ntraining {name} {size}x{size}, batch {net.batch}: a step; images/s: "
          + ", ".join(f"{row.what} {net.batch / row.ms * 1e3:.1f}" for row in rows))
    report(rows)


def compare(mine: list[Row], theirs: list[Row]) -> None:
    """Of my two rows the second against what is in fp16, the first against all else."""
    for row, narrow in zip(mine, (False, True), strict=True):
        report([row, *(other for other in theirs if other.what.endswith("fp16") == narrow)])


def report(rows: list[Row]) -> None:
    for row in rows:
        ratio = f"  {rows[0].what} has {row.ms / rows[0].ms:.2f} times its speed" if row is not rows[0] else ""
        print(f"{row}{ratio}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--train-batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--no-torch", action="store_true")
    parser.add_argument("nets", nargs="*", help="of cfg/, as NAME or NAME:SIZE; by default some of all kinds")
    options = parser.parse_args()
    cuda.check()
    peers = not options.no_torch and importlib.util.find_spec("torch") is not None
    device = cuda.numba_cuda.get_current_device()
    print(f"{time.strftime('%Y-%m-%d')}, {device.name}, compute capability {device.compute_capability}; "
          f"Python {platform.python_version()}, numba-cuda {importlib.import_module('numba_cuda').__version__}"
          + (f", PyTorch {importlib.import_module('torch').__version__}" if peers else ", without PyTorch"))
    known = dict(NETS)
    chosen = [(name, int(size) if size else known.get(name, 416)) for name, _, size in
              (text.partition(":") for text in options.nets)] or list(NETS)
    for name, size in chosen:
        inference(name, size, options.batch, options.repeats, peers)
    products(options.repeats, peers)
    binary(options.repeats)
    training(*TRAINED, options.train_batch, max(options.repeats // 3, 3), peers)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Where the time of a plan goes: `python -m bench.roofline cfg/yolov3.cfg --size 416` prints the plan step by step and
draws each convolution against what the machine can do.

The rate of a step counts the operations of a direct convolution.  A direct one stays below the peak of the
micro-kernel; Winograd's F(m), which multiplies less, below a multiple of it; and neither can be faster than memory
delivers its weights and maps, once each, unless they are still in a cache.
"""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path

import numpy as np

import darkpy
from darkpy.plan.explain import Explanation, StepTime

LIMITS = {"direct": 1.0, "F(2)": 9 * 4 / 16, "F(4)/2": 144 / 81, "F(4)": 9 * 16 / 36, "F(5)": 9 * 25 / 49,
          "F(6)": 9 * 36 / 64, "by rows 3x3": 2.0}  # multiplications of a direct convolution for one of these


def bandwidth(threads: int) -> float:
    """Bytes per second copied by so many threads, read and written, the best of some trials."""
    half = 1 << 27
    pairs = [(np.zeros(half, np.uint8), np.ones(half, np.uint8)) for _ in range(threads)]
    best = float("inf")
    for _ in range(5):
        jobs = [threading.Thread(target=np.copyto, args=pair) for pair in pairs]
        start = time.perf_counter()
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        best = min(best, time.perf_counter() - start)
    return 2 * threads * half / best


def family(step: StepTime) -> str:
    return next((name for name in ("F(4)/2", *LIMITS) if name in step.algorithm), "")


def totals(told: Explanation) -> str:
    """Time and rate of each algorithm, as rows of a Markdown table."""
    groups: dict[str, list[StepTime]] = {}
    for step in told.steps:
        groups.setdefault(step.algorithm if step.flops else "everything else", []).append(step)
    lines = ["| algorithm | steps | ms | share | GFLOP/s |", "| --- | --: | --: | --: | --: |"]
    for name, steps in sorted(groups.items(), key=lambda item: -sum(s.seconds for s in item[1])):
        seconds, flops = sum(s.seconds for s in steps), sum(s.flops for s in steps)
        rate = f"{flops / seconds / 1e9:.0f}" if flops else ""
        lines.append(f"| {name} | {len(steps)} | {1e3 * seconds:.1f} | {100 * seconds / told.seconds:.0f} % | {rate} |")
    return "\n".join(lines)


def draw(told: Explanation, copied: float, title: str, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(9, 5.5))
    steps = [s for s in told.steps if s.flops and family(s)]
    xs = np.array([s.flops / s.nbytes for s in steps])
    span = np.geomspace(xs.min() / 3, xs.max() * 1.5, 200)
    for index, (name, times) in enumerate(LIMITS.items()):
        some = [k for k, s in enumerate(steps) if family(s) == name]
        if not some:
            continue
        colour = f"C{index}"
        axis.plot(span, np.minimum(span * copied, times * told.peak) / 1e9, color=colour, lw=1, alpha=0.7)
        axis.scatter(xs[some], [steps[k].flops / steps[k].seconds / 1e9 for k in some],
                     s=[max(12, 4e3 * steps[k].seconds / told.seconds) for k in some], color=colour, alpha=0.55,
                     label=f"{name}: {1e3 * sum(steps[k].seconds for k in some):.1f} ms")
    axis.set(xscale="log", yscale="log", xlim=span[[0, -1]], ylabel="GFLOP/s", title=title,
             xlabel="FLOP of a direct convolution per byte of maps and weights")
    axis.legend(loc="upper left", title="area: share of the time; lines: limits")
    axis.grid(alpha=0.3, which="both")
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cfg")
    parser.add_argument("--size", type=int, default=416)
    parser.add_argument("--out", type=Path, default=Path("build"), help="folder of roofline.png and plan.txt")
    args = parser.parse_args()
    plan = darkpy.load(args.cfg, size=args.size, batch=1).plan(release=True)
    told = plan.explain(passes=9)
    copied = bandwidth(told.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "plan.txt").write_text(f"{told}\n")
    title = (f"{Path(args.cfg).stem} at {args.size}, {told.threads} threads: {1e3 * told.seconds:.0f} ms; peak "
             f"{told.peak / 1e9:.0f} GFLOP/s, copies {copied / 1e9:.0f} GB/s")
    draw(told, copied, title, args.out / "roofline.png")
    print(told, "", totals(told), sep="\n")
    print(f"\nbandwidth {copied / 1e9:.1f} GB/s; {args.out / 'roofline.png'}")


if __name__ == "__main__":
    main()

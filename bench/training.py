"""The benchmark of training: whole steps (forward, loss, backward, update) of each peer, in turn.  See --help."""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import darkpy
from bench import nets, report
from bench.run import SETTLE, Worker, pairs
from bench.trainers import TRAINERS

TOLERANCE = 1e-2  # of training-mode outputs, or of the first cost


def prepare(name: str, batch: int) -> Path:
    """A folder with model.cfg, set to one batch of this size, and model.weights, freshly started."""
    cfg, side = name.rsplit("-", 1)
    folder = nets.ROOT / "build" / "bench" / f"train-{name}-b{batch}"
    folder.mkdir(parents=True, exist_ok=True)
    text = (nets.ROOT / "cfg" / f"{cfg}.cfg").read_text()
    for key, value in (("batch", batch), ("subdivisions", 1), ("width", side), ("height", side), ("random", 0),
                       ("learning_rate", "1e-9"), ("burn_in", 0)):
        text = re.sub(rf"^{key}\s*=.*$", f"{key}={value}", text, flags=re.MULTILINE)
    (folder / "model.cfg").write_text(text)
    darkpy.load(str(folder / "model.cfg")).save(folder / "model.weights", seen=0)
    return folder


def compare(name: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each peer."""
    folder = prepare(name, options.batch)
    workers = []
    for peer in options.peers:
        workers.append(Worker.start(peer, folder, options.threads, options.batch, module="bench.trainers"))
        report.note(f"{name}: {peer} {workers[-1].failed or workers[-1].hello['version']}")
    running = [w for w in workers if not w.failed]
    for number in range(options.rounds):
        shift = number % max(len(running), 1)
        for worker in running[shift:] + running[:shift]:
            if not worker.failed:
                worker.turn(number, options.seconds)
                time.sleep(SETTLE)
    for worker in running:
        worker.stop()
    ours = next((w for w in running if w.peer == "darkpy" and w.rounds), None)
    return [row(w, ours, name, options) for w in workers]


def row(worker: Worker, ours: Worker | None, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a step; `ratio`: a peer's time over darkpy's in the same rounds."""
    out: dict[str, Any] = {"net": name, "peer": worker.peer, "batch": options.batch, "threads": options.threads}
    if worker.failed or not worker.rounds:
        return out | {"failed": worker.failed or "no round was run"}
    times = worker.times("wall")
    out |= {"version": worker.hello["version"], "error": worker.hello["error"], "steps": len(times),
            "agrees": worker.hello["error"] <= TOLERANCE, "median": statistics.median(times), "min": min(times),
            "images_per_second": options.batch / statistics.median(times)}
    if ours:
        both, out["disturbed"] = pairs(worker, ours)
        out["ratio"] = statistics.median(
            statistics.median(worker.rounds[n]["wall"]) / statistics.median(ours.rounds[n]["wall"]) for n in both)
        out["ratio_of_min"] = min(times) / min(ours.times("wall"))
    return out


def markdown(rows: list[dict[str, Any]], facts: dict[str, Any]) -> str:
    lines = ["# Training steps", "",
             f"{facts['cpu']}, {facts['cores']} cores ({facts['instructions']}), Python {facts['python']}, "
             f"{facts['date']}. A ratio is the peer's time for a step over darkpy's in the same rounds: above 1, "
             "darkpy is faster; `~`: nearly all rounds were disturbed by other programs. Made by "
             "`python -m bench.training`; docs/performance.md says how.", "",
             "| network | batch | threads | peer | version | images/s | step, ms (median) | (min) | ratio "
             "| ratio of min | error |", "|---|--:|--:|---|---|--:|--:|--:|--:|--:|--:|"]
    for r in rows:
        head = f"| {r['net']} | {r['batch']} | {r['threads']} | {r['peer']} | "
        if "failed" in r:
            lines.append(f"{head}failed: {r['failed']} | | | | | | |")
            continue
        ratios = f"{r['ratio']:.2f}{'~' * r['disturbed']} | {r['ratio_of_min']:.2f}" if "ratio" in r else " | "
        lines.append(f"{head}{r['version']} | {r['images_per_second']:.1f} | {1e3 * r['median']:.0f} | "
                     f"{1e3 * r['min']:.0f} | {ratios} | {r['error']:.0e}{'' if r['agrees'] else ' WRONG'} |")
    return "\n".join(lines) + "\n"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m bench.training", description=__doc__)
    p.add_argument("--nets", type=lambda s: s.split(","), default=["yolov2-tiny-416"], metavar="CFG-SIDE,...",
                   help="plain nets of cfg/ that end with [region] or [softmax], with the side of their input")
    p.add_argument("--peers", type=lambda s: s.split(","), default=list(TRAINERS), metavar="A,B",
                   help=f"of {', '.join(TRAINERS)}")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--batch", type=int, default=4, help="images in a step")
    p.add_argument("--rounds", type=int, default=8, help="turns of each peer")
    p.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    p.add_argument("--out", type=Path, default=nets.ROOT / "bench", help="folder for training.json and training.md")
    options = p.parse_args(argv)
    if unknown := set(options.peers) - set(TRAINERS):
        p.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(TRAINERS)}")
    if "darknet" in options.peers and not os.environ.get("DARKNET_LIB"):
        options.peers.remove("darknet")
        report.note("C Darknet is left out: DARKNET_LIB names no libdarknet.so")
    return options


def main() -> int:
    options = parse()
    rows = [row for name in options.nets for row in compare(name, options)]
    facts = report.machine()
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "training.json").write_text(json.dumps({"machine": facts, "rows": rows}, indent=1) + "\n")
    text = markdown(rows, facts)
    (options.out / "training.md").write_text(text)
    print(text)
    return 0 if all(r.get("agrees", True) for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

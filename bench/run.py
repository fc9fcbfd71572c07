"""The benchmark: every peer in its own process, a few inferences at a time, in turn.  See --help."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench import nets, report
from bench.peers import PEERS
from bench.worker import SLOW

TOLERANCE = {"f32": 1e-3, "bf16": 5e-2, "int8": 2e-1}  # of outputs, relative to the largest number
SETTLE = 0.03  # seconds between turns: threads that still spin after their work come to rest
DISTURBED = 0.1  # cores that others kept busy during a turn: such a turn is repeated, and counts only if need be
TRIES = 2


@dataclass
class Worker:
    """A peer's process, and what it measured: one list of times for each of its turns."""

    peer: str
    process: Any
    hello: dict[str, Any] = field(default_factory=dict)
    rounds: dict[int, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def start(cls, peer: str, folder: Path, threads: int, batch: int, precision: str = "f32",
              module: str = "bench.worker") -> Worker:
        spec = {"peer": peer, "folder": str(folder), "threads": threads, "batch": batch, "precision": precision}
        env = os.environ | {"DARKPY_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
        log = (folder / f"{peer}.log").open("w")
        process = subprocess.Popen([sys.executable, "-m", module, json.dumps(spec)], cwd=nets.ROOT, env=env,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1)
        worker = cls(peer, process)
        worker.hello = worker.answer()
        return worker

    def answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"failed": f"ended with status {self.process.wait()}"}

    @property
    def failed(self) -> str:
        return self.hello.get("failed", "")

    def turn(self, number: int, seconds: float) -> None:
        """A slow peer has only every fourth turn, of one inference."""
        slow = self.hello["first"] > SLOW
        if slow and number % 4:
            return
        for _ in range(1 if slow else TRIES):
            times = self.measured({"seconds": 0 if slow else seconds, "warm": not slow})
            if "failed" in times:
                self.hello = times
                return
            if times["foreign"] < self.rounds.get(number, {}).get("foreign", float("inf")):
                self.rounds[number] = times
            if times["foreign"] < DISTURBED:
                return

    def measured(self, order: dict[str, Any]) -> dict[str, Any]:
        """The times of one turn; "foreign": how many cores were busy with something else meanwhile."""
        busy, start = busy_seconds(), time.perf_counter()
        self.process.stdin.write(json.dumps(order) + "\n")
        times = self.answer()
        wall = time.perf_counter() - start
        return times | {"foreign": (busy_seconds() - busy - times.get("total_cpu", 0)) / wall}

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)

    def counted(self) -> dict[int, dict[str, Any]]:
        """The undisturbed rounds, or all where there are hardly any."""
        quiet = {number: one for number, one in self.rounds.items() if one["foreign"] < DISTURBED}
        return quiet if len(quiet) > 1 else self.rounds

    def times(self, kind: str) -> list[float]:
        return [t for one in self.counted().values() for t in one[kind]]


def busy_seconds() -> float:
    """CPU seconds all processes of this machine have used so far, and what a host machine took away."""
    t = psutil.cpu_times()
    return t.user + t.system + sum(getattr(t, name, 0.0) for name in ("nice", "irq", "softirq", "steal"))


def compare(net: str, threads: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each peer."""
    folder = nets.prepare(net, options.batch)
    workers = []
    for peer in options.peers:
        workers.append(Worker.start(peer, folder, threads, options.batch, options.precision))
        report.note(f"{net}, {threads} threads: {peer} {workers[-1].failed or workers[-1].hello['version']}")
    running = [w for w in workers if not w.failed]
    for number in range(options.rounds):
        shift = number % max(len(running), 1)
        for worker in running[shift:] + running[:shift]:  # not always the same neighbour
            if not worker.failed:
                worker.turn(number, options.seconds)
                time.sleep(SETTLE)
    for worker in running:
        worker.stop()
    ours = next((w for w in running if w.peer == "darkpy" and not w.failed), None)
    return [row(worker, ours, net, threads, options) for worker in workers]


def pairs(worker: Worker, ours: Worker) -> tuple[set[int], bool]:
    """Rounds that are compared: those in which nothing disturbed either side; where there are hardly any, all that
    both ran, and True."""
    both = worker.rounds.keys() & ours.rounds.keys()
    quiet = {n for n in both if worker.rounds[n]["foreign"] < DISTURBED and ours.rounds[n]["foreign"] < DISTURBED}
    return (quiet, False) if len(quiet) > 1 else (both, True)


def row(worker: Worker, ours: Worker | None, net: str, threads: int, options: argparse.Namespace) -> dict[str, Any]:
    """Times in milliseconds; ratios are how many times longer than darkpy a peer took in the same rounds."""
    out: dict[str, Any] = {"net": net, "threads": threads, "batch": options.batch, "precision": options.precision,
                           "peer": worker.peer}
    if worker.failed or not worker.rounds:
        return out | {"failed": worker.failed or "no round was run"}
    hello = worker.hello
    out |= {"version": hello["version"], "error": hello["error"],
            "agrees": hello["error"] <= TOLERANCE[options.precision] * hello["slack"],
            "inferences": len(worker.times("wall")), "rounds": len(worker.rounds)}
    both, out["disturbed"] = pairs(worker, ours) if ours else (set(), False)
    for kind in ("wall", "cpu"):
        times = worker.times(kind)
        out[kind] = {"median": 1e3 * statistics.median(times), "min": 1e3 * min(times)}
        if both:
            out[kind]["ratio"] = statistics.median(
                statistics.median(worker.rounds[n][kind]) / statistics.median(ours.rounds[n][kind]) for n in both)
            out[kind]["ratio_of_min"] = min(times) / min(ours.times(kind))
    return out


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    p.add_argument("--nets", type=lambda s: s.split(","), default=list(nets.NETS), metavar="A,B",
                   help=f"of {', '.join(nets.NETS)}")
    p.add_argument("--peers", type=lambda s: s.split(","), default=list(PEERS), metavar="A,B",
                   help=f"of {', '.join(PEERS)}")
    p.add_argument("--threads", type=lambda s: [int(n) for n in s.split(",")], default=[2, 1], metavar="2,1")
    p.add_argument("--batch", type=int, default=1, help="images in one inference")
    p.add_argument("--rounds", type=int, default=8, help="turns of each peer")
    p.add_argument("--seconds", type=float, default=0.4, help="length of a turn")
    p.add_argument("--precision", choices=list(TOLERANCE), default="f32")
    p.add_argument("--quick", action="store_true", help="two nets, four short rounds: to see that it works")
    p.add_argument("--out", type=Path, default=nets.ROOT / "bench", help="folder for results.json, .md and .png")
    options = p.parse_args(argv)
    if options.quick:
        options.nets, options.rounds, options.seconds = ["yolov3-tiny-416", "darknet19-224"], 4, 0.2
    for name, known in ((options.nets, nets.NETS), (options.peers, PEERS)):
        if unknown := set(name) - set(known):
            p.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    there = {"f32": set(PEERS) - {"darkpy-float32"}, "bf16": {"darkpy", "darkpy-float32", "openvino"},
             "int8": {"darkpy", "darkpy-float32"}}[options.precision]  # the others compute in float32 only
    options.peers = [peer for peer in options.peers if peer in there]
    if "darknet" in options.peers and not os.environ.get("DARKNET_LIB"):
        options.peers.remove("darknet")
        report.note("C Darknet is left out: DARKNET_LIB names no libdarknet.so")
    return options


def main() -> int:
    options = parse()
    rows: list[dict[str, Any]] = []
    started = time.time()
    for net in options.nets:
        for threads in options.threads:
            try:
                rows += compare(net, threads, options)
            except FileNotFoundError as e:
                report.note(f"{net} is left out: no {e}")
                break
            report.show(rows[-len(options.peers) :])
            report.write(options.out, rows, report.machine(), options.rounds, time.time() - started)
    return 0 if all(r.get("agrees", True) for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

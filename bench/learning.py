"""How well binary networks learn: the nets of cfg/ and changes of them, trained from several seeds.  See --help.

Runs that stand in the file of results already are not repeated, so that it can be stopped and started again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkpy import atomic, cfg, datafile
from darkpy.tasks.cfg_edit import set_option
from darkpy.tasks.score import top1
from darkpy.tasks.train import Job, open_training

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class Variant:
    """A network of cfg/, and options set in its binary layers (`edits`), in [net] (`net`) and in its [batchnorm]
    layers (`norms`); None removes one."""

    data: str
    cfg: str
    name: str
    edits: dict[str, str | None] = field(default_factory=dict)
    net: dict[str, str | None] = field(default_factory=dict)
    norms: dict[str, str | None] = field(default_factory=dict)

    def text(self) -> str:
        text = (ROOT / "cfg" / self.cfg).read_text()
        for changes, wanted in ((self.net, lambda s: s.kind == "net"),
                                (self.edits, lambda s: s.get("xnor") or s.get("binary")),
                                (self.norms, lambda s: s.kind == "batchnorm")):
            for key, value in changes.items():
                text = set_option(text, [s for s in cfg.parse(text) if wanted(s)], key, value)
        return text

    def digest(self) -> str:
        return hashlib.sha256(self.text().encode()).hexdigest()[:16]


XNOR, CBAP = "cifar-small-xnor.cfg", "cifar-small-xnor-cbap.cfg"
VARIANTS = [
    Variant("cifar", "cifar-small.cfg", "full precision"),
    Variant("cifar", "cifar-small-bwn.cfg", "binary weights"),
    Variant("cifar", XNOR, "XNOR, B-A-C-P"),
    Variant("cifar", CBAP, "XNOR, C-B-A-P"),
    Variant("mnist", "mnist.cfg", "full precision"),
    Variant("mnist", "mnist-xnor.cfg", "XNOR, B-A-C-P"),
    Variant("cifar", XNOR, "XNOR with K", {"beta": "1"}),
    Variant("cifar", XNOR, "XNOR without alpha", {"alpha": "none"}),
    Variant("cifar", XNOR, "XNOR, learned alpha", {"alpha": "learned"}),
    Variant("cifar", XNOR, "XNOR, binary gradient", {"binary_grad": "max"}),
    Variant("cifar", XNOR, "XNOR, Darknet's gradients", {"xnor_mode": None, "beta": None, "clamp": None}),
    Variant("cifar", CBAP, "XNOR, C-B-A-P, learned offsets", norms={"affine": "1"}),
]


def run(variant: Variant, seed: int, shared: Path) -> dict[str, Any]:
    """Train once; the result's row."""
    with tempfile.TemporaryDirectory() as folder:
        source, net_file = shared / "data" / variant.data, Path(folder) / variant.cfg
        data = Path(folder) / "learning.data"
        data.write_text(f"train={source}/train.list\nvalid={source}/valid.list\nlabels={source}/labels.txt\n"
                        f"backup={folder}\n")
        net_file.write_text(variant.text())
        job = Job(str(data), str(net_file), seed=seed, workers=1, save_every=0, chart_every=0, validate_every=0)
        began, steps = time.process_time(), []
        with open_training(job) as training:
            for step in training.trainer:
                steps.append(step.loss)
                if sys.stderr.isatty() or step.batch % 250 == 0:
                    print(f"\r{variant.data} {variant.name} seed {seed} batch {step.batch} loss {step.average:.3f}",
                          end="", file=sys.stderr)
            score = top1(training.net, datafile.read(data))(training.net)
    print(f" top-1 {score:.4f}", file=sys.stderr)
    return {"data": variant.data, "name": variant.name, "seed": seed, "top1": score, "cfg": variant.digest(),
            "loss": sum(steps[-50:]) / len(steps[-50:]), "batches": len(steps),
            "cpu_seconds": round(time.process_time() - began, 1)}


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: mean and range of each variant."""
    lines = ["| data | network | top-1, mean | least to best seed | runs |", "| --- | --- | --- | --- | --- |"]
    for v in VARIANTS:
        mine = [r for r in rows if r["data"] == v.data and r["name"] == v.name]
        if mine:
            scores = [100 * r["top1"] for r in mine]
            lines.append(f"| {v.data} | {v.name} | {statistics.mean(scores):.1f} | {min(scores):.1f} to "
                         f"{max(scores):.1f} | {len(mine)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.learning", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="variants whose 'data name' matches this regular expression")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--net", action="append", default=[], metavar="KEY=VALUE", help="try out an option of [net]")
    args = parser.parse_args()
    shared = Path(os.environ.get("DARKPY_SHARED", ROOT.parent / "shared"))
    rows = json.loads(args.results.read_text()) if args.results.exists() else []
    for seed in range(1, args.seeds + 1):
        for v in VARIANTS:
            v.net.update(dict(pair.split("=", 1) for pair in args.net))
            done = any((r["data"], r["name"], r["seed"], r["cfg"]) == (v.data, v.name, seed, v.digest()) for r in rows)
            if done or not re.search(args.only, f"{v.data} {v.name}"):
                continue
            rows = [r for r in rows if (r["data"], r["name"], r["seed"]) != (v.data, v.name, seed)]
            rows.append(run(v, seed, shared))
            with atomic.replacing(args.results) as file:
                file.write(json.dumps(rows, indent=1).encode())
    print(table(rows))


if __name__ == "__main__":
    main()

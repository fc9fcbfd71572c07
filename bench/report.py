"""What the benchmark leaves behind: a table on the terminal, results.json, results.md and a chart."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

COLUMNS = ("peer", "wall median", "wall min", "ratio", "ratio of min", "CPU median", "CPU ratio", "error")


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """CPU model, cores, system and date."""
    model, flags = platform.processor() or platform.machine(), ""
    try:
        facts = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
        facts = {key.strip(): value.strip() for key, value in facts.items()}
        model = f"{facts['model name']} (family {facts['cpu family']}, model {facts['model']})"
        flags = ", ".join(f for f in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16") if f in facts["flags"].split())
    except (OSError, KeyError, ValueError):
        pass  # no Linux, or no x86
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": model, "instructions": flags, "cores": cores, "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(), "date": time.strftime("%Y-%m-%d")}


def groups(rows: list[dict[str, Any]]) -> dict[tuple[str, int, int, str], list[dict[str, Any]]]:
    """Rows of one network, thread count, batch and precision."""
    found: dict[tuple[str, int, int, str], list[dict[str, Any]]] = {}
    for r in rows:
        found.setdefault((r["net"], r["threads"], r["batch"], r["precision"]), []).append(r)
    return found


def title(key: tuple[str, int, int, str]) -> str:
    net, threads, batch, precision = key
    return (f"{net}, {threads} thread{'s' * (threads > 1)}" + (f", batch {batch}" if batch > 1 else "")
            + (f", {precision}" if precision != "f32" else ""))


def cells(r: dict[str, Any]) -> list[str]:
    if "failed" in r:
        return [r["peer"], *["-"] * (len(COLUMNS) - 2), "failed"]
    wall, cpu = r["wall"], r["cpu"]

    def ratio(x: dict[str, float], key: str) -> str:
        return f"{x[key]:.2f}" if key in x else ""

    return [r["peer"], f"{wall['median']:.1f}", f"{wall['min']:.1f}", ratio(wall, "ratio") + "~" * r["disturbed"],
            ratio(wall, "ratio_of_min"), f"{cpu['median']:.1f}", ratio(cpu, "ratio"),
            f"{r['error']:.1e}" + ("" if r["agrees"] else " WRONG")]


def failures(rows: list[dict[str, Any]]) -> list[str]:
    return [f"{r['peer']} failed: {r['failed']}" for r in rows if "failed" in r]


def by_speed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda r: r["wall"]["median"] if "wall" in r else float("inf"))


def markdown(rows: list[dict[str, Any]], facts: dict[str, Any], rounds: int, seconds: float) -> str:
    versions = {r["peer"]: r["version"].split()[0] for r in rows if "version" in r}
    lines = ["# darkpy and its peers", "",
             f"{facts['cpu']}, {facts['cores']} cores ({facts['instructions']}), {facts['system']}, "
             f"Python {facts['python']}, {facts['date']}. {rounds} rounds, {seconds / 60:.0f} minutes in all.", "",
             "Versions: " + ", ".join(f"{peer} {version}" for peer, version in versions.items()) + ".", "",
             "Milliseconds for one inference, boxes included. A ratio is the peer's time over darkpy's: above 1, "
             "darkpy is faster; `~`: nearly all rounds were disturbed by other programs. "
             "Made by `make bench`; docs/performance.md says how.", ""]
    for key, some in groups(rows).items():
        lines += [f"## {title(key)}", "", "| " + " | ".join(COLUMNS) + " |", "|---" + "|--:" * (len(COLUMNS) - 1) + "|"]
        lines += ["| " + " | ".join(cells(r)) + " |" for r in by_speed(some)] + [""]
        lines += [line for failure in failures(some) for line in (failure, "")]
    return "\n".join(lines)


def show(rows: list[dict[str, Any]]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=110)
    for key, some in groups(rows).items():
        table = Table(title=title(key), title_justify="left")
        for k, column in enumerate(COLUMNS):
            table.add_column(column, justify="right" if k else "left", no_wrap=k > 0)
        for r in by_speed(some):
            table.add_row(*cells(r), style="bold" if r["peer"] == "darkpy" else None)
        console.print(table, *failures(some), sep="\n")


def chart(rows: list[dict[str, Any]], path: Path) -> None:
    """Wall time of each peer over darkpy's, a panel for each number of threads."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    good = [r for r in rows if "ratio" in r.get("wall", {})]
    if not good:
        return
    panels = sorted({r["threads"] for r in good}, reverse=True)
    names = list(dict.fromkeys(r["net"] for r in good))
    peers = list(dict.fromkeys(r["peer"] for r in good))
    figure, axes = plt.subplots(len(panels), 1, figsize=(11, 3.6 * len(panels)), squeeze=False)
    width = 0.85 / len(peers)
    limit = 4.5
    for axis, threads in zip(axes[:, 0], panels, strict=True):
        for k, peer in enumerate(peers):
            ratios = {r["net"]: r["wall"]["ratio"] for r in good if r["peer"] == peer and r["threads"] == threads}
            at = [n + (k - (len(peers) - 1) / 2) * width for n in range(len(names))]
            heights = [min(ratios.get(name, 0), limit) for name in names]
            axis.bar(at, heights, width, label=peer, color="black" if peer == "darkpy" else f"C{k}")
            for x, name in zip(at, names, strict=True):
                if ratios.get(name, 0) > limit:
                    axis.text(x, limit, f"{ratios[name]:.0f}", ha="center", va="bottom", fontsize=7)
        axis.axhline(1, color="black", linewidth=0.6)
        axis.set_ylim(0, limit * 1.08)
        axis.set_xticks(range(len(names)), names, fontsize=8)
        axis.set_ylabel("time / darkpy's")
        axis.set_title(f"{threads} thread{'s' * (threads > 1)}: longer is slower", fontsize=9, loc="left")
    axes[0, 0].legend(ncols=len(peers), fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1.1))
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write(folder: Path, rows: list[dict[str, Any]], facts: dict[str, Any], rounds: int, seconds: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    everything = {"machine": facts, "rounds": rounds, "seconds": round(seconds), "rows": rows}
    (folder / "results.json").write_text(json.dumps(everything, indent=1) + "\n")
    (folder / "results.md").write_text(markdown(rows, facts, rounds, seconds))
    chart(rows, folder / "results.png")

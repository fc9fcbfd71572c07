"""Small trainings on disk: a detector at several sizes, and a classifier with augmentation and dropout.

    python -m tests.train.jobs detector FOLDER 50

kills the training of a detector 50 times at random moments and compares what it leaves in the end.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from tests.datasets.scenes import detection, picture, save
from tests.shared import ROOT

NET = """[net]
batch=4
subdivisions=2
width={side}
height={side}
channels=3
hue=.1
saturation=1.5
exposure=1.5
angle=7
max_crop=40
learning_rate={rate}
burn_in=4
policy=random
power=1
max_batches=12
{net}
[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky
[dropout]
probability=.3
"""
SIDE = {"detector": 96, "classifier": 32}  # from 96 on there is more than one size for random=1
RATE = {"detector": 0.0005, "classifier": 0.01}
TAILS = {
    "detector": "[convolutional]\nfilters=8\nactivation=linear\n[yolo]\nclasses=3\nanchors=4,5\njitter=.3\nrandom=1\n",
    "classifier": "[convolutional]\nfilters=3\nactivation=linear\n[avgpool]\n[softmax]\n",
}


def make(kind: str, folder: Path, net: str = "", data: str = "") -> tuple[str, str]:
    """Paths of a .data file and a cfg; weights go to folder/backup."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "detector":
        path = detection(folder)
    else:
        for k, name in enumerate(("ant", "bee", "cow", "ant2", "bee2")):
            rgb = picture(k)
            rgb[..., k % 3] = 255
            save(folder / f"{name}.png", rgb)
        (folder / "train.txt").write_text("ant.png\nbee.png\ncow.png\nant2.png\nbee2.png\n")
        (folder / "labels.txt").write_text("ant\nbee\ncow\n")
        path = folder / "d.data"
        path.write_text("classes=3\ntrain=train.txt\nvalid=train.txt\nlabels=labels.txt\n")
    path.write_text(path.read_text() + f"backup={folder}/backup\n{data}")
    (folder / "n.cfg").write_text(NET.format(net=net, side=SIDE[kind], rate=RATE[kind]) + TAILS[kind])
    return str(path), str(folder / "n.cfg")


def command(data: str, cfg: str, *options: object) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "darkpy", "train", data, cfg, *map(str, options)]


def left(folder: Path) -> dict[str, bytes]:
    """What a training leaves, but for its times and pictures."""
    found = {p.name: p.read_bytes() for p in (folder / "backup").iterdir() if p.suffix in (".weights", ".checkpoint")}
    rows = (folder / "backup" / "n_results.csv").read_text().splitlines()
    found["results"] = "\n".join(",".join(row.split(",")[:5] + row.split(",")[6:]) for row in rows).encode()
    return found


def run(argv: list[str]) -> float:
    """Run a training to its end; returns the seconds from its first line on."""
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        begun = time.monotonic()
        _, err = process.communicate()
    assert process.returncode == 0, err.decode()
    return time.monotonic() - begun


def kill_and_compare(kind: str, folder: Path, kills: int, batches: int, seed: int = 0) -> int:
    """Train once undisturbed and once with kill -9 at random moments; returns how far it came before the last resume.

    Raises AssertionError where what the two leave is not the same, byte for byte.
    """
    chance = random.Random(seed)
    options = ("-save_every", 1, "-no_chart", "-seed", 7, "-threads", 1, "--max_batches", batches)
    whole, broken = (command(*make(kind, folder / name), *options) for name in ("whole", "broken"))
    span = run(whole) / kills
    for hit in range(kills):
        process = subprocess.Popen([*broken, "--resume"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with process:
            if hit % 5 != 4:
                process.stdout.readline()  # of a batch; each fifth is hit while it starts
            time.sleep(chance.uniform(0, span))
            process.kill()
    rows = len((folder / "broken" / "backup" / "n_results.csv").read_text().splitlines()) - 1
    run([*broken, "--resume"])
    one, two = left(folder / "whole"), left(folder / "broken")
    assert one.keys() == two.keys(), f"files differ: {sorted(one.keys() ^ two.keys())}"
    assert not (differ := [name for name in one if one[name] != two[name]]), f"bytes differ: {differ}"
    return rows


if __name__ == "__main__":
    kind, place, kills = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    rows = kill_and_compare(kind, place, kills, 20 * kills)
    print(f"{kind}: killed {kills} times up to batch {rows} of {20 * kills}, then resumed to the end: all bytes equal")

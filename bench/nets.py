"""The networks of the benchmark, and a folder for each with everything the peers load."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import darkpy
from bench import export, export_ncnn, graph
from bench.randomise import SEED, randomise
from darkpy.ops import backend

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
SHARED = Path(os.environ.get("DARKPY_SHARED") or ROOT.parent / "shared")


@dataclass(frozen=True)
class Net:
    """A network at one input size; without `weights` it gets random ones."""

    cfg: Path
    size: int
    weights: Path | None = None


def stock(name: str, size: int) -> Net:
    return Net(ROOT / "cfg" / f"{name}.cfg", size)


MODELS = SHARED / "golden" / "models"
NETS = {
    "yolov3-416": stock("yolov3", 416),
    "yolov2-416": stock("yolov2", 416),
    "yolov3-tiny-416": stock("yolov3-tiny", 416),
    "darknet19-224": stock("darknet19", 224),
    "darknet53-256": stock("darknet53", 256),
    "resnet50-256": stock("resnet50", 256),
    "yolo-fastest-1.1-xl": Net(MODELS / "yolo-fastest-1.1-xl.cfg", 320, MODELS / "yolo-fastest-1.1-xl.weights"),
}


def prepare(name: str, batch: int) -> Path:
    """The folder of this network, made if it is not there in this form."""
    net = NETS[name]
    if not net.cfg.exists():
        raise FileNotFoundError(f"{net.cfg} (set DARKPY_SHARED)")
    folder = BUILD / f"{name}-batch{batch}-{recipe(net)}"
    if (folder / "expected.npz").exists():
        return folder
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    make(net, batch, partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder


def recipe(net: Net) -> str:
    """Changes with the cfg and with the code that writes the folder."""
    digest = hashlib.sha256(net.cfg.read_bytes())
    for name in ("nets", "graph", "export", "export_ncnn"):
        digest.update((ROOT / "bench" / f"{name}.py").read_bytes())
    return digest.hexdigest()[:10]


def make(spec: Net, batch: int, folder: Path) -> None:
    """model.cfg and .weights, .onnx, .mnn, .param and .bin, the graph, and an input with darkpy's reference outputs."""
    cfg = folder / "model.cfg"
    cfg.write_text(resized(spec.cfg.read_text(), spec.size, batch))
    net = darkpy.load(str(cfg), str(spec.weights) if spec.weights else None)
    if not spec.weights:
        randomise(net)
    net.save(str(folder / "model.weights"))
    g = graph.read(net)
    g.save(folder)
    export.write(g, batch, folder / "model.onnx")
    (folder / "ncnn.json").write_text(json.dumps(export_ncnn.write(g, folder / "model")))
    command = [sys.executable, "-c", "from MNN.tools.mnnconvert import main; main()", "-f", "ONNX", "--modelFile",
               "model.onnx", "--MNNModel", "model.mnn", "--bizCode", "bench"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    (folder / "mnnconvert.log").write_text(done.stdout + done.stderr)
    x = np.random.default_rng(SEED).random((batch, *net.input_shape), np.float32)
    net.ops = backend("reference")
    net.forward(x, keep=True)
    wanted = net.output_layers
    arrays = {f"activated{k}": net.outputs[i] for k, i in enumerate(wanted)}
    if g.heads:
        arrays |= {f"raw{k}": net.outputs[net.wiring[i][0]] for k, i in enumerate(wanted)}
    np.savez(folder / "expected.npz", x=x, **arrays)


def resized(text: str, size: int, batch: int) -> str:
    """The cfg with another input size, set for inference of `batch` images.  C Darknet takes batch from it."""
    for key, value in (("width", size), ("height", size), ("batch", batch), ("subdivisions", 1)):
        text = re.sub(rf"(?m)^{key}\s*=.*$", f"{key}={value}", text, count=1)
    return text

"""Use case: train a network on the images of a .data file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkpy import datafile, jit, weights
from darkpy.build import describe, read
from darkpy.datafile import DataFile
from darkpy.datasets.loader import Batches
from darkpy.datasets.text import TextLoader, read_text
from darkpy.datasets.training import training_loader, training_set
from darkpy.errors import DataError, ModelError, UsageError
from darkpy.network import Network
from darkpy.tasks.score import Validate, score_of
from darkpy.train import Options, Trainer, checkpoint
from darkpy.vision.textfile import show


@dataclass(frozen=True)
class Job:
    """What is to be trained, and how; None where cfg and data decide."""

    data: str
    cfg: str
    weights: str | None = None
    cutoff: int | None = None  # read only so many layers of the weights
    clear: bool = False  # the weights' count of images seen is not taken over
    seed: int = 0
    threads: int | None = None
    workers: int | None = None
    resume: bool = False
    save_every: int = 100
    chart_every: int = 100
    max_batches: int | None = None
    validate_every: int | None = None
    patience: int = 0
    lax: bool = False
    numbers: bool = False  # learn the numbers of label files, as the original's regressor
    folder: str = "backup"  # where there is no .data file that names one
    device: str = "cpu"


@dataclass
class Training:
    """A training that is ready to run, and what there is to say beforehand."""

    trainer: Trainer
    loader: Batches
    notes: list[str] = field(default_factory=list)

    @property
    def net(self) -> Network:
        return self.trainer.net


@contextmanager
def open_training(job: Job, validate: Validate | None = None, score: str = "score") -> Iterator[Training]:
    """Everything read and checked; the loader's threads end with the block.

    `validate` gives the score; by default that is measured on valid=, if there is one, as the kind of net asks for.
    Raises CfgError, WeightsError, CheckpointError, DataError, UsageError.
    """
    data = datafile.read(job.data, job.lax)
    net, notes = make_net(job)
    notes = [*data.warnings, *notes]
    training_set(net, data, numbers=job.numbers)  # its faults come before anything is made on the disk
    folder, name = make_folder(data), Path(job.cfg).stem
    resumed = begin(net, job, folder / f"{name}.checkpoint", notes)
    if validate is None and data.config.valid and job.validate_every != 0:
        try:
            validate, score = score_of(net, data, job.cfg, job.threads, job.lax, job.numbers)
        except DataError as e:  # the original does not look at valid= here
            notes.append(f"warning: training goes without validation: {e}")
    start = resumed["loader"]["position"] if resumed else net.seen
    with training_loader(net, data, job.seed, start, job.workers, numbers=job.numbers) as loader:
        every = job.validate_every
        if every is None:
            every = max(100, -(-loader.count // (net.batch * net.config.subdivisions)))
        options = Options(net.config.max_batches, job.save_every, job.chart_every, every, job.patience)
        if job.patience and not (validate and every):
            raise UsageError("-patience needs validation: a valid= list in the .data file, and -validate_every")
        yield Training(Trainer(net, loader, folder, name, options, validate, score, resumed), loader, notes)


@contextmanager
def open_text_training(job: Job, tokenized: bool = False) -> Iterator[Training]:
    """The same for a net that learns to go on with the text in `job.data`; it is kept in the folder `job.folder`."""
    net, notes = make_net(job)
    characters = check_text_net(net)
    text = read_text(job.data, characters, tokenized)
    folder, name = Path(job.folder), Path(job.cfg).stem
    make_whole_folder(folder, show(folder))
    resumed = begin(net, job, folder / f"{name}.checkpoint", notes)
    steps = net.config.time_steps
    loader = TextLoader(text, characters, net.batch // steps, steps, net.reset_state, job.seed, net.seen,
                        resumed["loader"] if resumed else None)
    options = Options(net.config.max_batches, job.save_every, job.chart_every)
    yield Training(Trainer(net, loader, folder, name, options, resumed=resumed), loader, notes)


def check_text_net(net: Network) -> int:
    """How many characters a net knows.  ModelError for one that gives no probability for each of those it takes."""
    out = net.layers[net.output_index].out_shape
    if len(net.input_shape) != 1 or out != net.input_shape:
        raise ModelError(f"{net.graph.path}: takes {describe(net.input_shape)} and gives {describe(out)}: a net for "
                         "text takes and gives inputs= numbers, one for each character")
    return net.input_shape[0]


def make_net(job: Job) -> tuple[Network, list[str]]:
    """The net as the job describes it, without the weights, and warnings."""
    if job.threads:
        jit.set_threads(job.threads)
    graph = read(job.cfg, lax=job.lax)
    if job.max_batches is not None:
        graph.config.max_batches = job.max_batches
    if job.weights:
        weights.check(job.weights, graph.layers, job.cutoff, partial=True)  # before memory is taken
    return Network(graph, job.device, seed=job.seed), list(graph.warnings)


def begin(net: Network, job: Job, point: Path, notes: list[str]) -> dict[str, Any] | None:
    """Give the net what it starts from: the checkpoint `point`, which is returned then, or weights."""
    if job.resume and point.exists():
        resumed = checkpoint.load(point, net)
        notes.append(f"going on behind batch {net.batches}, as {show(point)} has it")
        return resumed
    if job.resume:
        notes.append(f"{show(point)}: there is no checkpoint yet: the training begins")
    elif point.exists():
        old = point.with_suffix(".checkpoint.old")
        os.replace(point, old)
        notes.append(f"{show(point)} of an earlier training is kept as {show(old)} (--resume would go on with it)")
    notes += start_from(net, job)
    max_batches = net.config.max_batches
    if max_batches and net.batches >= max_batches:
        raise UsageError(f"{show(job.weights or '')}: was trained on {net.seen:,} images, which is batch {net.batches} "
                         f"of max_batches={max_batches}: give -clear to count anew, or a larger --max_batches")
    return None


def make_folder(data: DataFile) -> Path:
    """The folder of backup=."""
    folder = datafile.resolve(data.config.backup, data.path)
    make_whole_folder(folder, f"{data.section.place('backup')}: backup={show(folder)}")
    return folder


def make_whole_folder(folder: Path, place: str) -> None:
    """A folder with those above it.  DataError begins with `place`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise DataError(f"{place}: cannot be made: {(e.strerror or str(e)).lower()}: name another folder") from None


def start_from(net: Network, job: Job) -> list[str]:
    """Load the weights a training starts from; says which layers they gave."""
    if not job.weights:
        return []
    loaded = net.load_weights(job.weights, job.cutoff, partial=True)
    if job.clear:
        net.seen = 0
    stop, extent = loaded.extent.stop, loaded.extent
    notes = []
    if stop or job.cutoff is not None:
        last = min(stop.index if stop else len(net.layers), len(net.layers) if job.cutoff is None else job.cutoff)
        notes.append(f"{show(job.weights)}: layers 0 to {last - 1} start from it, the others anew" if last else
                     f"{show(job.weights)}: no layer can be read from it: all start anew")
    if job.cutoff is None and (extent.size > extent.needed or stop and not extent.on_boundary):
        notes.append(f"warning: {show(job.weights)}: {loaded.note}: is it of another cfg (number of classes)? Then "
                     "give -cutoff N, the number of layers they share: what is behind them is read wrong")
    return notes

"""`darkpy train`, and in the original's words `detector train`, `classifier train`, `segmenter train` and so on.

Darknet's lines go to stdout; on a terminal a bar on stderr stands for them.
"""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.models import DEVICE, device
from darkpy.errors import DarkpyError

if TYPE_CHECKING:
    from darkpy.tasks.train import Training
    from darkpy.train.log import Step

INTERRUPTED = 130


def run(args: Args, numbers: bool = False) -> int:
    from darkpy.tasks.train import Job, open_training

    job = Job(args.data, args.cfg, args.weights, args.cutoff, args.clear, args.seed, args.threads, args.workers,
              args.resume, args.save_every, 0 if args.no_chart else args.chart_every, args.max_batches,
              args.validate_every, args.patience, args.lax, numbers, device=device(args))
    return follow(open_training(job))


def follow(opened: AbstractContextManager[Training], what: str = "images") -> int:
    """Train, and say how it goes."""
    from darkpy.train.loop import stopping

    with opened as training:
        for note in training.notes:
            console.note(note)
        introduce(training, what)
        trainer = training.trainer
        with stopping(trainer, lambda: console.note("stopping behind this batch; once more to stop at once")):
            try:
                bar(training) if console.terminal(sys.stdout) and console.terminal() else lines(training)
            finally:
                for line in training.loader.quarantine.report():
                    console.note(line)
        if trainer.reason == "stopped":
            console.note(f"stopped behind batch {training.net.batches}; --resume goes on")
            return INTERRUPTED
        if trainer.reason == "no better":
            console.note(f"no better {trainer.score} in {trainer.options.patience} validations: ended early")
        console.note(f"{trainer.path('_final.weights')} written")
    return 0


def run_regressor(args: Args) -> int:
    return run(args, numbers=True)


def introduce(training: Training, what: str) -> None:
    net, c = training.net, training.net.config
    console.note(training.trainer.name)
    console.note(f"Learning Rate: {c.learning_rate:g}, Momentum: {c.momentum:g}, Decay: {c.decay:g}")
    console.note(f"{training.loader.count} {what}; batch {c.batch}, subdivisions {c.subdivisions}; "
                 f"results in {training.trainer.folder}")
    if not any(layer.declared for layer in net.layers):
        raise DarkpyError("the network has no parameters: nothing can be learned")


def lines(training: Training) -> None:
    for step in training.trainer:
        for head in step.heads:
            print(head)
        print(step, flush=True)
        if step.score is not None:
            print(f"{training.trainer.score}: {step.score:f}", flush=True)


def bar(training: Training) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    trainer = training.trainer
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
               TextColumn("{task.fields[figures]}"))
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, redirect_stdout=False) as progress:
        task = progress.add_task("training", total=trainer.options.max_batches or None,
                                 completed=training.net.batches, figures="")
        begun, images = time.perf_counter(), training.net.seen
        for step in trainer:
            speed = (step.images - images) / (time.perf_counter() - begun)
            progress.update(task, completed=step.batch, figures=figures(step, speed))
            if step.score is not None:
                screen.print(f"batch {step.batch}: {trainer.score} {step.score:.4f}", highlight=False)


def figures(step: Step, speed: float) -> str:
    text = f"loss {step.loss:.4g} avg {step.average:.4g} rate {step.rate:.3g} {speed:.1f} images/s"
    for head in step.heads:
        report = head.report
        recall = f" .5R {report['recall50']:.2f}" if "recall50" in report else ""
        text += f"\n#{head.layer} iou {report['iou']:.2f} obj {report['obj']:.2f} no {report['no_obj']:.3f}{recall}"
    return text


ARGS = [Arg("data", ".data file with train= (and valid=, names=, backup=)"), Arg("cfg", "network description"),
        Arg("weights", "what to start from; it may hold only the first layers", required=False)]
OPTS: list[Any] = [
    Opt("--resume", "go on from backup/NAME.checkpoint, bit for bit; begin if there is none"),
    Opt("-clear", "count images anew, whatever the weights say they have seen"),
    Opt("-cutoff", "read only so many layers of the weights", int, low=0),
    Opt("--max_batches", "batches to train, instead of the cfg's; 0: until stopped", int, low=0, high=1 << 40),
    Opt("-seed", "of all random numbers", int, 0, low=0, high=(1 << 63) - 1),
    Opt("-save_every", "batches between checkpoints; 0: at the end only", int, 100, low=0),
    Opt("-validate_every", "batches between validations; by default an epoch, at least 100; 0: never", int, low=0),
    Opt("-patience", "stop after so many validations without a better one", int, 0, low=0),
    Opt("-chart_every", "batches between drawings of the chart", int, 100, low=1),
    Opt("-no_chart", "draw no chart"),
    DEVICE,
    Opt("-threads", "CPU threads", int, low=1, high=1024),
    Opt("-workers", "threads that load images", int, low=1, high=64),
    Opt("-lax", "unknown keys are warnings, not errors"),
    Opt("-gpus", "with -device cuda: numbers of GPUs, as 0,1; the first is used, as by -i", list[int], metavar="N,N"),
    Opt("-dont_show", "open no window (darkpy never does)", accepted=True),
    Opt("-display", "open no window (darkpy never does)", accepted=True),
]
MORE = ("In the folder backup= of the .data file: NAME.backup and NAME.checkpoint every -save_every batches, "
        "NAME_100.weights and so on, NAME_final.weights, NAME_best.weights (by mAP, top-1, mIoU or R2 on valid=), "
        "NAME_results.csv and NAME_chart.png.  Ctrl-C saves and ends with status 130; a loss that is not finite ends "
        "with 5.")
COMMANDS = [
    Command(("train",), "train a detector, classifier or segmenter on labelled images", run, ARGS, OPTS,
            group="Train and measure", more=MORE),
    *(Command((word, "train"), "the same as train", run, ARGS, OPTS, group="As in Darknet", more=MORE)
      for word in ("detector", "classifier", "segmenter", "isegmenter")),
    Command(("regressor", "train"), "train a net that gives numbers, on those in label files", run_regressor, ARGS,
            OPTS, group="As in Darknet", more=MORE),
]

"""The training loop: batch after batch, with what is written down, saved and watched on the way.

    trainer = Trainer(net, loader, folder, name)
    for step in trainer:            # one Step for each batch
        print(step)

In the folder it leaves, by Darknet's names, NAME.backup (every `save_every` batches), NAME_100.weights and so on
(every 100 below 1000, then every 10000) and NAME_final.weights; and NAME_best.weights (by validation),
NAME.checkpoint, NAME_results.csv and NAME_chart.png.

Between two updates the state of a training is: parameters, moments, recurrent state, counters, the random generator,
the loader's position and the averages.  All that is in the checkpoint, so what comes after one does not depend on
whether the process was another in between.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from darkpy.datasets.loader import Batches
from darkpy.errors import TrainingDiverged
from darkpy.network import Network
from darkpy.train import charts, checkpoint, log
from darkpy.train.log import Head, Results, Step
from darkpy.train.watch import bad_gradient, bad_update, bad_value
from darkpy.vision.textfile import show

PATIENT = 300.0  # seconds: slow nets save more often than every `save_every` batches


@dataclass(frozen=True)
class Options:
    """How long, and how often what; 0 is never."""

    max_batches: int = 0  # 0: without end
    save_every: int = 100
    chart_every: int = 100
    validate_every: int = 0
    patience: int = 0  # stop after so many validations without a better score


@dataclass
class Averages:
    """What the loop itself remembers."""

    loss: float | None = None
    best: float | None = None
    stale: int = 0  # validations since the best


class Trainer:
    """One training.  `validate` gives a score from 0 to 1, better if larger; `score` is its name.

    Iterating raises TrainingDiverged where a loss or gradient is not finite: then the last checkpoint is the one
    before.  After the loop `reason` says why it ended: "done", "stopped", or "no better".
    """

    def __init__(self, net: Network, loader: Batches, folder: str | Path, name: str, options: Options = Options(),
                 validate: Callable[[Network], float] | None = None, score: str = "score",
                 resumed: dict[str, Any] | None = None):
        """`resumed`: what `checkpoint.load` gave; the loader must start at its position."""
        self.net, self.loader, self.options = net, loader, options
        self.folder, self.name = Path(folder), name
        self.validate, self.score = validate, score
        self.averages = Averages()
        self.stop = False  # set it (from a signal handler, say), and the loop ends behind the batch it is at
        self.reason = ""
        self.saved = time.monotonic()
        self.heads = [(i, layer.kind) for i, layer in enumerate(net.layers)
                      if layer.kind in log.WORDS and not layer.config.onlyforward]
        if resumed:
            loader.check_state(resumed["loader"])
            self.averages = Averages(**resumed["averages"])
        self.results = Results(self.path("_results.csv"), self.heads, net.batches if resumed else None)

    def path(self, ending: str) -> Path:
        return self.folder / f"{self.name}{ending}"

    # -- the loop ----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Step]:
        o = self.options
        while not (o.max_batches and self.net.batches >= o.max_batches):
            if self.stop:
                self.reason = "stopped"
                break
            if o.patience and self.averages.stale >= o.patience:
                self.reason = "no better"
                break
            step = self.step()
            self.results.add(step)
            self.keep(step)
            yield step
        self.finish()

    def step(self) -> Step:
        """Learn one batch of all subdivisions."""
        start = time.perf_counter()
        net, losses = self.net, []
        reports: dict[int, list[dict[str, float]]] = {i: [] for i, _ in self.heads}
        while True:
            batch = next(self.loader)
            net.resize(batch.x.shape[2:])
            with np.errstate(all="ignore"):  # what is not finite is found below
                losses.append(net.learn(batch.x, batch.truth) / net.batch)
            if not math.isfinite(losses[-1]):
                raise self.diverged(f"the loss is {losses[-1]}", bad_value(net) or bad_gradient(net))
            for i in reports:
                reports[i].append(net.tape.losses[i].report)
            if net.complete:
                break
        if bad := bad_gradient(net):
            raise self.diverged("a gradient is not finite", bad)
        with np.errstate(all="ignore"):
            rate = net.step()
        if bad := bad_update(net):  # nothing of it may be saved
            raise self.diverged("the update left numbers that are not finite", bad)
        loss = sum(losses) / len(losses)
        a = self.averages
        a.loss = loss if a.loss is None else 0.9 * a.loss + 0.1 * loss
        heads = [Head(i, kind, log.mean_report(reports[i])) for i, kind in self.heads]
        seconds = time.perf_counter() - start
        return Step(net.batches, loss, a.loss, rate, seconds, net.seen, heads, self.validated())

    def validated(self) -> float | None:
        """The score now, where it is time for one; the best net is kept."""
        o, a = self.options, self.averages
        if not (self.validate and o.validate_every and self.net.batches % o.validate_every == 0):
            return None
        score = self.validate(self.net)
        a.stale += 1
        if a.best is None or score > a.best:
            a.best, a.stale = score, 0
            self.net.save(self.path("_best.weights"))
        return score

    def diverged(self, what: str, where: str | None) -> TrainingDiverged:
        net = self.net
        begun = f", which begins in {where}" if where else ""
        kept = self.path(".checkpoint")
        then = f"{show(kept)} is the last good state" if kept.exists() else "nothing was saved yet"
        return TrainingDiverged(f"training diverged at batch {net.batches} (rate {net.rate():g}): {what}{begun}: "
                                f"{then}; try a smaller learning_rate=, a longer burn_in=, or clip=")

    # -- what is kept ------------------------------------------------------------------------------------------------

    def keep(self, step: Step) -> None:
        """Write what is due behind a batch."""
        o, n = self.options, step.batch
        due = bool(o.save_every) and n % o.save_every == 0
        if due:
            self.net.save(self.path(".backup"))
        if n % 10000 == 0 or (n < 1000 and n % 100 == 0):
            self.net.save(self.path(f"_{n}.weights"))
        if due or (o.save_every and time.monotonic() - self.saved > PATIENT):
            self.save()
        if o.chart_every and n % o.chart_every == 0:
            self.chart()

    def finish(self) -> None:
        """Save everything at the end, or where it was stopped."""
        self.save()
        if not self.reason:
            self.reason = "done"
        self.net.save(self.path(".backup" if self.reason == "stopped" else "_final.weights"))
        if self.results.curve and self.options.chart_every:
            self.chart()

    def chart(self) -> None:
        charts.draw(self.path("_chart.png"), self.name, self.results.curve, self.results.scores, self.score)

    def save(self) -> None:
        """Write the checkpoint.  Raises CheckpointError, and then the one before is still there."""
        checkpoint.save(self.path(".checkpoint"), self.net, self.state())
        self.saved = time.monotonic()

    def state(self) -> dict[str, Any]:
        return {"loader": self.loader.state(), "averages": asdict(self.averages)}


@contextmanager
def stopping(trainer: Trainer, tell: Callable[[], None]) -> Iterator[None]:
    """Inside, Ctrl-C (or SIGTERM) lets the loop end behind its batch, a second one ends it at once.

    `tell` is called at the first.  Only a process's main thread can catch signals; elsewhere this does nothing.
    """
    def first(number: int, frame: Any) -> None:
        if trainer.stop:
            raise KeyboardInterrupt
        trainer.stop = True
        tell()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, first) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)



"""`darkpy download`: published weights into the cache."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from darkpy.cli import console
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.errors import UsageError

if TYPE_CHECKING:
    from darkpy.tasks.download import Progress

STEP = 10  # percent between the lines of progress where nobody watches


def run(args: Args) -> int:
    if args.name and args.url:
        raise UsageError("give a name or -url, not both")
    if not args.name and not args.url:
        show_known()
        return 0
    from darkpy.tasks.download import download, wanted

    want = wanted(args.name, args.url, args.sha256)
    with bar(want.name) as progress:
        path = download(want, args.output, progress)
    if not want.sha256:
        console.note(f"{want.name}: no SHA-256 is known to compare with" + (
            ": checked by its size, which its cfg determines" if want.sizes else ": nothing was checked"))
    print(path)
    return 0


def show_known() -> None:
    """A table of all models."""
    from darkpy.tasks.models import KNOWN, SITES

    rows = [("NAME", "SIZE", "NETWORK", "CHECKED BY", "WHAT")]
    for name, m in KNOWN.items():
        checked = "SHA-256" if m.sha256 else "size"
        rows.append((name, f"{m.sizes[-1] / 1e6:.1f} MB", f"cfg/{m.cfg}", checked, m.what))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, size, net, checked, what in rows:
        print(f"{name:{widths[0]}}  {size:>{widths[1]}}  {net:{widths[2]}}  {checked:{widths[3]}}  {what}")
    print(f"\nfrom {SITES[0]}, or else {SITES[1]}")


def bar(name: str) -> AbstractContextManager[Progress]:
    """Progress of one file: a bar on a terminal, else a line now and then, both on stderr."""
    if not console.terminal():
        return nullcontext(lines(name))
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    class Shown(AbstractContextManager):
        def __enter__(self) -> Progress:
            self.bar = Bar(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
                           TimeRemainingColumn(), console=Console(stderr=True))
            self.bar.__enter__()
            task = self.bar.add_task(name, total=None)
            return lambda done, total: self.bar.update(task, completed=done, total=total)

        def __exit__(self, *error: object) -> None:
            self.bar.stop()

    return Shown()


def lines(name: str) -> Progress:
    """A note at the start and at each tenth of the way."""
    told = -1

    def progress(done: int, total: int | None) -> None:
        nonlocal told
        percent = 100 * done // total // STEP * STEP if total else 0
        if percent > told:
            told = percent
            console.note(f"{name}: {done / 1e6:.1f}" + (f" of {total / 1e6:.1f} MB" if total else " MB"))

    return progress


COMMANDS = [
    Command(("download",), "fetch published weights; without a name, list what is known", run,
            [Arg("name", "a known model, as in yolov3", required=False)],
            [Opt("-output", "file or folder to write; by default below the cache directory", str, metavar="PATH"),
             Opt("-url", "address of any other file", str, metavar="URL"),
             Opt("-sha256", "what the file at -url must have", str, "", metavar="DIGITS")],
            group="Networks and weights",
            more="Prints the path of the file, so that $(darkpy download yolov3) stands for it.  A broken transfer is "
                 "resumed.  Proxies are taken from http_proxy and https_proxy, the cache directory from DARKPY_CACHE."),
]

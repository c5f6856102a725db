"""How far a copy is: a bar where a person watches standard error, a line for each large blob where nobody does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vouchsafe.cli.amounts import amount, count
from vouchsafe.cli.console import Console
from vouchsafe.image.manifest import Descriptor
from vouchsafe.transfer.copy import Watcher
from vouchsafe.transfer.plan import Plan

WORTH_A_LINE = 10 * 1024 * 1024  # bytes of a blob that a log mentions


@contextmanager
def watched(plan: Plan, console: Console) -> Iterator[Watcher]:
    """Whoever tells it. What it showed disappears at the end: the result stays."""
    blobs = len(plan.blobs) - len(plan.blobs_present)
    if blobs and console.err.isatty():
        with _bar(plan, console) as watcher:
            yield watcher
        return
    if blobs:
        console.note(f"vouchsafe: copying {count(blobs, 'blob')}, {amount(plan.size)}")
    yield _Lines(blobs, console)


class _Lines:
    """Implements Watcher with lines."""

    def __init__(self, blobs: int, console: Console) -> None:
        self._left = blobs
        self._console = console
        self._lock = threading.Lock()

    def moved(self, size: int) -> None:
        """Says nothing: a log is no film."""

    def kept(self, descriptor: Descriptor, *, mounted: bool) -> None:
        """A line for what took time, or for everything with --verbose."""
        with self._lock:
            self._left -= 1
            if descriptor.size >= WORTH_A_LINE or self._console.verbose:
                how = "mounted" if mounted else "copied"
                rest = f"{self._left} left" if self._left else "the last"
                self._console.note(
                    f"vouchsafe: {how} {descriptor.digest}, {amount(descriptor.size)} ({rest})"
                )


@contextmanager
def _bar(plan: Plan, console: Console) -> Iterator[Watcher]:
    from rich.console import Console as RichConsole  # only where a person watches
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("copying"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    screen = RichConsole(file=console.err, no_color=not console.colour, markup=False)
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task("", total=plan.size)

        class Bar:
            """Implements Watcher; `rich` has the lock."""

            def moved(self, size: int) -> None:
                progress.advance(task, size)

            def kept(self, descriptor: Descriptor, *, mounted: bool) -> None:
                if mounted:
                    progress.advance(task, descriptor.size)

        yield Bar()

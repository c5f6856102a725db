"""A progress bar on standard error, by `rich`: imported only where a person watches several images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from vouchsafe.cli.console import Console


@contextmanager
def bar(total: int, console: Console) -> Iterator[Callable[[str], None]]:
    """Yields what to call with each verdict's word. The bar disappears at the end: the answers stay."""
    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    counts: dict[str, int] = {}
    words = TextColumn("{task.fields[words]}")
    screen = RichConsole(file=console.err, no_color=not console.colour, markup=False)
    with Progress(*columns, words, console=screen, transient=True) as progress:
        task = progress.add_task("", total=total, words="")

        def step(word: str) -> None:
            counts[word] = counts.get(word, 0) + 1
            said = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
            progress.update(task, advance=1, words=said)

        yield step

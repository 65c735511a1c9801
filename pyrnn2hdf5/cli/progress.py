"""A progress bar for many models."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer

from ..text import visible

if TYPE_CHECKING:
    from ..conversion.outcome import Outcome


@contextlib.contextmanager
def progress(total: int, *, hidden: bool) -> Iterator[tuple[Callable[[Outcome], None], Callable[[str], None]]]:
    """A bar on stderr, where that is a terminal: count, current model, rate, time left, failures so far.

    Yields what moves it on, and what prints a line of results beside it.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda outcome: None, typer.echo
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    columns = [BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn()]
    bad = 0
    with Progress(*columns, TextColumn("{task.fields[model]}"), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, rate="", model="")
        start = time.perf_counter()

        def advance(outcome: Outcome) -> None:
            nonlocal bad
            bad += outcome.bad
            name = Text(visible(outcome.source.name, 40)).markup
            done = bar.tasks[0].completed + 1
            rate = f"{done / (time.perf_counter() - start):.1f}/s, {bad} failed"
            bar.update(task, advance=1, rate=rate, model=name)

        def say(line: str) -> None:
            # On one terminal the bar has to make room.
            bar.console.print(Text(line), soft_wrap=True)

        yield advance, say if sys.stdout.isatty() else typer.echo

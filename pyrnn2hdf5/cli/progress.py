"""A progress bar for many models."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

import typer

from ..text import visible
from .common import console_on
from .text_output import STATUSES

if TYPE_CHECKING:
    from rich.console import Console

    from ..conversion.outcome import Outcome


GROOVE: Final = "bright_black"
"""Of the empty part of the bar: grey, whether the terminal is light or dark."""


def say(line: str, console: Console | None = None) -> None:
    """Print a line of results, its status in colour where stdout is a terminal."""
    if not sys.stdout.isatty():
        typer.echo(line)
        return
    from rich.text import Text

    text = Text(line)
    status = next((status for status in STATUSES if line.startswith(status)), "")
    text.stylize(STATUSES.get(status, ""), 0, len(status))
    (console or console_on(sys.stdout)).print(text, soft_wrap=True)


@contextlib.contextmanager
def progress(total: int, *, hidden: bool) -> Iterator[tuple[Callable[[Outcome], None], Callable[[str], None]]]:
    """A bar on stderr, where that is a terminal: count, rate, refused and failed so far, time left, current model.

    Yields what moves it on, and what prints a line of results beside it.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda outcome: None, say
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text

    def column(ratio: int | None = None) -> Column:
        # Bar and name share what the others leave.
        return Column(ratio=ratio, no_wrap=True, overflow="ellipsis")

    columns = [
        BarColumn(None, GROOVE, "green", "green", table_column=column(1)),
        MofNCompleteColumn(table_column=column()),
        TextColumn("{task.fields[said]}", table_column=column()),
        TimeRemainingColumn(table_column=column()),
        TextColumn("{task.fields[model]}", table_column=column(1)),
    ]
    ends: Counter[str] = Counter()
    # What is printed to stdout meanwhile goes there, also where that is a pipe.
    bar = Progress(
        *columns,
        console=console_on(sys.stderr),
        transient=True,
        expand=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with bar:
        task = bar.add_task("", total=total, said="", model="")
        start = time.perf_counter()

        def advance(outcome: Outcome) -> None:
            ends[outcome.status] += 1
            rate = f"{ends.total() / (time.perf_counter() - start):.1f}/s"
            said = ", ".join((rate, *(f"{ends[end]} {end}" for end in ("refused", "failed") if ends[end])))
            bar.update(task, advance=1, said=said, model=Text(visible(outcome.source.name, 40)).markup)

        # On one terminal the bar has to make room.
        yield advance, partial(say, console=bar.console)

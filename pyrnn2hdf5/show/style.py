"""What pages and tables have in common: styles, bars, the heading, and a table as wide as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ..text import visible
from .facts import Curve

UNBOUNDED: Final = 10_000


@dataclass(frozen=True)
class Fitting:
    """A table that leaves out its last columns where there is no room, rather than cut off what is in all of them.

    No column may wrap.
    """

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table, unbounded = copy(self.table), options.update_width(UNBOUNDED)
        while len(table.columns) > 1 and console.measure(table, options=unbounded).maximum > options.max_width:
            table.columns = table.columns[:-1]
        yield table

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return console.measure(self.table, options=options)


@dataclass(frozen=True)
class Drawing:
    """Lines that no terminal may cut or wrap, and what says the same in words where there is no room for them."""

    lines: str
    words: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(map(cell_len, self.lines.splitlines()))
        yield Text(self.lines, no_wrap=True) if width <= options.max_width else Text(self.words)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return console.measure(Text(self.lines), options=options)


@dataclass(frozen=True)
class Heading:
    """The path of a file; its name alone in a picture, which others get to see."""

    path: str

    def __rich_console__(self, console: Console, _: ConsoleOptions) -> RenderResult:
        yield Text(visible(Path(self.path).name if console.record else self.path), HEADING, overflow="fold")


HEADING: Final = "bold"
LABEL: Final = "dim"
BAD: Final = "red"
GRAPH: Final = "cyan"

BARS: Final = " ▁▂▃▄▅▆▇█"


def rate(curve: Curve, value: float) -> str:
    """A point of a curve: a rate in per cent, a training error as it is."""
    return f"{value:.2%}" if curve.kind == "character error rate" else f"{value:.3g}"


def bars(values: Sequence[float], top: float) -> str:
    """A bar a value, up to `top`; whatever is more than nothing is seen."""
    steps = len(BARS) - 1
    return "".join(
        BARS[min(max(round(value / top * steps), 1), steps)] if value > 0 and top else " " for value in values
    )

"""What `make bench` measured, as rows of the tables in the documents: each says which way its ratio counts."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MISSED: Final = " **missed**"
EXACT_DIGITS: Final = 17
"""As many tell any float64 apart from every other."""

COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Goal:
    """A figure is to be on this side of `number`; `unit` is empty where the figure is the ratio."""

    comparison: str
    number: float
    unit: str = ""

    def is_met(self, figure: float) -> bool:
        return COMPARISONS[self.comparison](figure, self.number)

    def show(self, figure: float) -> str:
        """A figure in its unit, with three digits, or as many as tell on which side of this goal it is."""
        texts = (f"{figure:.{digits}g}" for digits in range(3, EXACT_DIGITS + 1))
        return f"{next(t for t in texts if float(t) != self.number or figure == self.number)} {self.unit}".rstrip()

    def __str__(self) -> str:
        return f"{self.comparison} {self.number:g} {self.unit}".rstrip()


@dataclass(frozen=True)
class Row:
    """One case.

    `counts` says in words which way the ratio counts, with a place for its number: `{} times as fast`. The
    goal is held against `figure`, in the unit of the goal, or against the ratio where there is none.
    """

    case: str
    ours: str
    peer: str
    ratio: float
    counts: str
    goal: Goal
    figure: float | None = None

    @property
    def missed(self) -> bool:
        return not self.goal.is_met(self.ratio if self.figure is None else self.figure)

    @property
    def ratio_in_words(self) -> str:
        return self.counts.format(self.goal.show(self.ratio) if self.figure is None else f"{self.ratio:.3g}")


def long_table(rows: Iterable[Row]) -> list[str]:
    """Every row, with its goal, and whether that is missed."""
    lines = ["| case | ours | peer | ratio | goal |", "|---|---|---|---|---|"]
    return lines + [
        f"| {row.case} | {row.ours} | {row.peer} | {row.ratio_in_words} | {row.goal}{MISSED if row.missed else ''} |"
        for row in rows
    ]


def short_table(rows: Iterable[Row], cases: Iterable[str]) -> list[str]:
    """The rows of `cases`, in that order, with headings for those who have not read of the long one."""
    by_case = {row.case: row for row in rows}
    return ["| case | pyrnn2hdf5 | the original | ratio | goal |", *long_table(by_case[case] for case in cases)[1:]]


def put_between_marks(path: Path, mark: str, lines: Iterable[str]) -> None:
    """Replace what stands in a page between `<!-- mark -->` and `<!-- /mark -->`."""
    text = path.read_text("utf-8")
    head, tail = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    found = re.compile(f"{head}.*?{tail}", re.DOTALL)
    path.write_text(found.sub(lambda _: head + "".join(f"{line}\n" for line in lines) + tail, text), "utf-8")

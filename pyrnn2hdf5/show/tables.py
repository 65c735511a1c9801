"""Lists out of the facts about models: a codec, the globals of a pickle, a line a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..text import format_size, visible
from .style import BAD, LABEL, Heading, rate
from .unicode_labels import code_points, names, shown

if TYPE_CHECKING:
    from .facts import Facts

TABLE_COLUMNS: Final = (("format", 6), ("size", 9), ("Ni", 3), ("Ns", 3), ("No", 4), ("trained", 8), ("error", 7))
"""Names and widths in cells of what stands between the name of a model and its scripts."""

MAX_CALL: Final = 400
"""Most characters of the arguments of a call that are shown."""

MAX_PADDED: Final = 24
"""Most cells a column of a codec is padded to."""

MIN_SCRIPTS: Final = 8
MIN_NAME: Final = 16


def _table(*columns: tuple[str, bool]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=LABEL)
    for name, is_number in columns:
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    return table


def codec_list(facts: Facts) -> Iterator[RenderableType]:
    """Code, label, code points and names, a row a label: there may be many, and each may be long."""
    yield Heading(facts.path)
    if facts.codec is None:
        yield Text("no codec")
        return
    labels = facts.codec.labels
    heading = ("code", "label", "code points", "names")
    widths = [len(name) for name in heading[:3]]
    for _, label in labels:
        for column, text in ((1, visible(shown(label))), (2, code_points(label))):
            # A long one moves no other.
            widths[column] = max(widths[column], min(cell_len(text), MAX_PADDED))
    yield LabelRow(heading, widths, LABEL)
    for code, label in labels:
        points, said = code_points(label) or "-", names(label) or "(the empty label)"
        yield LabelRow((str(code), visible(shown(label)), points, visible(said)), widths)


@dataclass(frozen=True)
class LabelRow:
    """A row of a codec; as a string it is one line, however long."""

    cells: tuple[str, str, str, str]
    widths: Sequence[int]
    style: str = ""

    def __str__(self) -> str:
        (code, *texts, said), (wide, *others) = self.cells, self.widths
        padded = [text + " " * (width - cell_len(text)) for text, width in zip(texts, others, strict=True)]
        return "  ".join((code.rjust(wide), *padded, said))

    def __rich__(self) -> Text:
        return Text(str(self), self.style, overflow="fold")


REFUSED: Final = "REFUSED, "
VERDICTS: Final = {"allowed": "allowed", "unknown": f"{REFUSED}unknown", "dangerous": f"{REFUSED}DANGEROUS"}


UNKNOWN: Final = "nobody has said what they do, and only pyrnn2hdf5 reads such a file safely"


def globals_list(facts: Facts) -> Iterator[RenderableType]:
    """Verdict and name, a line a global, in the order of first use; then what that means, in words."""
    if facts.file.protocol is None:
        kind = _format(facts)
        article = "a" if kind == "pronn" else "an"
        yield Group(Heading(facts.path), Text(f"{article} {kind} file holds no pickle, so it names no globals"))
        return
    table = _table(("", False), ("global", False))
    for name in facts.globals:
        style = "" if name.allowed else BAD
        # Where all was read, nothing was refused: the rest was allowed.
        verdict = VERDICTS[name.verdict].removeprefix(REFUSED if facts.readable else "")
        table.add_row(Text(verdict, style), Text(visible(name.path), style))
        for call in name.calls:
            table.add_row("", Text(f"  called with ({visible(call, MAX_CALL)})", BAD))
    more = [Text(f"... ({facts.unlisted_globals} more)")] if facts.unlisted_globals else []
    if facts.unfollowed:
        more.append(Text(f"looked through, but not followed to its end: {visible(facts.unfollowed)}", BAD))
    said = [Text(line, BAD if facts.dangerous else "") for line in _meaning(facts)]
    notes = [Text(f"note: {visible(note)}") for note in facts.notes]
    yield Group(Heading(facts.path), table, *more, *said, *notes)


def _meaning(facts: Facts) -> list[str]:
    """What the names in a pickle say about it."""
    unknown = sum(name.verdict == "unknown" and bool(name.module) for name in facts.globals)
    others = sum(not name.module for name in facts.globals)
    dangerous = sum(name.verdict == "dangerous" for name in facts.globals)
    if not facts.globals:
        return ["no name was met, so nothing can be said of the rest" if facts.unfollowed else "it names nothing"]
    if not (unknown or dangerous or others or facts.unlisted_globals):
        return [f"every name {'that was met ' if facts.unfollowed else ''}belongs to an OCRopus model"]
    said = []
    if dangerous:
        said.append(f"names that run programs or reach files: {dangerous}; this is no model to load with anything else")
    if unknown:
        said.append(f"names that are unknown here: {unknown}; {UNKNOWN}")
    if others:
        said.append(f"things that only another program could give: {others}")
    return said


def longest(names: Iterable[str]) -> int:
    """Cells of the longest of the names of models."""
    return max((cell_len(visible(name)) for name in names), default=0)


def header(longest: int) -> Row:
    """The names of the columns, in a table of models of which the `longest` name has so many cells."""
    return Row("model", [name for name, _ in TABLE_COLUMNS], ["scripts"], longest, style=LABEL)


def row(name: str, found: Facts | Exception, longest: int, reason: str = "") -> Row:
    """The row of a model, under a name for its path, with the reason where it cannot be converted or read."""
    if isinstance(found, Exception):
        return Row(name, ["-"] * len(TABLE_COLUMNS), ["-"], longest, reason)
    network, training = found.network, found.training
    curve = training.curve if training else None
    cells = [
        _format(found),
        format_size(found.file.size),
        *([str(network.Ni), str(network.Ns), str(network.No)] if network else ["-"] * 3),
        f"{training.last_trial:,}" if training and training.last_trial is not None else "-",
        rate(curve, curve.end) if curve else "-",
    ]
    return Row(name, cells, found.scripts or ["-"], longest, reason)


def _format(facts: Facts) -> str:
    return facts.file.format.partition(",")[0]


@dataclass(frozen=True)
class Row:
    """A row of a table, laid out for where it is shown: a terminal and a picture have widths of their own.

    As a string it is one line, however long.
    """

    name: str
    cells: Sequence[str]
    scripts: Sequence[str]
    longest: int
    reason: str = ""
    style: str = ""

    def __str__(self) -> str:
        figures = "".join(self._figures())
        said = f"{set_cell_size(visible(self.name), self.longest)}{figures} {', '.join(self.scripts)}"
        return f"{said}  error: {visible(self.reason)}" if self.reason else said

    def _figures(self) -> list[str]:
        return [f" {cell:>{cells}}" for cell, (_, cells) in zip(self.cells, TABLE_COLUMNS, strict=True)]

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        # What does not fit beside a name is left out, the last column first.
        widths = [cells + 1 for _, cells in TABLE_COLUMNS] + [MIN_SCRIPTS + 1]
        least = min(MIN_NAME, self.longest)
        count = len(widths)
        while count and least + sum(widths[:count]) > options.max_width:
            count -= 1
        wide = max(least, min(options.max_width - sum(widths[:count]), self.longest))
        said = visible(self.name)
        # A name too long stands on a line of its own.
        if count:
            said = set_cell_size(said, wide) if cell_len(said) <= wide else said + "\n" + " " * wide
        said += "".join(self._figures()[:count])
        if count == len(widths):
            left = options.max_width - wide - sum(widths[:-1]) - 1
            scripts = ", ".join(self.scripts)
            if cell_len(scripts) > left:
                scripts = f"{self.scripts[0]} +{len(self.scripts) - 1}"
            said += f" {scripts if cell_len(scripts) <= left else set_cell_size(scripts, left - 1) + '…'}"
        yield Text(said, self.style)
        if self.reason:
            yield Padding(Text(visible(self.reason), BAD), (0, 0, 0, 2))

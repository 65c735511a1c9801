"""Facts about a model as a page for people: rich renderables, quiet, and readable without colour.

Whatever comes from a file becomes a `Text` of visible characters: nothing of it is markup or control.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..text import format_size, visible
from .facts import PARTS
from .style import BAD, GRAPH, HEADING, LABEL, Drawing, Fitting, Heading, bars, rate
from .unicode_labels import names, shown

if TYPE_CHECKING:
    from .facts import CodecFacts, Curve, Facts, NetworkFacts
    from .unicode_labels import LabelGroup
    from .weight_statistics import MatrixFacts

SHARE_BAR: Final = 24
MAX_LABELS: Final = 300
"""Most labels of a group on the page; `tables.codec_list` has all."""
SHOWN_COMMANDS: Final = 5
SHOWN_TEXT: Final = 300


def page(facts: Facts) -> Iterator[RenderableType]:
    """The page of one model."""
    sections = [Heading(facts.path), _problem(facts), *_sections(facts)]
    yield Group(*(section for section in sections if section is not None))


def _problem(facts: Facts) -> Text | None:
    if facts.problem is None:
        return None
    return Text(f"cannot be converted: {visible(facts.problem)}", BAD, overflow="fold")


def _sections(facts: Facts) -> Iterator[RenderableType]:
    yield _section("file", _file(facts))
    yield _section("network", _network(facts))
    yield _section("codec", _codec(facts.codec))
    yield _section("line normalizer", _line_normalizer(facts))
    yield _section("training", _training(facts))
    if facts.weights:
        yield _section("weights", _weights(facts))
    if facts.compatibility:
        yield _section("compatibility", _compatibility(facts))
    if facts.notes:
        yield _section("notes", [Text(visible(note, SHOWN_TEXT)) for note in facts.notes])


def _section(name: str, parts: Iterable[RenderableType]) -> RenderableType:
    return Group(Text(), Text(name, HEADING), *(Padding(part, (0, 0, 0, 2)) for part in parts))


def _rows(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """Names and values in two columns."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style=LABEL, no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value) if isinstance(value, str) else value)
    return table


def _file(facts: Facts) -> Iterator[RenderableType]:
    file = facts.file
    packed = "not packed" if file.compression == "none" else f"packed by {file.compression}"
    kind = f"{file.format}, a pickle of protocol {file.protocol}" if file.protocol is not None else file.format
    sizes = format_size(file.size)
    if file.unpacked_size not in (None, file.size):
        sizes += f", unpacked {format_size(file.unpacked_size or 0)}"
    rows = [("format", f"{kind}, {packed}"), ("writer", visible(file.writer or "not known")), ("size", sizes)]
    if file.trailing_size:
        rows.append(("behind it", f"{file.trailing_size} bytes that do not belong to the pickle"))
    yield _rows([*rows, ("SHA-256", file.sha256)])


def _network(facts: Facts) -> Iterator[RenderableType]:
    rows: list[tuple[str, RenderableType]] = []
    if facts.network:
        network = facts.network
        words = f"{network.Ni} inputs, {network.Ns} hidden units in each direction, {network.No} classes"
        yield Drawing(drawing(network), words)
        rows.append(("parameters", f"{facts.network.parameters:,}"))
    for line in facts.structure:
        yield Text(visible(line, SHOWN_TEXT))
    if facts.parts:
        rows.append(("in the file", _parts(facts.parts)))
    if rows:
        yield Text()
        yield _rows(rows)


def drawing(network: NetworkFacts) -> str:
    """The layers with the shapes of what goes from one to the next, T columns of a line at a time."""
    start, half = f"(T, {network.Ni}) ─", f"(T, {network.Ns})"
    end = f"─→ (T, {2 * network.Ns}) ─→ softmax ─→ (T, {network.No})"
    gap = " " * len(start)
    return "\n".join(
        (
            f"{gap}┌─→ LSTM ──────────→ {half} ─┐",
            f"{start}┤{' ' * (len(half) + 22)}├{end}",
            f"{gap}└─→ LSTM reversed ─→ {half} ─┘",
        )
    )


def _parts(parts: dict[str, int]) -> Fitting:
    total = sum(parts.values()) or 1
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style=GRAPH, no_wrap=True)
    for name in PARTS:
        if parts.get(name):
            share = parts[name] / total
            table.add_row(name, format_size(parts[name]), f"{share:.1%}", "━" * round(share * SHARE_BAR) or "╸")
    return Fitting(table)


def _codec(codec: CodecFacts | None) -> Iterator[RenderableType]:
    if codec is None:
        yield Text("none")
        return
    blank = sum(not label for _, label in codec.labels)
    count = f"{len(codec.labels)} labels" + (f", {blank} of them empty (the blank)" if blank else "")
    yield Text(count + (f"; no label for {len(codec.unlabelled)} classes" if codec.unlabelled else ""))
    table = Table.grid(padding=(0, 2))
    table.add_column(style=LABEL)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for group in codec.groups:
        table.add_row(f"{group.script} {group.category}".strip(), str(len(group.labels)), _labels(group))
    yield table


def _labels(group: LabelGroup) -> Text:
    words = [visible(shown(label), 40) for label in group.labels[:MAX_LABELS]]
    if len(words) == 1 and words[0].startswith("U+"):
        words.append(visible(names(group.labels[0])))
    if len(group.labels) > MAX_LABELS:
        words.append(f"... ({len(group.labels) - MAX_LABELS} more)")
    return Text(" ".join(words))


def _line_normalizer(facts: Facts) -> Iterator[RenderableType]:
    normalizer = facts.line_normalizer
    if normalizer is None:
        yield Text("none")
        return
    yield _rows(
        [("kind", visible(normalizer.kind, SHOWN_TEXT))]
        + [(visible(name, 40), visible(value, SHOWN_TEXT)) for name, value in normalizer.parameters]
    )


def _training(facts: Facts) -> Iterator[RenderableType]:
    training = facts.training
    if training is None:
        yield Text("no record")
        return
    rows: list[tuple[str, RenderableType]] = []
    if training.last_trial is not None:
        rows.append(("lines trained", f"{training.last_trial:,}"))
    if training.lines not in (0, training.last_trial):
        rows.append(("lines logged", f"{training.lines:,}"))
    if training.curve:
        rows.append((training.curve.kind, _curve(training.curve)))
    if facts.normalize:
        rows.append(("text normalized by", visible(facts.normalize, SHOWN_TEXT)))
    for number, command in enumerate(training.commands[:SHOWN_COMMANDS]):
        rows.append(("" if number else "commands", visible(command, SHOWN_TEXT)))
    if len(training.commands) > SHOWN_COMMANDS:
        rows.append(("", f"... ({len(training.commands) - SHOWN_COMMANDS} more)"))
    yield _rows(rows) if rows else Text("no record")


def _curve(curve: Curve) -> Text:
    top = max(point for point in curve.points if point is not None)
    line = bars([point or 0 for point in curve.points], top)
    figures = [("start", curve.start), ("minimum", curve.minimum), ("end", curve.end)]
    said = ", ".join(f"{name} {rate(curve, value)}" for name, value in figures)
    return Text.assemble((line, GRAPH), "\n", said)


def _weights(facts: Facts) -> Iterator[RenderableType]:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style=LABEL)
    table.add_column("", no_wrap=True)
    for name in ("shape", "mean", "sd", "min", "max"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("histogram", style=GRAPH, no_wrap=True)
    for matrix in facts.weights:
        table.add_row(*_matrix(matrix))
    yield Fitting(table)
    if facts.units:
        units = facts.units
        yield Text(
            f"dead: {units.dead} of {units.units} hidden units; saturated: {units.saturated} of {units.gates} gates"
        )


def _matrix(matrix: MatrixFacts) -> Iterator[str]:
    yield matrix.name.replace(".", " ")
    yield "x".join(map(str, matrix.shape))
    for value in (matrix.mean, matrix.sd, matrix.min, matrix.max):
        yield "-" if value is None else f"{value:.3f}" if abs(value) < 1e4 else f"{value:.1e}"
    yield bars(matrix.histogram, max(matrix.histogram))


def _compatibility(facts: Facts) -> Iterator[RenderableType]:
    found = facts.compatibility
    if found:
        yield _rows(
            [("kind", found.kind), ("read by", ", ".join(found.readers))]
            + [
                ("" if number else "because", visible(reason, SHOWN_TEXT))
                for number, reason in enumerate(found.reasons)
            ]
        )

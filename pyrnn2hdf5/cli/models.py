"""`pyrnn2hdf5 models`: what is in the model directory, and what of it may go."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..records import model_record
from ..text import format_size, visible
from .common import Exit, explain, fail, print_json, tell
from .options import ModelDir
from .text_output import format_count

if TYPE_CHECKING:
    from ..conversion.model_directory import Entry

models = typer.Typer(help="List the model directory, or clean it.")


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a model.")]


@models.callback(invoke_without_command=True)
def _list(context: typer.Context, model_dir: ModelDir = None, as_json: AsJson = False) -> None:
    """List the model directory: name, source, size, age.

    That is where `ocr` keeps the conversions of pyrnn models, and where kraken looks for them.
    """
    if not context.invoked_subcommand:
        _print_entries(model_dir, as_json=as_json)


@models.command("list")
def _list_explicitly(context: typer.Context, model_dir: ModelDir = None, as_json: AsJson = False) -> None:
    """List the model directory, as without a command."""
    given = context.parent.params if context.parent else {}
    _print_entries(model_dir or given["model_dir"], as_json=as_json or given["as_json"])


def _print_entries(model_dir: Path | None, *, as_json: bool) -> None:
    entries = _entries(model_dir)
    if as_json:
        for entry in entries:
            print_json(model_record(entry))
    elif entries:
        typer.echo("\n".join(model_lines(entries)))


@models.command()
def clean(
    context: typer.Context,
    model_dir: ModelDir = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove what is stale, after asking.

    That is a conversion of which there is a newer one by the same source name, and what an interrupted
    write left. A conversion is made again when it is wanted, as long as its pyrnn is there. What
    pyrnn2hdf5 did not put there is never touched.
    """
    given = context.parent.params["model_dir"] if context.parent else None
    stale = [entry for entry in _entries(model_dir or given) if entry.stale]
    if not stale:
        typer.echo("nothing is stale", err=True)
        return
    if not yes:
        typer.echo("\n".join(model_lines(stale)), err=True)
        _ask(f"Remove {len(stale)} of these?" if len(stale) > 1 else "Remove it?")
    removed = [_remove(entry.path) for entry in stale]
    if not all(removed):
        raise typer.Exit(Exit.FAILED)


def _ask(question: str) -> None:
    """Fails unless the answer is yes."""
    typed = False
    # At the end of the input.
    with contextlib.suppress(typer.Abort):
        if typer.confirm(question, err=True):
            return
        typed = sys.stdin.isatty()
    if not typed:
        # Nobody has ended the line.
        typer.echo(err=True)
    typer.echo("nothing changed", err=True)
    raise typer.Exit(Exit.FAILED)


def _remove(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        tell(path, error)
        return False
    typer.echo(f"removed {visible(path)}")
    return True


def _entries(model_dir: Path | None) -> list[Entry]:
    from ..conversion import model_directory as directory

    try:
        return directory.list_models(directory.model_directory(model_dir))
    except OSError as error:
        fail(explain(error, None))


def model_lines(entries: Sequence[Entry]) -> list[str]:
    """A line a model, in columns: name, source, size, age, and what there is to say about it."""
    rows = [
        (
            visible(entry.path.name),
            visible(entry.source.name) if entry.source else UNSOURCED[entry.kind],
            format_size(entry.size),
            _age(entry),
            f"stale: {visible(entry.stale)}" if entry.stale else "",
        )
        for entry in entries
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _age(entry: Entry) -> str:
    days = int((time.time() - entry.modified) // 86400)
    return "today" if days < 1 else f"{format_count(days, 'day')} old"


UNSOURCED: Final = {
    "other": "(not by pyrnn2hdf5)",
    "pyrnn": "(a pyrnn)",
    "pronn": "(a pronn)",
    "onnx": "(an ONNX)",
    "unreadable": "(unreadable)",
    "leftover": "(unfinished)",
}

"""What the commands share: exit codes, ways to fail, what is printed and what is to be written."""

from __future__ import annotations

import contextlib
import enum
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import typer

from ..errors import FAILURES, Pyrnn2Hdf5Error, UnsafePickleError
from ..text import describe_error, visible

if TYPE_CHECKING:
    from rich.console import Console


class Exit(enum.IntEnum):
    """Exit codes."""

    GOOD = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130
    TERMINATED = 143


def first_overwritten(outputs: Iterable[Path | None], inputs: Iterable[Path | None]) -> Path | None:
    """The first of the files to write that is one of the inputs, by whatever path."""
    needed = {os.path.realpath(path) for path in inputs if path}
    return next((path for path in outputs if path and os.path.realpath(path) in needed), None)


def refuse_overwriting(output: Path | None, others: Iterable[Path | None]) -> None:
    """Wrong usage: a file to write that is one of the files given, or another one to write."""
    if output and first_overwritten([output], others):
        raise typer.BadParameter(f"{visible(output)}: expected a file of its own, got one that is needed")


HINTS = {
    "force": "; use --force to replace it",
    "keep_failed": "; --keep-failed DIR keeps the evidence",
    "target": "; convert it alone with an --output of its own, or leave it out by --glob",
    "ignore_checksum": " (see convert --ignore-checksum)",
    "float64": " (see convert --float64)",
    "allow_globals": "; show --globals lists all it names; to read it all the same: --allow-global {}",
    "label_encoding": " (see --label-encoding)",
    "size": " (see --max-size)",
    "memory": " (see --max-memory)",
    "seconds": " (see --max-seconds)",
}
"""What an option does about an error, by its remedy; `{}` stands for a value."""


def explain(error: BaseException, source: object = None) -> str:
    """An error in one visible line, with the option that gets past it."""
    hint = " (see --timeout)" if isinstance(error, TimeoutError) and not error.errno else ""
    if isinstance(error, UnsafePickleError):
        hint = "; show --globals lists all it names"
    if isinstance(error, Pyrnn2Hdf5Error) and error.remedy:
        remedy, _, value = error.remedy.partition("=")
        hint = HINTS.get(remedy, "").format(visible(value))
    return visible(describe_error(error, source)) + hint


def tell(name: object, error: BaseException) -> None:
    """What went wrong with one of many."""
    typer.echo(f"error: {visible(name)}: {explain(error, name)}", err=True)


def warn(name: object, warnings: Iterable[object]) -> None:
    """What may be wrong with something that went well."""
    for warning in warnings:
        typer.echo(f"warning: {visible(name)}: {visible(warning)}", err=True)


def tell_unlisted(errors: Sequence[OSError]) -> bool:
    """Tell which places could not be searched; returns whether there were any."""
    for error in errors:
        tell(error.filename, error)
    return bool(errors)


def tell_skipped(skipped: Sequence[str]) -> None:
    """Tell how much of the folders that were searched was passed over, and what to do about it."""
    from ..batch.discovery import LINK, NO_MODEL

    files, links = skipped.count(NO_MODEL), skipped.count(LINK)
    if files:
        typer.echo("1 file is no model" if files == 1 else f"{files} files are no models", err=True)
    if links:
        typer.echo(
            "1 link was not followed: name it" if links == 1 else f"{links} links were not followed: name them",
            err=True,
        )


def usable_cores() -> int:
    """How many cores this process may use."""
    # Not every system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


WIDTHS: Final = (20, 1000)
"""Least and most columns of what is laid out, whatever COLUMNS says: lines are padded up to there."""


def console_on(file: TextIO) -> Console:
    """A console to which nothing is markup."""
    from rich.console import Console

    # rich takes any number of any length; and where the output is no terminal, it would ask those of stdin and stderr.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    width = None if file.isatty() else 80
    with contextlib.suppress(KeyError, ValueError):
        width = min(max(int(os.environ["COLUMNS"]), WIDTHS[0]), WIDTHS[1])
    return Console(file=file, width=width, markup=False, emoji=False, highlight=False, _environ=environment)


def print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, allow_nan=False))


def fail(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(Exit.FAILED)


@contextlib.contextmanager
def failure_is_told() -> Iterator[None]:
    """Fails where what is done fails for a reason that a user is to know."""
    try:
        yield
    except FAILURES as error:
        fail(explain(error, None))


def prepare_outputs(*outputs: Path | None) -> None:
    """Fails where a file that is to be written at the end could not be, before there is anything to lose."""
    from ..files.atomic import prepare_output

    for output in outputs:
        if output:
            with failure_is_told():
                prepare_output(output)


def tune_openblas() -> None:
    """What OpenBLAS reads when NumPy is imported; what the user set holds."""
    # The products of one step are too small to share: threads of BLAS would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

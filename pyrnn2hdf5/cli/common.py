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

from ..errors import FAILURES, UnsafePickleError
from ..records import failure_record
from ..text import describe_error, remedy_of, visible

if TYPE_CHECKING:
    from rich.console import Console

    from ..batch.discovery import SkippedFile


class Exit(enum.IntEnum):
    """Exit codes."""

    GOOD = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130
    CLOSED_PIPE = 141  # as of a tool that SIGPIPE ends
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
    "force": "; convert it to another --output, or use --force to replace what is there",
    "keep_failed": "; --keep-failed DIR keeps the evidence",
    "target": "; convert it alone to another --output, or move the other file away",
    "ignore_checksum": " (see convert --ignore-checksum)",
    "float64": " (see convert --float64)",
    "allow_globals": (
        "; show --globals lists all it names, with the options; to read it all the same: --allow-global {}"
    ),
    "label_encoding": " (see --label-encoding)",
    "size": " (see --max-size)",
    "memory": " (see --max-memory)",
    "seconds": " (see --max-seconds)",
    "timeout": " (see --timeout)",
}
"""What an option does about an error, by its remedy; `{}` stands for a value."""


def explain(error: BaseException, source: object = None) -> str:
    """An error in one visible line, with the option that gets past it."""
    remedy, _, value = (remedy_of(error) or "").partition("=")
    hint = HINTS.get(remedy, "").format(visible(value))
    if isinstance(error, UnsafePickleError) and not hint:
        hint = "; show --globals lists all it names"
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


NAMED: Final = 3
"""Most links that are named."""


def tell_skipped(skipped: Sequence[SkippedFile], *, quiet: bool = False) -> None:
    """Warn of archives in the folders that were searched, and tell how much else of them was passed over."""
    from ..batch.discovery import ARCHIVE, DEAD_LINK, HDF5, LINK, NO_MODEL, ONNX

    passed_over: dict[str, list[Path]] = {}
    for file in skipped:
        passed_over.setdefault(file.why, []).append(file.path)
        if file.why == ARCHIVE:
            warn(file.path, [file.words])
    one_and_many = {
        NO_MODEL: ("1 file is no model", "{} files are no models"),
        HDF5: ("1 HDF5 file is left as it is", "{} HDF5 files are left as they are"),
        ONNX: ("1 ONNX file is left as it is", "{} ONNX files are left as they are"),
        LINK: ("1 link was not followed, name it to take it: ", "{} links were not followed, name them to take them: "),
        DEAD_LINK: ("1 link is dead: ", "{} links are dead: "),
    }
    for why, (one, many) in one_and_many.items():
        paths = passed_over.get(why, [])
        if quiet or not paths:
            continue
        names = [*map(visible, paths[:NAMED]), *(["..."] if len(paths) > NAMED else [])]
        said = one if len(paths) == 1 else many.format(len(paths))
        typer.echo(said + (", ".join(names) if said.endswith(" ") else ""), err=True)


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


def fail_of(name: object, error: BaseException, what: str = "source", *, as_json: bool, **more: object) -> NoReturn:
    """Fail for what is wrong with something that was named; `more` is what else its record has."""
    if as_json:
        print_json(failure_record(name, error, what) | more)
    fail(f"{visible(name)}: {explain(error, name)}")


@contextlib.contextmanager
def failure_is_told() -> Iterator[None]:
    """Fails where what is done fails for a reason that a user is to know."""
    try:
        yield
    except FAILURES as error:
        fail(explain(error, None))


@contextlib.contextmanager
def report_is_told(report: Path, *, quiet: bool) -> Iterator[None]:
    """Tells where a report lies that is written meanwhile, or fails."""
    with failure_is_told():
        yield
    if not quiet:
        typer.echo(f"report written to {visible(report)}", err=True)


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

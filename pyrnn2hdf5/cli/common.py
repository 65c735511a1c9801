"""What the commands share: exit codes, ways to fail, sizes as options."""

from __future__ import annotations

import contextlib
import enum
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TextIO

import typer

from ..errors import FAILURES, InvalidInputError, Pyrnn2Hdf5Error
from ..limits import Limits, check_encoding, check_global
from ..text import describe_error, visible

if TYPE_CHECKING:
    from rich.console import Console

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class Exit(enum.IntEnum):
    """Exit codes."""

    GOOD = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130
    TERMINATED = 143


def size_in_bytes(text: str) -> int:
    """A size in bytes: `500M`, `4G`, or a plain number."""
    text = text.strip().upper().removesuffix("B").removesuffix("I")
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS and text else (text, "")
    if not number.isascii() or not number.isdigit() or int(number) == 0:
        raise typer.BadParameter("expected a number of bytes such as 500M or 4G")
    return int(number) * UNITS[unit]


def as_path(text: str) -> Path:
    """A path as it is given. What is there is found out when it is opened, so that it costs no other."""
    if not text or "\0" in text:
        raise typer.BadParameter("expected a path, got " + ("one with a null byte" if text else "nothing"))
    return Path(text)


def as_target(text: str) -> str:
    """A path that keeps the separator at its end, by which it means a folder."""
    as_path(text)
    return text


def finite(value: float | None) -> float | None:
    """A number of an option; NaN passes every range."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("expected a finite number")
    return value


def refuse_overwriting(output: Path | None, others: Iterable[Path | None]) -> None:
    """Wrong usage: a file to write that is one of the files given, or another one to write."""
    for other in others:
        if output and other and os.path.realpath(output) == os.path.realpath(other):
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
    if isinstance(error, Pyrnn2Hdf5Error) and error.remedy:
        remedy, _, value = error.remedy.partition("=")
        hint = HINTS.get(remedy, "").format(visible(value))
    return visible(describe_error(error, source)) + hint


def tell(name: object, error: BaseException) -> None:
    """What went wrong with one of many."""
    typer.echo(f"error: {visible(name)}: {explain(error, name)}", err=True)


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


# The limits of a load, alike in every command that reads models.
MaxSize = Annotated[
    int, typer.Option("--max-size", parser=size_in_bytes, metavar="N", help="Most bytes a source may unpack to.")
]
MaxMemory = Annotated[
    int, typer.Option("--max-memory", parser=size_in_bytes, metavar="N", help="Most bytes loading a source may take.")
]
MaxSeconds = Annotated[
    float,
    typer.Option(
        "--max-seconds",
        metavar="S",
        min=0.1,
        max=86400,
        callback=finite,
        help="Longest time loading a source may take.",
    ),
]


def global_name(text: str) -> str:
    """The name of a global."""
    with _wrong_usage():
        check_global(text)
    return text


def encoding(text: str) -> str:
    """The name of an encoding."""
    with _wrong_usage():
        check_encoding(text)
    return text


@contextlib.contextmanager
def _wrong_usage() -> Iterator[None]:
    try:
        yield
    except InvalidInputError as error:
        # In place of the argument typer names the option.
        raise typer.BadParameter(visible(str(error).partition(": ")[2])) from error


def limits_of(
    size: int, memory: int, seconds: float, allow_global: list[str] | None, label_encoding: str | None
) -> Limits:
    """What reading a model may take and hold. Of a name that is allowed and dangerous elsewhere it is told."""
    allowed = tuple(allow_global or ())
    for name in allowed:
        # Imported where there is one: other runs need none of it.
        from ..pyrnn.unpickler import verdict_of

        module, _, last = name.rpartition(".")
        if verdict_of(module, last) == "dangerous":
            said = "a name that runs programs or reaches files; it is kept by name only, and nothing is called"
            typer.echo(f"warning: --allow-global {visible(name)}: {said}", err=True)
    return Limits(size, memory, seconds, allow_globals=allowed, label_encoding=label_encoding)


# What a pickle may hold beyond what every model holds.
AllowGlobals = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-global",
        metavar="MODULE.NAME",
        parser=global_name,
        help="Read a pickle that names this too; nothing is imported or called. Repeat it for more names.",
    ),
]
LabelEncoding = Annotated[
    str | None,
    typer.Option(
        "--label-encoding", metavar="ENC", parser=encoding, help="Encoding of labels that are bytes beyond ASCII."
    ),
]
Jobs = Annotated[
    int | None, typer.Option("-j", "--jobs", metavar="N", min=1, help="Processes (default: the usable cores).")
]

ModelDir = Annotated[
    Path | None,
    typer.Option(
        "--model-dir", metavar="DIR", parser=as_path, help="Model directory (default: $KRAKEN_HOME, else ~/.kraken)."
    ),
]


def usable_cores() -> int:
    """How many cores this process may use."""
    # Not every system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


COLUMNS: Final = (20, 1000)
"""Least and most columns of what is laid out, whatever COLUMNS says: lines are padded up to there."""


def console_on(file: TextIO) -> Console:
    """A console to which nothing is markup."""
    from rich.console import Console

    # rich takes any number of any length; and where the output is no terminal, it would ask those of stdin and stderr.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    width = None if file.isatty() else 80
    with contextlib.suppress(KeyError, ValueError):
        width = min(max(int(os.environ["COLUMNS"]), COLUMNS[0]), COLUMNS[1])
    return Console(file=file, width=width, markup=False, emoji=False, highlight=False, _environ=environment)


def print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, allow_nan=False))


def fail(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(Exit.FAILED)


@contextlib.contextmanager
def unwritable_is_told() -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        fail(explain(error, None))


def prepare_outputs(*outputs: Path | None) -> None:
    """Fails where a file that is to be written at the end could not be, before there is anything to lose."""
    from ..files.atomic import prepare_output

    for output in outputs:
        if output:
            with unwritable_is_told():
                prepare_output(output)


def tune_openblas() -> None:
    """What OpenBLAS reads when NumPy is imported; what the user set holds."""
    # The products of one step are too small to share: threads of BLAS would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

"""Options that commands have in common, and what is made of their values."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InvalidInputError
from ..limits import Limits, check_encoding, check_global
from ..text import visible

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


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
        "--label-encoding",
        metavar="ENC",
        parser=encoding,
        help="Encoding of labels that are bytes beyond ASCII, such as utf-8.",
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

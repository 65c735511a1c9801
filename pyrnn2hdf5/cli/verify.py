"""`pyrnn2hdf5 verify`: are two files the same model?"""

from __future__ import annotations

import errno
import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FAILURES
from ..records import failure_record, verdict_record
from ..text import visible
from .common import (
    Exit,
    MaxMemory,
    MaxSeconds,
    MaxSize,
    as_path,
    explain,
    fail,
    finite,
    print_json,
    refuse_overwriting,
    tell_unlisted,
    unwritable_is_told,
)
from .text_output import verdict_lines, verdict_reason

if TYPE_CHECKING:
    from ..batch.discovery import Pair
    from ..batch.reports import Case


def verify(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE RESULT | DIR [DIR]", parser=as_path, help="Two models, or folders of models."),
    ],
    lines: Annotated[
        list[str] | None,
        typer.Option("--lines", metavar="FILE_OR_GLOB...", help="Line images to run both models on; give them last."),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            min=0,
            callback=finite,
            help="Largest difference of a probability (default: float32 rounding).",
        ),
    ] = None,
    max_size: MaxSize = "4G",  # type: ignore[assignment]
    max_memory: MaxMemory = "512M",  # type: ignore[assignment]
    max_seconds: MaxSeconds = 15.0,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", parser=as_path, help="Write a JUnit report.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a pair.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing unless something differs.")] = False,
) -> None:
    """Prove that two files are the same model.

    Either file may be pyrnn, pronn or HDF5. Of folders, every source is compared with the HDF5 file
    that records its SHA-256 or bears its name, in the second folder or beside it.
    """
    from ..batch.discovery import Pair, pairs
    from ..limits import Limits

    folders = list(itertools.takewhile(os.path.isdir, paths[:2]))
    models, more = (folders, paths[len(folders) :]) if folders else (paths[:2], paths[2:])
    if not folders and len(models) < 2:
        raise typer.BadParameter("expected SOURCE and RESULT, or one or two folders")
    if more and not lines:
        raise typer.BadParameter("expected one or two folders" if folders else "expected SOURCE and RESULT alone")
    images = _images([*(lines or ()), *map(str, more)])
    unlisted: list[OSError] = []
    found = [Pair(models[0], models[-1])]
    if folders:
        found, unpaired = pairs(folders[0], folders[-1], unlisted.append)
        for path in unpaired:
            typer.echo(f"warning: {visible(path)}: belongs to no source, not verified", err=True)
    failed = tell_unlisted(unlisted)
    if not found:
        fail(f"{visible(folders[0])}: expected pyrnn models, found none")
    refuse_overwriting(junit, (*images, *(path for pair in found for path in (pair.source, pair.result))))

    options = {"images": images, "tolerance": tolerance, "limits": Limits(max_size, max_memory, max_seconds)}
    cases = [_verify_pair(pair, options, as_json=as_json, quiet=quiet) for pair in found]
    if junit:
        from ..batch.reports import junit as as_junit
        from ..files.atomic import new_file

        with unwritable_is_told(), new_file(junit, force=True) as temporary:
            temporary.write_text(as_junit("pyrnn2hdf5 verify", cases), "utf-8")
        if not quiet:
            typer.echo(f"report written to {visible(junit)}", err=True)
    if failed or any(case.failure or case.error for case in cases):
        raise typer.Exit(Exit.FAILED)


def _images(patterns: list[str]) -> list[Path]:
    from ..batch.discovery import image_files

    found: list[Path] = []
    for pattern in patterns:
        images = [image.path for image in image_files(pattern) if os.path.isfile(image.path)]  # noqa: PTH113
        if not images:
            raise typer.BadParameter(f"expected line images, {visible(pattern)} is none", param_hint="--lines")
        found.extend(images)
    return found


def _verify_pair(pair: Pair, options: dict[str, Any], *, as_json: bool, quiet: bool) -> Case:
    from ..batch.reports import Case
    from ..verification.comparison import verify as verify_files

    start = time.perf_counter()
    try:
        if pair.result is None:
            raise FileNotFoundError(errno.ENOENT, "no result found for it", str(pair.source))
        verification = verify_files(pair.source, pair.result, **options)
    except FAILURES as error:
        blamed = getattr(error, "path", None) or pair.source
        message = explain(error, blamed)
        if as_json:
            print_json(failure_record(pair.source, error) | {"result": pair.result and str(pair.result)})
        typer.echo(f"error: {visible(blamed)}: {message}", err=True)
        _annotate(blamed, message)
        return Case(str(pair.source), time.perf_counter() - start, error=message)
    if as_json:
        print_json(verdict_record(pair.source, pair.result, verification))
    elif not (quiet and verification.ok):
        typer.echo("\n".join(verdict_lines(pair.source, pair.result, verification)))
    failure = None if verification.ok else verdict_reason(verification)
    if failure:
        _annotate(pair.result, failure)
    return Case(str(pair.source), time.perf_counter() - start, failure=failure)


def _annotate(path: Path, message: str) -> None:
    """Show a failure in the place where GitHub shows those of a workflow."""
    if os.environ.get("GITHUB_ACTIONS"):
        text = visible(message).replace("%", "%25")
        name = visible(path).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
        # In bytes: text is kept from being a command.
        typer.echo(f"::error file={name},title=pyrnn2hdf5 verify::{text}".encode("utf-8", "backslashreplace"), err=True)

"""`pyrnn2hdf5 verify`: are two files the same model?"""

from __future__ import annotations

import errno
import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FAILURES, Failure, Pyrnn2Hdf5Error, SourceError
from ..records import failure_record, verdict_record
from ..text import visible
from .common import (
    Exit,
    explain,
    fail_of,
    prepare_outputs,
    print_json,
    refuse_overwriting,
    report_is_told,
    tell_skipped,
    tell_unlisted,
    warn,
)
from .options import AllowGlobals, LabelEncoding, MaxMemory, MaxSeconds, MaxSize, as_path, finite, limits_of
from .text_output import verdict_lines, verdict_reason

if TYPE_CHECKING:
    from ..batch.discovery import SkippedFile
    from ..batch.pairing import Pair
    from ..batch.reports import Case
    from ..limits import Limits
    from ..sandbox.bounded import Reader


def verify(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE RESULT | DIR [DIR]", parser=as_path, help="Two models, or folders of models."),
    ],
    lines: Annotated[
        list[str] | None,
        typer.Option("--lines", metavar="FILE_OR_GLOB...", help="Line images to run both models on, one or many."),
    ] = None,
    network_only: Annotated[
        bool, typer.Option("--network-only", help="Compare no codec, line normalizer or training record.")
    ] = False,
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
    allow_global: AllowGlobals = None,
    label_encoding: LabelEncoding = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", parser=as_path, help="Write a JUnit report.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a pair.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing unless something differs.")] = False,
) -> None:
    """Prove that two files are the same model.

    Either file may be pyrnn, pronn, HDF5 or our ONNX. Of folders, every source is compared with the results
    that record its SHA-256, or with one that bears its name, in the second folder or beside it.
    """
    from ..batch.discovery import IMAGE_NAME
    from ..batch.pairing import Pair, pairs
    from ..sandbox.bounded import Reader

    # What a shell makes of `--lines *.png` is one image of the option, and more among the models.
    expanded = [path for path in paths if lines and IMAGE_NAME.fullmatch(path.name)]
    paths = [path for path in paths if path not in expanded]
    folders = list(itertools.takewhile(os.path.isdir, paths[:2]))
    models, more = (folders, paths[len(folders) :]) if folders else (paths[:2], paths[2:])
    # What is not there is a file that fails, not wrong usage, also where another one should stand beside it.
    last = paths[-1] if not lines and len(paths) <= 2 and paths[len(folders) :] == paths[-1:] else None
    absent = last if last and not os.path.exists(last) else None  # noqa: PTH110 - of any length
    if absent:
        folders, models, more = [], [absent], []
    elif not folders and len(models) < 2:
        raise _other_than("SOURCE and RESULT, or one or two folders", models)
    if more and not lines:
        alone = "two folders alone" if len(folders) == 2 else "a second folder"
        raise _other_than(alone if folders else "SOURCE and RESULT alone", more)
    images = _images([*(lines or ()), *map(str, (*expanded, *more))])
    prepare_outputs(junit)
    unlisted: list[OSError] = []
    skipped: list[SkippedFile] = []
    found = [Pair(models[0], None if absent else models[-1])]
    if folders:
        found, unpaired = pairs(folders[0], folders[-1], unlisted.append, skipped.append)
        for path in unpaired:
            warn(path, ["belongs to no source, not verified"])
    failed = tell_unlisted(unlisted)
    tell_skipped(skipped, quiet=quiet)
    refuse_overwriting(junit, (*images, *(path for pair in found for path in (pair.source, pair.result))))

    with Reader() as reader:
        options = {
            "images": images,
            "tolerance": tolerance,
            "network_only": network_only,
            "limits": limits_of(max_size, max_memory, max_seconds, allow_global, label_encoding),
            "reader": reader,
        }
        cases: list[Case] = []
        try:
            cases.extend(_verify_pair(pair, options, as_json=as_json, quiet=quiet) for pair in found)
        finally:
            # Also after an interrupt.
            if junit:
                _write_report(junit, cases, quiet=quiet)
    if not found:
        fail_of(folders[0], SourceError("expected models, found none"), as_json=as_json, result=None)
    if folders and not (quiet or as_json):
        different, failures = (sum(getattr(case, how) is not None for case in cases) for how in ("failure", "error"))
        equal = len(cases) - different - failures
        typer.echo(f"{equal} equal, {different} different, {failures} failed")
    if failed or any(case.failure or case.error for case in cases):
        raise typer.Exit(Exit.FAILED)


def _write_report(path: Path, cases: list[Case], *, quiet: bool) -> None:
    from ..batch.reports import junit
    from ..files.atomic import write_output

    with report_is_told(path, quiet=quiet):
        write_output(path, junit("pyrnn2hdf5 verify", cases).encode("utf-8"))


def _other_than(expected: str, given: list[Path]) -> typer.BadParameter:
    """Wrong usage: the first of these is what was not expected."""
    if not given:
        return typer.BadParameter(f"expected {expected}, got images alone")
    path = given[0]
    got = "a folder" if os.path.isdir(path) else "a file" if os.path.exists(path) else "nothing of that name"  # noqa: PTH110, PTH112 - of any length
    return typer.BadParameter(f"{visible(path)}: expected {expected}, got {got}")


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
    from ..verification.comparison import verify_files

    start = time.perf_counter()
    try:
        if pair.result is None:
            raise _without_result(pair.source, options["limits"], options["reader"])
        verification = verify_files(pair.source, pair.result, **options)
    except FAILURES as error:
        blamed = getattr(error, "path", None) or getattr(error, "filename", None) or pair.source
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


def _without_result(source: Path, limits: Limits, reader: Reader) -> Failure:
    """Why there is no result of a source: it cannot be converted, or nobody has done so."""
    from ..hdf5.layout import store
    from ..load import read_source_model

    try:
        store(read_source_model(source, limits=limits, reader=reader)[0])
    except Pyrnn2Hdf5Error as error:
        return type(error)(f"no result found for it: {error}", remedy=error.remedy)
    except (OSError, MemoryError) as error:
        return error
    return FileNotFoundError(errno.ENOENT, "no result found for it", str(source))


def _annotate(path: Path, message: str) -> None:
    """Show a failure in the place where GitHub shows those of a workflow."""
    if os.environ.get("GITHUB_ACTIONS"):
        text = visible(message).replace("%", "%25")
        name = visible(path).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
        # In bytes: text is kept from being a command.
        typer.echo(f"::error file={name},title=pyrnn2hdf5 verify::{text}".encode("utf-8", "backslashreplace"), err=True)

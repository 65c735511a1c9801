"""`pyrnn2hdf5 verify`: are two files the same model?"""

from __future__ import annotations

import errno
import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import render
from ..errors import Pyrnn2Hdf5Error
from .common import (
    Exit,
    MaxMemory,
    MaxSeconds,
    MaxSize,
    as_path,
    fail,
    finite,
    print_json,
    refuse_overwriting,
    tell_unlisted,
    unwritable_is_told,
)

if TYPE_CHECKING:
    from ..find import Pair
    from ..junit import Case


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

    Either file may be pyrnn or HDF5. Of folders, every pyrnn file is compared with the HDF5 file
    that records its SHA-256 or bears its name, in the second folder or beside it.
    """
    from ..find import Pair, pairs
    from ..source import Limits

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
            typer.echo(f"warning: {render.visible(path)}: belongs to no source, not verified", err=True)
    failed = tell_unlisted(unlisted)
    if not found:
        fail(f"{render.visible(folders[0])}: expected pyrnn models, found none")
    refuse_overwriting(junit, (*images, *(path for pair in found for path in (pair.source, pair.result))))

    options = {"images": images, "tolerance": tolerance, "limits": Limits(max_size, max_memory, max_seconds)}
    cases = [_verify_pair(pair, options, as_json=as_json, quiet=quiet) for pair in found]
    if junit:
        from ..atomic import new_file
        from ..junit import junit as as_junit

        with unwritable_is_told(), new_file(junit, force=True) as temporary:
            temporary.write_text(as_junit("pyrnn2hdf5 verify", cases), "utf-8")
    if failed or any(case.failure or case.error for case in cases):
        raise typer.Exit(Exit.FAILED)


def _images(patterns: list[str]) -> list[Path]:
    from ..find import image_files

    found: list[Path] = []
    for pattern in patterns:
        images = [image.path for image in image_files(pattern) if os.path.isfile(image.path)]  # noqa: PTH113
        if not images:
            raise typer.BadParameter(f"expected line images, {render.visible(pattern)} is none", param_hint="--lines")
        found.extend(images)
    return found


def _verify_pair(pair: Pair, options: dict[str, Any], *, as_json: bool, quiet: bool) -> Case:
    from ..junit import Case
    from ..verification import verify as verify_files

    start = time.perf_counter()
    try:
        if pair.result is None:
            raise FileNotFoundError(errno.ENOENT, "no result found for it", str(pair.source))
        verification = verify_files(pair.source, pair.result, **options)
    except (Pyrnn2Hdf5Error, OSError, MemoryError) as error:
        blamed = getattr(error, "path", None) or pair.source
        message = render.reason(blamed, error)
        if as_json:
            print_json(render.failure_json(pair.source, error) | {"result": pair.result and str(pair.result)})
        typer.echo(f"error: {render.visible(blamed)}: {render.visible(message)}", err=True)
        _annotate(blamed, message)
        return Case(str(pair.source), time.perf_counter() - start, error=message)
    if as_json:
        print_json(render.verdict_json(pair.source, pair.result, verification))
    elif not (quiet and verification.ok):
        typer.echo("\n".join(render.verdict_lines(pair.source, pair.result, verification)))
    failure = None if verification.ok else render.verdict_reason(verification)
    if failure:
        _annotate(pair.result, failure)
    return Case(str(pair.source), time.perf_counter() - start, failure=failure)


def _annotate(path: Path, message: str) -> None:
    """Show a failure in the place where GitHub shows those of a workflow."""
    if os.environ.get("GITHUB_ACTIONS"):
        text = render.visible(message).replace("%", "%25")
        name = render.visible(path).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
        typer.echo(f"::error file={name},title=pyrnn2hdf5 verify::{text}", err=True)

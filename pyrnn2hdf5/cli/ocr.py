"""`pyrnn2hdf5 ocr`: read line images with a model of any format."""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FAILURES, Hdf5LayoutError, InvalidInputError, Pyrnn2Hdf5Error
from ..extras import require
from ..records import failure_record
from ..text import visible
from .common import Exit, explain, fail, fail_of, failure_is_told, print_json, tell, tell_unlisted, warn
from .line_output import closing_line, hand_over, keep_inputs, show_json, show_text, targets_of, tell_evaluation
from .options import AllowGlobals, LabelEncoding, MaxMemory, MaxSeconds, MaxSize, ModelDir, as_path, finite, limits_of
from .progress import progress
from .text_output import format_count

if TYPE_CHECKING:
    from ..batch.discovery import ImageFile
    from ..conversion.model_lookup import Found
    from ..limits import Limits
    from ..model.model import Model
    from ..ocr.evaluation import Comparison


def _complete(incomplete: str) -> list[str]:
    """Names of models that begin so, for the shell."""
    from ..conversion.model_directory import model_directory
    from ..conversion.model_names import model_folders, model_names

    try:
        folder = model_directory()
    except OSError:
        folder = None
    return [name for name in model_names(model_folders(folder)) if name.startswith(incomplete)]


def ocr(
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="Line images, folders of them, or quoted patterns.")
    ],
    model: Annotated[
        str,
        typer.Option(
            "-m", "--model", metavar="MODEL", autocompletion=_complete, help="A model file, or the name of one."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", parser=as_path, help="Write text files there instead."),
    ] = None,
    suffix: Annotated[
        str | None,
        typer.Option("--suffix", help="Write text files of this suffix, beside the images or in --output (.txt)."),
    ] = None,
    pad: Annotated[
        int, typer.Option("--pad", metavar="N", min=0, max=1000, help="Steps of silence around a line.")
    ] = 16,
    threshold: Annotated[
        float,
        typer.Option(
            "--threshold", metavar="P", min=0, max=1, callback=finite, help="P(blank) below which there is a character."
        ),
    ] = 0.7,
    no_normalize_line: Annotated[
        bool, typer.Option("--no-normalize-line", help="The images are dewarped already, as high as the model wants.")
    ] = False,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Compare with the .gt.txt beside each image: character error rate.")
    ] = False,
    jobs: Annotated[
        int,
        typer.Option("-j", "--jobs", metavar="N", min=1, help="Processes that prepare lines, beside this one."),
    ] = 1,
    model_dir: ModelDir = None,
    autoconversion: Annotated[
        bool,
        typer.Option(
            "--enable-autoconversion/--disable-autoconversion",
            help="Convert a pyrnn once and use its conversion from then on.",
        ),
    ] = True,
    max_size: MaxSize = "4G",  # type: ignore[assignment]
    max_memory: MaxMemory = "512M",  # type: ignore[assignment]
    max_seconds: MaxSeconds = 15.0,
    allow_global: AllowGlobals = None,
    label_encoding: LabelEncoding = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object an image.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print no texts, only warnings and errors.")] = False,
) -> None:
    """Recognize line images with a model of any format.

    Prints a line an image: its path, a tab, its text; the text alone for a single image. A pyrnn
    model is converted on first use, verified, and kept in the model directory that kraken uses.
    """
    from ..conversion.outcome import Outcome
    from ..ocr.recognition import recognize_each

    if not (model and all(images)):
        raise typer.BadParameter("expected a name, got nothing", param_hint="IMAGE" if model else "--model")
    if output and os.path.exists(output) and not output.is_dir():  # noqa: PTH110 - of any length
        raise typer.BadParameter("expected a folder", param_hint="--output")
    if suffix is not None and (not suffix or Path(suffix).name != suffix):
        raise typer.BadParameter("expected something to add to a file name", param_hint="--suffix")
    # Told before a model is converted for nothing.
    with failure_is_told():
        require("ocr")
    found, failed = _find(images, as_json=as_json)
    if not found:
        raise typer.Exit(Exit.FAILED)
    paths = [image.path for image in found]
    targets = targets_of(found, output, suffix or ".txt") if output or suffix else [None] * len(found)
    used = _load(
        model,
        autoconversion,
        model_dir,
        limits_of(max_size, max_memory, max_seconds, allow_global, label_encoding),
        as_json=as_json,
        quiet=quiet,
    )
    keep_inputs(targets, [used.path, used.pyrnn], "the model")
    if not no_normalize_line:
        _warn_of_normalizer(model, used.model)

    alone = len(images) == 1 and paths == [Path(images[0])]
    silent = quiet or any(targets)
    compared: list[tuple[Path, Comparison]] | None = [] if evaluate else None
    read, start = 0, time.perf_counter()
    results = recognize_each(
        used.model, paths, pad=pad, threshold=threshold, normalize=not no_normalize_line, jobs=min(jobs, len(paths))
    )
    try:
        with contextlib.closing(results), progress(len(paths), hidden=alone or as_json or quiet) as (advance, say):
            show = show_json if as_json else partial(show_text, say, silent=silent, alone=alone)
            for path, target, result in zip(paths, targets, results, strict=True):
                good = hand_over(path, target, result, compared, show)
                read += good
                # The bar counts images as it does models.
                error = result if isinstance(result, FAILURES) else None
                advance(Outcome(path, target or path, error=error))
    except (Pyrnn2Hdf5Error, MemoryError) as error:
        # Of the model, or of the place where all this runs: the error of an image is its result.
        fail_of(model, error, "model", as_json=as_json)
    failed |= read < len(paths)
    if paths and not (alone or as_json or quiet):
        typer.echo(closing_line(read, len(paths), time.perf_counter() - start), err=True)
    if compared is not None:
        if compared and len(compared) < read:
            typer.echo(f"{format_count(read - len(compared), 'image')} without .gt.txt, not counted", err=True)
        tell_evaluation(compared, as_json=as_json)
    if failed:
        raise typer.Exit(Exit.FAILED)


def _find(arguments: list[str], *, as_json: bool) -> tuple[list[ImageFile], bool]:
    """The images, each once, and whether an argument means none."""
    from ..batch.discovery import image_files

    found: dict[Path, ImageFile] = {}
    failed = False
    for argument in arguments:
        unlisted: list[OSError] = []
        images: list[ImageFile] = []
        try:
            images = image_files(argument, unlisted.append)
        except OSError as error:
            # A pattern whose files may be listed, but not looked at.
            unlisted.append(error)
        failed |= tell_unlisted(unlisted) or not images
        if not (images or unlisted):
            nothing = InvalidInputError("expected line images, found none")
            if as_json:
                print_json(failure_record(argument, nothing, "image"))
            tell(argument, nothing)
        for image in images:
            found.setdefault(image.path, image)
    return list(found.values()), failed


def _load(
    name: str, autoconversion: bool, model_dir: Path | None, limits: Limits, *, as_json: bool, quiet: bool
) -> Found:
    from ..conversion.model_lookup import find_model

    try:
        found = find_model(name, autoconvert=autoconversion, model_dir=model_dir, limits=limits)
    except FAILURES as error:
        path = getattr(error, "path", None)
        if as_json:
            print_json(failure_record(name, error, "model"))
        # What was found by a name stands in the way of what is meant.
        broken = isinstance(error, Hdf5LayoutError) and path != name
        remedy = "; delete it, or give the path of the model that it was made from" if broken else ""
        fail(f"{visible(path or name)}: {explain(error, name)}{remedy}")
    warn(name, found.warnings)
    meant = found.pyrnn or found.path
    if meant.name.startswith(f"{Path(name).name}.") and not quiet:
        typer.echo(f"{visible(name)}: {visible(meant)}", err=True)
    if found.converted and not quiet:
        typer.echo(f"{visible(name)}: converted, verified and stored as {visible(found.path)}", err=True)
    return found


def _warn_of_normalizer(name: str, model: Model) -> None:
    from ..ocr.line_normalization import normalizer_warning

    warning = normalizer_warning(model.line_normalizer, model.Ni)
    warn(name, [warning] if warning else [])

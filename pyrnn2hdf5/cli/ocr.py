"""`pyrnn2hdf5 ocr`: read line images with a model of any format."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FAILURES, Pyrnn2Hdf5Error, TargetConflictError, missing_extra
from ..records import evaluation_record, failure_record, recognition_record
from ..text import visible
from .common import Exit, explain, fail, first_overwritten, print_json, tell, tell_unlisted
from .options import AllowGlobals, LabelEncoding, MaxMemory, MaxSeconds, MaxSize, ModelDir, as_path, finite, limits_of
from .progress import progress
from .text_output import evaluation_lines, format_count, text_line

if TYPE_CHECKING:
    from ..batch.discovery import ImageFile
    from ..conversion.model_lookup import Found
    from ..errors import Failure
    from ..limits import Limits
    from ..model.model import Model
    from ..ocr.evaluation import Comparison
    from ..ocr.recognition import Recognition


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
    if importlib.util.find_spec("PIL") is None:
        fail(str(missing_extra("Pillow")))
    found, failed = _find(images)
    paths = [image.path for image in found]
    targets = _targets(found, output, suffix or ".txt") if output or suffix else [None] * len(found)
    used = _load(
        model,
        autoconversion,
        model_dir,
        limits_of(max_size, max_memory, max_seconds, allow_global, label_encoding),
        quiet=quiet,
    )
    _keep(targets, [used.path, used.pyrnn], "the model")
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
            show = _show_json if as_json else partial(_show, say, silent=silent, alone=alone)
            for path, target, result in zip(paths, targets, results, strict=True):
                good = _take(path, target, result, compared, show)
                read += good
                # The bar counts images as it does models.
                error = result if isinstance(result, FAILURES) else None
                advance(Outcome(path, target or path, error=error))
    except (Pyrnn2Hdf5Error, MemoryError) as error:
        # Of the model, or of the place where all this runs: the error of an image is its result.
        fail(f"{visible(model)}: {explain(error, model)}")
    failed |= read < len(paths)
    if paths and not (alone or as_json or quiet):
        typer.echo(_closing(read, len(paths), time.perf_counter() - start), err=True)
    if compared is not None:
        _evaluate(compared, as_json=as_json)
    if failed:
        raise typer.Exit(Exit.FAILED)


def _find(arguments: list[str]) -> tuple[list[ImageFile], bool]:
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
            typer.echo(f"error: {visible(argument)}: expected line images, found none", err=True)
        for image in images:
            found.setdefault(image.path, image)
    return list(found.values()), failed


def _targets(images: list[ImageFile], output: Path | None, suffix: str) -> list[Path]:
    """A text file for each image; fails where two would share one, or where it would cost an input."""
    from ..files.paths import refuse_shared_targets, text_target

    targets = [text_target(output / image.relative if output else image.path, suffix).absolute() for image in images]
    try:
        refuse_shared_targets(zip((image.path for image in images), targets, strict=True))
    except TargetConflictError as error:
        fail(visible(error))
    # ocropy's own habit is to overwrite texts; a truth may be the work of weeks.
    truths = [target for target in targets if target.name.endswith(".gt.txt") and os.path.exists(target)]  # noqa: PTH110
    _keep(targets, [*(image.path for image in images), *truths], "an image or a truth")
    return targets


def _keep(targets: Iterable[Path | None], inputs: Iterable[Path | None], what: str) -> None:
    """Fails where a text file to write is one of the inputs."""
    if target := first_overwritten(targets, inputs):
        fail(f"{visible(target)}: expected a text file to write, got {what}")


def _load(name: str, autoconversion: bool, model_dir: Path | None, limits: Limits, *, quiet: bool) -> Found:
    from ..conversion.model_lookup import find_model

    try:
        found = find_model(name, autoconvert=autoconversion, model_dir=model_dir, limits=limits)
    except FAILURES as error:
        fail(f"{visible(name)}: {explain(error, name)}")
    for warning in found.warnings:
        typer.echo(f"warning: {visible(name)}: {visible(warning)}", err=True)
    meant = found.pyrnn or found.path
    if meant.name.startswith(f"{Path(name).name}.") and not quiet:
        typer.echo(f"{visible(name)}: {visible(meant)}", err=True)
    if found.converted and not quiet:
        typer.echo(f"{visible(name)}: converted, verified and stored as {visible(found.path)}", err=True)
    return found


def _warn_of_normalizer(name: str, model: Model) -> None:
    from ..ocr.line_normalization import normalizer_warning

    warning = normalizer_warning(model.line_normalizer, model.Ni)
    if warning:
        typer.echo(f"warning: {visible(name)}: {visible(warning)}", err=True)


def _take(
    path: Path,
    target: Path | None,
    result: Recognition | Failure,
    compared: list[tuple[Path, Comparison]] | None,
    show: Callable[[Path, Recognition], None],
) -> bool:
    """Keep and show what was read in one image, or tell why nothing was; returns whether all went well."""
    from ..ocr.evaluation import compare_texts
    from ..ocr.images import read_truth

    if isinstance(result, FAILURES):
        return _fail_alone(path, result, as_json=show is _show_json)
    try:
        if target:
            _write(target, result.text)
    except FAILURES as error:
        return _fail_alone(path, error, as_json=show is _show_json)
    for warning in result.warnings:
        typer.echo(f"warning: {visible(path)}: {visible(warning)}", err=True)
    show(path, result)
    if compared is None:
        return True
    try:
        # A broken truth is no reason to lose the text.
        truth = read_truth(path)
        if truth is not None:
            compared.append((path, compare_texts(result.text, truth)))
    except FAILURES as error:
        tell(path, error)
        return False
    return True


def _fail_alone(path: Path, error: Failure, *, as_json: bool) -> bool:
    """Tell why nothing came of one image; the others go on."""
    if as_json:
        print_json(failure_record(path, error, "image"))
    tell(path, error)
    return False


def _write(target: Path, text: str) -> None:
    """The text as it is, whatever its labels are, and a newline. A lone surrogate, no text at all, is spelled out."""
    from ..files.atomic import make_folder_of, write_output

    make_folder_of(target)
    write_output(target, f"{text}\n".encode("utf-8", "backslashreplace"))


def _show_json(path: Path, result: Recognition) -> None:
    print_json(recognition_record(path, result))


def _show(say: Callable[[str], None], path: Path, result: Recognition, *, silent: bool, alone: bool) -> None:
    if not silent:
        text = text_line(result.text)
        say(text if alone else f"{visible(path)}\t{text}")


def _closing(read: int, total: int, seconds: float) -> str:
    failed = f", {total - read} failed" if read < total else ""
    return f"{format_count(read, 'line')} read{failed}, {seconds:.1f} s"


def _evaluate(compared: list[tuple[Path, Comparison]], *, as_json: bool) -> None:
    from ..ocr.evaluation import summed

    if not compared:
        fail("expected NAME.gt.txt beside the images, found none")
    images, comparisons = zip(*compared, strict=True)
    evaluation = summed(comparisons)
    if as_json:
        print_json(evaluation_record(evaluation, images))
    else:
        typer.echo("\n".join(evaluation_lines(evaluation, images)))

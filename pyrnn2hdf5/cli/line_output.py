"""What becomes of line images: their texts are printed or written, and compared with the truth."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..errors import FAILURES, TargetConflictError
from ..records import evaluation_record, failure_record, recognition_record
from ..text import visible
from .common import fail, first_overwritten, print_json, tell, warn
from .text_output import evaluation_lines, format_count, text_line

if TYPE_CHECKING:
    from ..batch.discovery import ImageFile
    from ..errors import Failure
    from ..ocr.evaluation import Comparison
    from ..ocr.recognition import Recognition


def targets_of(images: list[ImageFile], output: Path | None, suffix: str) -> list[Path]:
    """A text file for each image; fails where two would share one, or where it would cost an input."""
    from ..files.paths import refuse_shared_targets, text_target

    targets = [text_target(output / image.relative if output else image.path, suffix).absolute() for image in images]
    try:
        refuse_shared_targets(zip((image.path for image in images), targets, strict=True))
    except TargetConflictError as error:
        fail(visible(error))
    # ocropy's own habit is to overwrite texts; a truth may be the work of weeks.
    truths = [target for target in targets if target.name.endswith(".gt.txt") and os.path.exists(target)]  # noqa: PTH110
    keep_inputs(targets, [*(image.path for image in images), *truths], "an image or a truth")
    return targets


def keep_inputs(targets: Iterable[Path | None], inputs: Iterable[Path | None], what: str) -> None:
    """Fails where a text file to write is one of the inputs."""
    if target := first_overwritten(targets, inputs):
        fail(f"{visible(target)}: expected a text file to write, got {what}")


def hand_over(
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
        return _fail_alone(path, result, as_json=show is show_json)
    try:
        if target:
            _write(target, result.text)
    except FAILURES as error:
        return _fail_alone(path, error, as_json=show is show_json)
    warn(path, result.warnings)
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


def show_json(path: Path, result: Recognition) -> None:
    print_json(recognition_record(path, result))


def show_text(say: Callable[[str], None], path: Path, result: Recognition, *, silent: bool, alone: bool) -> None:
    if not silent:
        text = text_line(result.text)
        say(text if alone else f"{visible(path)}\t{text}")


def closing_line(read: int, total: int, seconds: float) -> str:
    failed = f", {total - read} failed" if read < total else ""
    return f"{format_count(read, 'line')} read{failed}, {seconds:.1f} s"


def tell_evaluation(compared: list[tuple[Path, Comparison]], *, as_json: bool) -> None:
    from ..ocr.evaluation import summed

    if not compared:
        fail("expected NAME.gt.txt beside the images, found none")
    images, comparisons = zip(*compared, strict=True)
    evaluation = summed(comparisons)
    if as_json:
        print_json(evaluation_record(evaluation, images))
    else:
        typer.echo("\n".join(evaluation_lines(evaluation, images)))

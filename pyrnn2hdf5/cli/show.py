"""`pyrnn2hdf5 show`: what is in a model?"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import SourceError
from ..records import facts_record, failure_record
from ..text import visible
from .common import (
    Exit,
    console_on,
    explain,
    failure_is_told,
    prepare_outputs,
    print_json,
    refuse_overwriting,
    tell,
    tell_skipped,
    tell_unlisted,
    usable_cores,
)
from .options import AllowGlobals, Jobs, LabelEncoding, MaxMemory, MaxSeconds, MaxSize, as_path, limits_of
from .text_output import format_count

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from ..batch.discovery import Skipped, SkippedFile, Unlisted
    from ..show.facts import Facts


def show(
    paths: Annotated[
        list[Path],
        # One that may not be read is no wrong usage: it fails alone.
        typer.Argument(metavar="MODEL...", parser=as_path, help="Model files, and folders of them."),
    ],
    codec: Annotated[bool, typer.Option("--codec", help="List code, label, code points and names instead.")] = False,
    list_globals: Annotated[
        bool, typer.Option("--globals", help="List every global the pickle names instead, also of a refused one.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as one JSON object a model.")] = False,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", parser=as_path, help="Write the same as a picture.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", parser=as_path, help="Write the same as a web page.")
    ] = None,
    jobs: Jobs = None,
    max_size: MaxSize = "4G",  # type: ignore[assignment]
    max_memory: MaxMemory = "512M",  # type: ignore[assignment]
    max_seconds: MaxSeconds = 15.0,
    allow_global: AllowGlobals = None,
    label_encoding: LabelEncoding = None,
) -> None:
    """Show what is in a model, pyrnn, pronn, HDF5 or our ONNX, without running anything in it.

    Of a folder, a line a model. A model that cannot be converted is shown as far as it can be read.
    """
    from rich.text import Text

    from ..show import tables as listing
    from ..show.export import MAX_LINES
    from ..show.many import facts_of_each
    from ..show.page import page

    if codec and list_globals:
        raise typer.BadParameter("expected one of --codec and --globals", param_hint="--codec")
    limits = limits_of(max_size, max_memory, max_seconds, allow_global, label_encoding)
    view = listing.codec_list if codec else listing.globals_list if list_globals else page
    console = console_on(sys.stdout)
    pages: list[RenderableType] = []
    unlisted: list[OSError] = []
    skipped: list[SkippedFile] = []
    found_files = [(path, _files(path, unlisted.append, skipped.append)) for path in paths]
    prepare_outputs(svg, html)
    for output, other in ((svg, html), (html, svg)):
        refuse_overwriting(output, [other, *paths, *(file for _, files in found_files for file in files)])
    failed = tell_unlisted(unlisted)

    def say(shown: RenderableType) -> None:
        # Each has a line at least.
        if (svg or html) and len(pages) < MAX_LINES:
            pages.append(shown)
        if not as_json:
            _print(console, shown)

    every = [file for _, files in found_files for file in files]
    said = False
    unconvertible = 0
    with contextlib.closing(facts_of_each(every, jobs or usable_cores(), limits=limits)) as each:
        for path, files in found_files:
            # Of a folder that cannot be searched that is told already.
            if not files and not any(Path(error.filename).is_relative_to(path) for error in unlisted):
                failed = True
                nothing = SourceError("expected models, found none")
                if as_json:
                    print_json(failure_record(path, nothing))
                tell(path, nothing)
            in_table = bool(files) and files != [path] and view is page
            names = [str(file.relative_to(path)) if in_table else str(file) for file in files]
            longest = listing.longest(names)
            if in_table:
                say(listing.header(longest))
                said = True
            for file, name in zip(files, names, strict=True):
                found = next(each)
                problem = found if isinstance(found, Exception) else found.problem
                failed = failed or problem is not None
                # Of a file that was named its error tells.
                unconvertible += problem is not None and files != [path]
                if as_json:
                    print_json(failure_record(file, found) if isinstance(found, Exception) else facts_record(found))
                if in_table:
                    say(listing.row(name, found, longest, explain(problem, file) if problem else ""))
                    continue
                if not isinstance(found, Exception) and (found.readable or list_globals):
                    if said:
                        say(Text())
                    for part in view(found):
                        say(part)
                    if list_globals and not as_json and (options := _allowing(found)):
                        # On one line, so that it can be copied.
                        typer.echo(options)
                    said = True
                if problem:
                    console_on(sys.stderr).print(_red(file, problem), soft_wrap=True)
    tell_skipped(skipped)
    if unconvertible:
        of_folders = sum(len(files) for path, files in found_files if files != [path])
        typer.echo(f"{unconvertible} of {format_count(of_folders, 'model')} cannot be converted", err=True)
    _write(pages, svg, html, paths)
    if failed:
        raise typer.Exit(Exit.FAILED)


def _files(path: Path, unlisted: Unlisted, skipped: Skipped) -> list[Path]:
    # A name too long for the system, or one in a place that is closed, is told when it is read.
    if not os.path.isdir(path):  # noqa: PTH112
        return [path]
    from ..batch.discovery import model_files

    return model_files(path, unlisted, skipped)


def _allowing(facts: Facts) -> str:
    """The options that read a pickle which is refused for nothing but unknown names; empty where there are none."""
    from ..pyrnn.unpickler import can_be_offered

    refused = [name.path for name in facts.globals if not name.allowed]
    unlisted = facts.unlisted_globals or facts.unfollowed
    if facts.readable or facts.dangerous or unlisted or not all(map(can_be_offered, refused)):
        return ""
    options = " ".join(f"--allow-global {name}" for name in refused)
    return f"to read it all the same: {options}" if options else ""


def _print(console: Console, shown: RenderableType) -> None:
    from ..show.tables import LabelRow, Row

    # A terminal wraps the labels itself, at once.
    if isinstance(shown, LabelRow) or (isinstance(shown, Row) and not console.file.isatty()):
        typer.echo(str(shown))
        return
    if console.is_terminal:
        console.print(shown)
        return
    # Columns are padded with spaces, which a file has no use for.
    with console.capture() as capture:
        console.print(shown)
    typer.echo("\n".join(line.rstrip(" ") for line in capture.get().split("\n")), nl=False)


def _red(file: Path, problem: Exception) -> Text:
    from rich.text import Text

    return Text(f"error: {visible(file)}: {explain(problem, file)}", "red")


def _write(pages: list[RenderableType], svg: Path | None, html: Path | None, paths: list[Path]) -> None:
    """Pictures of what was shown, if anything was."""
    if not pages or not (svg or html):
        return
    from ..files.atomic import write_output
    from ..show import export as picture

    title = ", ".join(visible(path.name or path, 40) for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
    for target, draw in ((svg, picture.svg), (html, picture.html)):
        if target:
            with failure_is_told():
                write_output(target, draw(pages, title).encode("utf-8"))

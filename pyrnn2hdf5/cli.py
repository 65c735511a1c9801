"""The command line: options, exit codes, streams. The only module that prints or exits.

Results go to stdout, everything else to stderr. NumPy and h5py are imported inside the commands, so
that `--help` and completion do not wait for them.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import glob
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from . import __version__, render
from .errors import Pyrnn2Hdf5Error, TargetConflictError

if TYPE_CHECKING:
    from .archive import Outcome
    from .find import Pair
    from .junit import Case

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class Exit(enum.IntEnum):
    """Exit codes."""

    GOOD = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130
    TERMINATED = 143


app = typer.Typer(
    name="pyrnn2hdf5",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Convert OCRopus and kraken pyrnn models to HDF5: safely, exactly, verified.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pyrnn2hdf5 {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def _bytes(text: str) -> int:
    """A size in bytes: `500M`, `4G`, or a plain number."""
    text = text.strip().upper().removesuffix("B").removesuffix("I")
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS and text else (text, "")
    if not number.isascii() or not number.isdigit() or int(number) == 0:
        raise typer.BadParameter("expected a number of bytes such as 500M or 4G")
    return int(number) * UNITS[unit]


@app.command()
def convert(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="pyrnn files, and folders of them.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Target file or folder (default: beside each source).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing targets.")] = False,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not compare results with their sources.")] = False,
    float64: Annotated[bool, typer.Option("--float64", help="Keep the weights as they are, unrounded.")] = False,
    compress: Annotated[bool, typer.Option("--compress", help="Pack the weights with gzip and shuffle.")] = False,
    pattern: Annotated[
        str | None, typer.Option("--glob", metavar="PATTERN", help="Of folders, convert only files of such a name.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", metavar="N", min=1, help="Processes (default: the usable cores).")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0.1, max=86400, help="Longest time for one of many models.")
    ] = 300.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and do nothing.")] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write a .json, .jsonl, .csv or .xml report."),
    ] = None,
    max_size: Annotated[
        int, typer.Option("--max-size", parser=_bytes, metavar="N", help="Most bytes a source may unpack to.")
    ] = "4G",  # type: ignore[assignment]
    max_memory: Annotated[
        int, typer.Option("--max-memory", parser=_bytes, metavar="N", help="Most bytes loading a source may take.")
    ] = "512M",  # type: ignore[assignment]
    max_seconds: Annotated[
        float,
        typer.Option("--max-seconds", metavar="S", min=0.1, max=86400, help="Longest time loading a source may take."),
    ] = 15.0,
    ignore_checksum: Annotated[
        bool, typer.Option("--ignore-checksum", help="Accept damage behind a complete pickle, with a warning.")
    ] = False,
    keep_failed: Annotated[
        Path | None, typer.Option("--keep-failed", metavar="DIR", help="Keep results that fail verification there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a model.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print warnings and errors only.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Print more facts of a single model.")] = False,
) -> None:
    """Convert pyrnn models to HDF5, each verified before the file gets its name.

    Results lie beside their sources, or mirror their folders below --output; kraken 0.3 to 0.6
    reads them. They are named as kraken names them: model.pyrnn.gz becomes model.pyrnn.hdf5. Folders
    are searched for models by content. A result that is up to date is left alone.
    """
    from .source import Limits

    options: dict[str, Any] = {
        "force": force,
        "verify": not no_verify,
        "float64": float64,
        "compress": compress,
        "limits": Limits(max_size, max_memory, max_seconds),
        "ignore_checksum": ignore_checksum,
        "keep_failed": keep_failed,
    }
    if report and report.suffix.lower() not in (".json", ".jsonl", ".csv", ".xml"):
        raise typer.BadParameter("expected a name that ends in .json, .jsonl, .csv or .xml", param_hint="--report")
    if len(sources) == 1 and not sources[0].is_dir() and not (report or dry_run):
        _convert_one(sources[0], output, options, as_json=as_json, quiet=quiet, verbose=verbose)
    else:
        _convert_many(
            sources, output, pattern, options, jobs or _usable_cores(), timeout,
            dry_run=dry_run, report=report, as_json=as_json, quiet=quiet,
        )  # fmt: skip


def _usable_cores() -> int:
    # Not every system tells which cores this process may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _convert_one(
    source: Path, output: Path | None, options: dict[str, Any], *, as_json: bool, quiet: bool, verbose: bool
) -> None:
    from .conversion import convert as convert_file

    try:
        conversion = convert_file(source, output, **options)
    except (Pyrnn2Hdf5Error, OSError, MemoryError) as error:
        if as_json:
            _print_json(render.failure_json(source, error))
        _fail(f"{render.visible(source)}: {render.visible(render.reason(source, error))}")
    for warning in conversion.warnings:
        typer.echo(f"warning: {render.visible(source)}: {render.visible(warning)}", err=True)
    if as_json:
        _print_json(render.conversion_json(conversion))
    elif not quiet:
        typer.echo(render.conversion_line(conversion))
        for line in render.conversion_details(conversion) if verbose else ():
            typer.echo(f"  {render.visible(line)}")


def _convert_many(
    sources: list[Path], output: Path | None, pattern: str | None, options: dict[str, Any],
    workers: int, timeout: float, *, dry_run: bool, report: Path | None, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    from .archive import convert_all, foresee, plan
    from .report import write_report

    if output and output.exists() and not output.is_dir():
        raise typer.BadParameter("expected a folder for many sources", param_hint="--output")
    try:
        jobs = plan(sources, output, pattern)
    except TargetConflictError as error:
        _fail(render.visible(error))
    if not jobs:
        _fail(f"{render.visible(sources[0])}: expected pyrnn models, found none")
    if dry_run:
        for job in jobs:
            typer.echo(
                f"{foresee(job, options['force'])}: {render.visible(job.source)} -> {render.visible(job.target)}"
            )
        return

    start = time.perf_counter()
    order = {job.source: number for number, job in enumerate(jobs)}
    outcomes: list[Outcome] = []
    shown = 0
    try:
        with (
            contextlib.closing(convert_all(jobs, workers, timeout, **options)) as finished,
            _progress(len(jobs), hidden=as_json or quiet) as advance,
        ):
            for outcome in finished:
                outcomes.append(outcome)
                advance(outcome)
                if as_json:
                    _print_json(outcome.record)
                elif not quiet:
                    shown = _show_in_order(outcomes, order, shown)
    finally:
        # Also after an interrupt: what was done is told.
        outcomes.sort(key=lambda outcome: order[outcome.job.source])
        records = [outcome.record for outcome in outcomes]
        if not as_json and not quiet:
            typer.echo("\n".join(render.summary_table(records, len(jobs), time.perf_counter() - start)))
        for outcome in outcomes:
            if outcome.bad:
                message = render.visible(outcome.record["error"]["message"])
                typer.echo(f"{outcome.status}: {render.visible(outcome.job.source)}: {message}", err=True)
            for warning in outcome.record.get("warnings", ()):
                typer.echo(f"warning: {render.visible(outcome.job.source)}: {render.visible(warning)}", err=True)
        if report:
            with _unwritable_is_told():
                write_report(report, records)
    if any(outcome.bad for outcome in outcomes):
        raise typer.Exit(Exit.FAILED)


def _show_in_order(outcomes: list[Outcome], order: dict[Path, int], shown: int) -> int:
    """Print the lines of all models up to the first that is still at work; returns how many are shown."""
    done = {order[outcome.job.source]: outcome for outcome in outcomes}
    while shown in done:
        record = done[shown].record
        line = f"{record['status']}: {render.visible(record['source'])}"
        if record["status"] == "converted":
            line += f" -> {render.visible(record['target'])}"
        elif record["status"] == "duplicate":
            line += f" has the content of {render.visible(record['duplicate_of'])}"
        typer.echo(line)
        shown += 1
    return shown


@contextlib.contextmanager
def _progress(total: int, *, hidden: bool) -> Iterator[Callable[[Outcome], None]]:
    """A bar on stderr, where that is a terminal: count, current model, rate, time left, failures so far."""
    if hidden or not sys.stderr.isatty():
        yield lambda outcome: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    columns = [BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn()]
    bad = 0
    with Progress(*columns, TextColumn("{task.fields[model]}"), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, rate="", model="")
        start = time.perf_counter()

        def advance(outcome: Outcome) -> None:
            nonlocal bad
            bad += outcome.bad
            name = Text(render.visible(outcome.job.source.name, 40)).markup
            done = bar.tasks[0].completed + 1
            rate = f"{done / (time.perf_counter() - start):.1f}/s, {bad} failed"
            bar.update(task, advance=1, rate=rate, model=name)

        yield advance


@contextlib.contextmanager
def _unwritable_is_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _fail(render.visible(render.reason(None, error)))


@app.command()
def verify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="SOURCE RESULT | DIR [DIR]", help="Two models, or folders of models.")
    ],
    lines: Annotated[
        list[str] | None,
        typer.Option("--lines", metavar="FILE_OR_GLOB...", help="Line images to run both models on; give them last."),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", min=0, help="Largest difference of a probability (default: float32 rounding)."),
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit report.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a pair.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing unless something differs.")] = False,
) -> None:
    """Prove that two files are the same model.

    Either file may be pyrnn or HDF5. Of folders, every pyrnn file is compared with the HDF5 file
    that records its SHA-256 or bears its name, in the second folder or beside it.
    """
    from .find import Pair, pairs

    if paths[0].is_dir():
        if len(paths) > 2 or not paths[-1].is_dir():
            raise typer.BadParameter("expected one or two folders")
        found, unpaired = pairs(paths[0], paths[-1])
        for path in unpaired:
            typer.echo(f"warning: {render.visible(path)}: belongs to no source, not verified", err=True)
        if not found:
            _fail(f"{render.visible(paths[0])}: expected pyrnn models, found none")
    elif len(paths) < 2 or (len(paths) > 2 and not lines):
        raise typer.BadParameter("expected SOURCE and RESULT, or one or two folders")
    else:
        found = [Pair(paths[0], paths[1])]
    more = map(str, paths[2:])
    images = _images([*(lines or ()), *more])

    cases = [_verify_pair(pair, images, tolerance, as_json=as_json, quiet=quiet) for pair in found]
    if junit:
        from .atomic import new_file
        from .junit import junit as as_junit

        with _unwritable_is_told(), new_file(junit, force=True) as temporary:
            temporary.write_text(as_junit("pyrnn2hdf5 verify", cases), "utf-8")
    if any(case.failure or case.error for case in cases):
        raise typer.Exit(Exit.FAILED)


def _images(patterns: list[str]) -> list[Path]:
    found: list[Path] = []
    for pattern in patterns:
        # A pattern may be absolute, which Path.glob refuses.
        names = [pattern] if Path(pattern).is_file() else sorted(glob.glob(pattern))  # noqa: PTH207
        if not names:
            raise typer.BadParameter(f"expected line images, {render.visible(pattern)} is none", param_hint="--lines")
        found.extend(map(Path, names))
    return found


def _verify_pair(pair: Pair, images: list[Path], tolerance: float | None, *, as_json: bool, quiet: bool) -> Case:
    from .junit import Case
    from .verification import verify as verify_files

    start = time.perf_counter()
    try:
        if pair.result is None:
            raise FileNotFoundError(errno.ENOENT, "no result found for it", str(pair.source))
        verification = verify_files(pair.source, pair.result, images=images, tolerance=tolerance)
    except (Pyrnn2Hdf5Error, OSError, MemoryError) as error:
        message = render.reason(pair.source, error)
        if as_json:
            _print_json(render.failure_json(pair.source, error) | {"result": pair.result and str(pair.result)})
        typer.echo(f"error: {render.visible(pair.source)}: {render.visible(message)}", err=True)
        _annotate(pair.source, message)
        return Case(str(pair.source), time.perf_counter() - start, error=message)
    if as_json:
        _print_json(render.verdict_json(pair.source, pair.result, verification))
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


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, allow_nan=False))


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(Exit.FAILED)


def _stop(number: int, frame: object) -> NoReturn:
    # Raised, not ended, so that temporary files go.
    raise SystemExit(Exit.TERMINATED if number == signal.SIGTERM else Exit.INTERRUPTED)


def _stop_now(unraisable: sys.UnraisableHookArgs) -> None:
    """A stop that came inside a callback of the interpreter cannot be raised any further."""
    if isinstance(unraisable.exc_value, SystemExit):
        os._exit(Exit.INTERRUPTED)
    sys.__unraisablehook__(unraisable)


def main() -> None:
    """Run the command line."""
    # The products of one step are too small to share: threads of BLAS would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    sys.unraisablehook = _stop_now
    try:
        app()
    except SystemExit as stop:
        if stop.code == Exit.INTERRUPTED:
            typer.echo("interrupted", err=True)
        raise
    except OSError as error:
        # A full disk or a closed pipe behind stdout.
        with contextlib.suppress(OSError):
            typer.echo(f"error: {render.visible(render.reason(None, error))}", err=True)
        os._exit(Exit.FAILED)
    finally:
        # The work is done; what comes now could only disturb the way out.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

"""`pyrnn2hdf5 convert`: one model, or many."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ReaderError, SourceError, TargetExistsError
from ..extras import require
from ..files.paths import Format, canonical_path, means_folder, named_format
from ..records import outcome_record
from ..text import visible
from .common import (
    Exit,
    explain,
    fail,
    failure_is_told,
    prepare_outputs,
    print_json,
    refuse_overwriting,
    report_is_told,
    tell,
    tell_skipped,
    tell_unlisted,
    usable_cores,
    warn,
)
from .options import (
    AllowGlobals,
    Jobs,
    LabelEncoding,
    MaxMemory,
    MaxSeconds,
    MaxSize,
    as_path,
    as_target,
    finite,
    limits_of,
)
from .progress import progress, say
from .text_output import (
    conversion_details,
    conversion_line,
    found_instead,
    outcome_line,
    problem_lines,
    summary_lines,
)

if TYPE_CHECKING:
    from ..batch.discovery import SkippedFile
    from ..batch.runner import Job
    from ..conversion.outcome import Options, Outcome

TIMEOUT = 300.0
"""Seconds for one of many models, unless told otherwise."""


def convert(
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE...", parser=as_path, help="pyrnn and pronn files, and folders.")
    ],
    to: Annotated[
        Format, typer.Option("--to", help="Format of the results; of ONNX a source may be HDF5 too.")
    ] = Format.HDF5,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            parser=as_target,
            help="Target file or folder (default: beside each source).",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing targets.")] = False,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not compare results with their sources.")] = False,
    float64: Annotated[bool, typer.Option("--float64", help="Keep the weights as they are, unrounded.")] = False,
    compress: Annotated[bool, typer.Option("--compress", help="Pack the weights with gzip and shuffle.")] = False,
    pattern: Annotated[
        str | None, typer.Option("--glob", metavar="PATTERN", help="Of folders, convert only files of such a name.")
    ] = None,
    jobs: Jobs = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="S",
            min=0.1,
            max=86400,
            callback=finite,
            help="Longest time for a model, all in all (default: 300 s for each of many).",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and do nothing.")] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", parser=as_path, help="Write a .json, .jsonl, .csv or .xml report."),
    ] = None,
    max_size: MaxSize = "4G",  # type: ignore[assignment]
    max_memory: MaxMemory = "512M",  # type: ignore[assignment]
    max_seconds: MaxSeconds = 15.0,
    allow_global: AllowGlobals = None,
    label_encoding: LabelEncoding = None,
    ignore_checksum: Annotated[
        bool, typer.Option("--ignore-checksum", help="Accept damage behind a complete pickle, with a warning.")
    ] = False,
    keep_failed: Annotated[
        Path | None,
        typer.Option("--keep-failed", metavar="DIR", parser=as_path, help="Keep results that fail verification there."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a model.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print warnings and errors only.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Print more facts of a single model.")] = False,
) -> None:
    """Convert pyrnn models to HDF5 or ONNX, each verified before the file gets its name.

    Results lie beside their sources, or mirror their folders below --output; kraken 0.3 to 0.6
    reads them. They are named as kraken names them: model.pyrnn.gz becomes model.pyrnn.hdf5. Folders
    are searched for models by content. A result that is up to date is left alone: that is told by the source
    which it records, not by its weights, which verify compares.
    """
    from ..conversion.outcome import Options

    if report and report.suffix.lower() not in (".json", ".jsonl", ".csv", ".xml"):
        raise typer.BadParameter("expected a name that ends in .json, .jsonl, .csv or .xml", param_hint="--report")
    if report and dry_run:
        raise typer.BadParameter("expected one of --report and --dry-run", param_hint="--report")
    if to is not Format.HDF5 and (float64 or compress):
        raise typer.BadParameter("expected hdf5 with --float64 or --compress", param_hint="--to")
    if to is Format.ONNX and not no_verify:
        with failure_is_told():
            require("onnx")
    folders = [source for source in sources if os.path.isdir(source)]  # noqa: PTH112 - of any length
    alone = len(sources) == 1 and not folders
    named = named_format(output) if output and alone else None
    if named not in (None, to.value):
        raise typer.BadParameter(f"expected --to {named} as its name says, got {to.value}", param_hint="--output")
    if pattern is not None and not folders:
        raise typer.BadParameter("expected a folder among the sources", param_hint="--glob")
    if output and Path(output).exists() and not Path(output).is_dir() and (means_folder(output) or not alone):
        raise typer.BadParameter("expected a folder", param_hint="--output")
    limits = limits_of(max_size, max_memory, max_seconds, allow_global, label_encoding)
    prepare_outputs(report)
    options = Options(force, not no_verify, float64, compress, limits, ignore_checksum, keep_failed, to.value)
    if alone and not (report or dry_run or jobs or timeout):
        _convert_one(sources[0], output, options, as_json=as_json, quiet=quiet, verbose=verbose)
    else:
        _convert_many(
            sources, output, pattern or "*", options, jobs or usable_cores(), timeout or TIMEOUT,
            dry_run=dry_run, report=report, as_json=as_json, quiet=quiet,
        )  # fmt: skip


def _convert_one(
    source: Path, output: str | None, options: Options, *, as_json: bool, quiet: bool, verbose: bool
) -> None:
    from ..sandbox.bounded import Reader

    with Reader() as reader:
        # It starts while NumPy is imported; that it cannot is told when it is to read.
        with contextlib.suppress(ReaderError):
            reader.start()
        from ..conversion.converter import attempt

        outcome = attempt(source, output, options, reader)
    if as_json:
        print_json(outcome_record(outcome))
    conversion = outcome.conversion
    if conversion is None:
        fail(f"{visible(source)}: {explain(outcome.error or AssertionError(), source)}")
    warn(source, conversion.warnings)
    if not (as_json or quiet):
        typer.echo(conversion_line(conversion))
        for line in conversion_details(conversion) if verbose else ():
            typer.echo(f"  {visible(line)}")


def _convert_many(
    sources: list[Path], output: str | None, pattern: str, options: Options,
    workers: int, timeout: float, *, dry_run: bool, report: Path | None, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    unlisted: list[OSError] = []
    skipped: list[SkippedFile] = []
    with contextlib.ExitStack() as interrupted:
        if report and not os.path.lexists(report):
            # What lies there may turn out to be a source.
            interrupted.callback(_write_report, report, [], quiet=quiet)
        from ..batch.runner import convert_all, plan

        jobs = plan(sources, output, pattern, unlisted.append, skipped.append, to=options.to)
        interrupted.pop_all()
    refuse_overwriting(report, (path for job in jobs for path in (job.source, job.target)))
    failed = tell_unlisted(unlisted)
    # A result of an earlier run is none that is left aside.
    targets = {canonical_path(job.target) for job in jobs}
    skipped = [file for file in skipped if canonical_path(file.path) not in targets]
    tell_skipped(skipped, quiet=quiet)
    if not jobs:
        if report:
            _write_report(report, [], quiet=quiet)
        from ..conversion.outcome import Outcome

        none = Outcome(sources[0], Path(output or sources[0]), error=SourceError(found_instead(skipped, options.to)))
        if as_json:
            print_json(outcome_record(none))
        fail(f"{visible(none.source)}: {visible(none.error)}")
    if dry_run:
        for job in jobs:
            failed |= not _foresee(job, options, as_json=as_json)
        raise typer.Exit(Exit.FAILED if failed else Exit.GOOD)

    start = time.perf_counter()
    order = {job.source: number for number, job in enumerate(jobs)}
    done: dict[int, Outcome] = {}
    shown = 0
    # On one terminal each is told once, and at once.
    together = sys.stdout.isatty() and sys.stderr.isatty() and not (as_json or quiet)
    try:
        with (
            contextlib.closing(convert_all(jobs, workers, timeout, options)) as finished,
            progress(len(jobs), hidden=as_json or quiet) as (advance, print_line),
        ):
            for outcome in finished:
                done[order[outcome.source]] = outcome
                advance(outcome)
                if as_json:
                    print_json(outcome_record(outcome))
                while not (as_json or quiet) and shown in done:
                    # In the order of the sources: up to the first that is still at work.
                    told = problem_lines(done[shown]) if together else []
                    if not (together and done[shown].error):
                        told.insert(0, outcome_line(done[shown]))
                    for line in told:
                        print_line(line)
                    shown += 1
    finally:
        # Also after an interrupt: what was done is told, first to the report, for stdout may be gone.
        outcomes = [done[number] for number in sorted(done)]
        try:
            if report:
                _write_report(report, outcomes, quiet=quiet)
        finally:
            try:
                for number in sorted(done):
                    for line in problem_lines(done[number]) if not together or number >= shown else ():
                        typer.echo(line, err=True)
            finally:
                for line in () if as_json or quiet else summary_lines(outcomes, len(jobs), time.perf_counter() - start):
                    say(line)
    if failed or any(outcome.bad for outcome in outcomes):
        raise typer.Exit(Exit.FAILED)


def _write_report(report: Path, outcomes: list[Outcome], *, quiet: bool) -> None:
    from ..batch.reports import write_report

    with report_is_told(report, quiet=quiet):
        write_report(report, outcomes)


def _foresee(job: Job, options: Options, *, as_json: bool) -> bool:
    """Say what would become of a job; returns whether it would have a result."""
    from ..conversion.converter import foresee
    from ..conversion.outcome import Outcome

    conflict = Outcome(job.source, job.target, error=job.conflict)
    outcome = conflict if job.conflict else foresee(job.source, job.target, options)
    status = outcome.status
    if outcome.error is not None:
        status = "target exists" if isinstance(outcome.error, TargetExistsError) else "would fail"
    if as_json:
        print_json(outcome_record(outcome, status))
    else:
        typer.echo(f"{status}: {visible(job.source)} -> {visible(job.target)}")
    if outcome.error is not None:
        tell(job.source, outcome.error)
    return not outcome.bad

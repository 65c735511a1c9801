"""Many models: plan their targets, convert them in processes, and tell what became of each."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from ..conversion.converter import size_of
from ..conversion.outcome import Conversion, Options, Outcome
from ..errors import FAILURES, SourceError, TargetConflictError
from ..files.paths import canonical_path, default_target, open_regular, shared_targets, target_of
from ..files.sources import SourceFacts
from ..limits import Limits
from ..sandbox.messages import decode, types_of
from ..sandbox.process import Ending, Process
from ..verification.behaviour import Behaviour
from ..verification.checks import DataSetCheck, LabelsCheck
from ..verification.comparison import Verification
from .discovery import Skipped, Unlisted, sha256_if_readable, source_files, tell_by_raising, tell_nobody

WORKER_PROGRAM: Final = "pyrnn2hdf5.batch.worker"
MAX_CONVERSIONS: Final = 200
"""Models that one process converts before a new one takes its place, so that its memory stays flat."""

END: Final = 32
"""Bytes of the end of a file that tell whether it may equal another."""

TYPES: Final = types_of(Outcome, Conversion, SourceFacts, Verification, DataSetCheck, LabelsCheck, Behaviour)


@dataclass(frozen=True)
class Job:
    """One source and where its result goes; `conflict` is why it is not converted there."""

    source: Path
    target: Path
    conflict: TargetConflictError | None = None


def plan(
    sources: Sequence[Path],
    output: str | os.PathLike[str] | None,
    pattern: str = "*",
    unlisted: Unlisted = tell_by_raising,
    skipped: Skipped = tell_nobody,
    *,
    to: str = "hdf5",
) -> list[Job]:
    """The jobs of files and folders, in the order of the sources.

    Folders are searched for pyrnn and pronn files, of a name that fits `pattern`; `to` ONNX also for HDF5 files that
    are no conversion of one of these. With `output` the tree of a folder is mirrored there; one file may get it as
    its name. `unlisted` and `skipped` are told what a search passes over. Two sources that would get one target, and
    one whose target is another source, have a conflict.
    """
    jobs: dict[str, Job] = {}
    # One file goes where `convert` alone would write it.
    alone = len(sources) == 1 and not os.path.isdir(sources[0])  # noqa: PTH112
    for source in sources:
        # A name too long for the system is told with its conversion, not here.
        if not os.path.isdir(source):  # noqa: PTH112
            found = [(source, Path(default_target(source, to).name))]
        else:
            files = source_files(source, unlisted, skipped, pattern, hdf5=to != "hdf5")
            found = [(path, default_target(path.relative_to(source), to)) for path in files]
        for path, relative in found:
            mirrored = path.with_name(relative.name) if output is None else Path(output) / relative
            jobs.setdefault(canonical_path(path), Job(path, target_of(path, output, to) if alone else mirrored))
    ordered = sorted(jobs.values(), key=lambda job: str(job.source))
    conflicts = _conflicts(ordered)
    return [replace(job, conflict=conflicts.get(job.source)) for job in ordered]


def _conflicts(jobs: Sequence[Job]) -> dict[Path, TargetConflictError]:
    """Why some of these sources cannot have their targets."""
    said = {
        source: f"{target}, which {other} would get too"
        for source, other, target in shared_targets((job.source, job.target) for job in jobs)
    }
    files = {os.path.realpath(job.source): job.source for job in jobs}
    for job in jobs:
        if files.get(os.path.realpath(job.target), job.source) != job.source:
            said[job.source] = f"{job.target}, which is a source itself"
    return {
        source: TargetConflictError(f"target: expected one of its own, got {got}", remedy="target")
        for source, got in said.items()
    }


def convert_all(jobs: Sequence[Job], workers: int, seconds: float, options: Options) -> Generator[Outcome, None, None]:
    """Convert every job, `workers` processes at a time; yields as they finish.

    A process that crashes or takes longer than `seconds` for a model costs only that one.
    """
    first = _first_of_equals([job for job in jobs if not job.conflict], workers, options.limits)
    pool = _Pool(seconds, options)
    with ThreadPoolExecutor(workers) as threads:
        futures = [threads.submit(pool.convert, job) for job in jobs]
        try:
            for future in as_completed(futures):
                outcome = future.result()
                yield replace(outcome, duplicate_of=first.get(outcome.source))
        finally:
            for future in futures:
                future.cancel()
            pool.stop()


class _Pool:
    """Processes that convert one model after the other, each used by one thread at a time."""

    def __init__(self, seconds: float, options: Options) -> None:
        self._seconds = seconds
        self._options = options
        self._idle: deque[tuple[Process, int]] = deque()
        self._running: set[Process] = set()
        self._stopped = False

    def convert(self, job: Job) -> Outcome:
        """What becomes of a job."""
        if job.conflict:
            return Outcome(job.source, job.target, error=job.conflict, source_size=size_of(job.source))
        start = time.perf_counter()
        try:
            outcome = self._ask(job)
        except FAILURES as error:
            outcome = Outcome(job.source, job.target, error=error, source_size=size_of(job.source))
        return replace(outcome, seconds=round(time.perf_counter() - start, 3))

    def _ask(self, job: Job) -> Outcome:
        process, done = self._idle.pop() if self._idle else (Process(WORKER_PROGRAM, environment=os.environ), 0)
        self._running.add(process)
        if self._stopped:
            process.stop()
        process.send({"source": str(job.source), "target": str(job.target), "options": asdict(self._options)})
        answer = process.receive(time.monotonic() + self._seconds)
        if isinstance(answer, Ending):
            self._running.discard(process)
            if answer.timed_out:
                raise TimeoutError(f"expected at most {self._seconds:g} s, took longer")
            ended = f"ended by {answer.signal_name}" if answer.signal_name else "ended without a result"
            raise ChildProcessError(ended)
        if done + 1 < MAX_CONVERSIONS:
            self._idle.append((process, done + 1))
        else:
            self._running.discard(process)
            process.stop()
        outcome: Outcome = decode(answer, TYPES)
        return outcome

    def stop(self) -> None:
        """End all processes, also those at work."""
        self._stopped = True
        for process in list(self._running):
            process.stop()


def _first_of_equals(jobs: Sequence[Job], workers: int, limits: Limits) -> dict[Path, Path]:
    """For sources that have the content of another, the first one of these."""
    alike: dict[object, list[Path]] = {}
    for job in jobs:
        alike.setdefault(_size_and_end(job.source), []).append(job.source)
    candidates = [path for end, paths in alike.items() if end and len(paths) > 1 for path in paths]

    # Threads will do: hashing lets go of the interpreter.
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(partial(sha256_if_readable, limits=limits), candidates)
        hashed = dict(zip(candidates, found, strict=True))
    first: dict[str, Path] = {}
    equals = {}
    for job in jobs:
        sha256 = hashed.get(job.source)
        if sha256 and first.setdefault(sha256, job.source) != job.source:
            equals[job.source] = first[sha256]
    return equals


def _size_and_end(path: Path) -> tuple[int, bytes] | None:
    """What already tells most files apart: of a packed one the end holds its checksum."""
    try:
        with open_regular(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - END, 0))
            return size, file.read(END)
    except (OSError, SourceError):
        return None

"""Many models: find them, plan their targets, convert them in processes, and tell what became of each."""

from __future__ import annotations

import fnmatch
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import child
from .conversion import blame, convert, convert_duplicate, import_writing
from .errors import Pyrnn2Hdf5Error, TargetExistsError
from .files import sha256_of
from .find import Unlisted, pyrnn_files, tell_by_raising
from .names import default_target, place, refuse_shared_targets
from .render import conversion_json, failure_json


@dataclass(frozen=True)
class Job:
    """One source and where its result goes."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Outcome:
    """What became of one source, as the JSON object that reports it.

    `record["status"]` is `converted`, `up to date`, `duplicate` (a result made from that of a source
    with the same content), `refused` (the file is to blame) or `failed` (the world is).
    """

    job: Job
    record: dict[str, Any]

    @property
    def status(self) -> str:
        status: str = self.record["status"]
        return status

    @property
    def bad(self) -> bool:
        """Whether this source has no verified result."""
        return self.status in ("refused", "failed")


def plan(
    sources: Sequence[Path], output: Path | None, pattern: str | None = None, unlisted: Unlisted = tell_by_raising
) -> list[Job]:
    """The jobs of files and folders, in the order of the sources.

    Folders are searched for pyrnn files; `pattern` narrows these by name. With `output` the tree of
    a folder is mirrored there; one file may get it as its name. `unlisted` is told of folders that
    cannot be searched. Raises `TargetConflictError` where two sources would get one target.
    """
    jobs: dict[str, Job] = {}
    # One file goes where `convert` alone would write it.
    alone = len(sources) == 1 and not os.path.isdir(sources[0])  # noqa: PTH112
    named = output if alone and output and not output.is_dir() else None
    for source in sources:
        # A name too long for the system is told with its conversion, not here.
        if not os.path.isdir(source):  # noqa: PTH112
            found = [(source, default_target(source.name) if source.name else source)]
        else:
            files = (path for path in pyrnn_files(source, unlisted) if fnmatch.fnmatchcase(path.name, pattern or "*"))
            found = [(path, default_target(path.relative_to(source))) for path in files]
        for path, relative in found:
            target = named or (path.with_name(relative.name) if output is None else output / relative)
            jobs.setdefault(place(path), Job(path, target))
    ordered = sorted(jobs.values(), key=lambda job: str(job.source))
    refuse_shared_targets((job.source, job.target) for job in ordered)
    return ordered


def convert_all(jobs: Sequence[Job], workers: int, seconds: float, **options: Any) -> Generator[Outcome, None, None]:
    """Convert every job in a process of its own, `workers` at a time; yields as they finish.

    Sources of equal content are converted once; the results of the others are made from that one's.
    A process that crashes or takes longer than `seconds` costs only its model. `options` are those
    of `convert`.
    """
    import_writing()  # once, not in every process
    first: dict[str, Job] = {}
    same_as: dict[Job, Job] = {}
    for job, sha256 in _hashed(jobs, workers):
        same = first.setdefault(sha256, job) if sha256 else job
        if same is not job:
            same_as[job] = same
    done: dict[Job, Outcome] = {}
    chosen = [job for job in jobs if job not in same_as]
    for outcome in _outcomes(chosen, lambda job: _convert_one(job, options), workers, seconds):
        done[outcome.job] = outcome
        yield outcome
    others = []
    for job, same in same_as.items():
        if done[same].status == "refused":
            yield Outcome(job, done[same].record | {"source": str(job.source)})
        else:
            others.append(job)

    def convert_other(job: Job) -> bytes:
        same = done[same_as[job]]
        # A result that was there already was not proven now.
        return _convert_one(job, options, same if same.status == "converted" else None)

    yield from _outcomes(others, convert_other, workers, seconds)


def _outcomes(
    jobs: Sequence[Job], work: Callable[[Job], bytes], workers: int, seconds: float
) -> Generator[Outcome, None, None]:
    crashed = []
    for job, ending in _in_processes(jobs, work, workers, seconds, expendable=True):
        if ending.signal_name:
            crashed.append(job)
        else:
            yield Outcome(job, _record(job, ending, seconds))
    # Again, with the loading in a child of its own, so that what crashed or took too long can be told.
    for job, ending in _in_processes(crashed, work, workers, seconds):
        yield Outcome(job, _record(job, ending, seconds))


def _hashed(jobs: Sequence[Job], workers: int) -> list[tuple[Job, str | None]]:
    """Jobs with the SHA-256 of their source where another source has the same size, else None."""
    sizes = [job.source.stat().st_size if os.path.isfile(job.source) else -1 for job in jobs]  # noqa: PTH113
    # What is no file has no content to hash, and to open a FIFO would be to wait for a writer.
    often = {size for size, count in Counter(sizes).items() if count > 1 and size >= 0}

    def sha256(job: Job, size: int) -> str | None:
        try:
            return sha256_of(job.source) if size in often else None
        except OSError:
            return None

    # Threads will do: hashing lets go of the interpreter. They are gone before any process is forked.
    with ThreadPoolExecutor(workers) as pool:
        return list(zip(jobs, pool.map(sha256, jobs, sizes), strict=True))


def _convert_one(job: Job, options: dict[str, Any], same: Outcome | None = None) -> bytes:
    """The record of one conversion as JSON; `same` is that of a source with the same content."""
    start = time.perf_counter()
    more: dict[str, Any] = {}
    shared = {name: options[name] for name in ("force", "limits") if name in options}
    try:
        if job.target.is_dir():
            raise TargetExistsError(f"{job.target}: expected a file or nothing as target, got a folder")
        job.target.parent.mkdir(parents=True, exist_ok=True)
        conversion = convert_duplicate(job.source, job.target, same.job.target, **shared) if same else None
        if same and conversion and conversion.status == "converted":
            # What is to be said of the content is to be said of this one too.
            said = same.record["warnings"]
            more = {"status": "duplicate", "duplicate_of": str(same.job.source), "warnings": said}
        record = conversion_json(conversion or convert(job.source, job.target, **options))
    except (Pyrnn2Hdf5Error, OSError, MemoryError) as error:
        record = failure_json(job.source, error) | {"status": blame(error)}
    return json.dumps(record | more | {"seconds": round(time.perf_counter() - start, 3)}).encode("ascii")


def _record(job: Job, ending: child.Ending, seconds: float) -> dict[str, Any]:
    if ending.message and not ending.timed_out and not ending.signal_name:
        record: dict[str, Any] = json.loads(ending.message)
        return record
    reason = f"ended by {ending.signal_name}" if ending.signal_name else "ended without a result"
    if ending.timed_out:
        reason = f"expected at most {seconds:g} s, took longer (see --timeout)"
    return failure_json(job.source, TimeoutError(reason) if ending.timed_out else ChildProcessError(reason))


def _in_processes(
    jobs: Sequence[Job], work: Callable[[Job], bytes], workers: int, seconds: float, *, expendable: bool = False
) -> Iterator[tuple[Job, child.Ending]]:
    if not child.POSIX:
        for job in jobs:
            yield job, child.Ending(work(job))
        return
    waiting = list(reversed(jobs))
    running: dict[child.Child, Job] = {}
    with child.ended_with_us(running):
        while waiting or running:
            while waiting and len(running) < workers:
                job = waiting.pop()
                started = child.start(partial(work, job), seconds, leads=True, expendable=expendable)
                running[started] = job
            for ended, ending in child.wait(list(running)):
                yield running.pop(ended), ending

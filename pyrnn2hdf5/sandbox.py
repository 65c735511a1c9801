"""Read a file in a bounded child process; only plain facts and arrays come back.

CPython's unpickler can be made to allocate gigabytes by a memo index, to loop for minutes by equal
hashes, and to crash by deep nesting; the HDF5 library to loop for ever or to allocate gigabytes by
one changed byte. None of that can be checked beforehand at a bearable price, so every pickle, and
every HDF5 file that is not plain, is read in a forked child with a limit on its memory, no core file,
and a parent that waits no longer than it wants to. What comes back is what `wire` carries.

Where the system has no `fork` or `resource` (Windows), files are read in this process without these
bounds; on macOS the memory limit does not cover all allocations. What is refused is the same.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Final, TypeVar, cast

from . import child, errors, wire
from .errors import LoadLimitError, Pyrnn2Hdf5Error
from .source import Limits

if child.POSIX:
    import resource

Loaded = TypeVar("Loaded")

MIB: Final = 2**20


def bounded(
    load: Callable[[], Loaded],
    limits: Limits,
    damaged: type[Pyrnn2Hdf5Error],
    meanwhile: Callable[[], None] | None = None,
) -> Loaded:
    """Run `load` in a child process within `limits` and hand back what it returns or raises.

    `meanwhile` is called in this process, while the child loads. Raises `LoadLimitError` where a
    limit is met, `damaged` where the child crashes.
    """
    with alongside(load, limits, damaged) as loaded:
        if meanwhile:
            meanwhile()
        return loaded()


@contextlib.contextmanager
def alongside(
    load: Callable[[], Loaded], limits: Limits, damaged: type[Pyrnn2Hdf5Error]
) -> Iterator[Callable[[], Loaded]]:
    """Run `load` in a child process within `limits` while the body runs.

    What is yielded waits for the child; it returns and raises as `bounded`. In an expendable process
    it loads here, within the same limits: of time by a SIGALRM that ends the process.
    """
    if not child.POSIX:
        yield lambda: _guarded(load, limits, damaged)
        return
    if child.is_expendable():
        yield lambda: _here(load, limits, damaged)
        return
    running = [child.start(lambda: _run(load, limits, damaged), limits.seconds)]
    with child.ended_with_us(running):
        yield lambda: cast(Loaded, _decode(child.finish(running.pop()), limits, damaged))


def _decode(ending: child.Ending, limits: Limits, damaged: type[Pyrnn2Hdf5Error]) -> object:
    if ending.timed_out or ending.signal_name == "SIGXCPU":
        raise LoadLimitError("time", f"{limits.seconds:g} s", "--max-seconds")
    if ending.signal_name:
        raise damaged(f"loading ended by {ending.signal_name}: the file nests too deep or is made to crash a reader")
    try:
        ((kind, content),) = wire.decode(ending.message).items()
    except ValueError as error:
        raise damaged("loading ended without a result: the file is made to crash a reader") from error
    if kind == "oserror":
        raise OSError(*content)
    if kind == "error":
        raise _error(*content)
    return content


def _run(load: Callable[[], Loaded], limits: Limits, damaged: type[Pyrnn2Hdf5Error]) -> bytes:
    limit_memory(limits)
    # Ends a child whose parent was killed.
    cpu = int(limits.seconds) + 2
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    try:
        return _guarded(lambda: wire.encode({"value": load()}), limits, damaged)
    except OSError as error:
        filename = os.fsdecode(error.filename) if error.filename else None
        return wire.encode({"oserror": (error.errno, error.strerror, filename)})
    except Pyrnn2Hdf5Error as error:
        return wire.encode({"error": (type(error).__name__, str(error))})


def _here(load: Callable[[], Loaded], limits: Limits, damaged: type[Pyrnn2Hdf5Error]) -> Loaded:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit_memory(limits)
    signal.setitimer(signal.ITIMER_REAL, limits.seconds)
    try:
        return _guarded(load, limits, damaged)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _guarded(load: Callable[[], Loaded], limits: Limits, damaged: type[Pyrnn2Hdf5Error]) -> Loaded:
    """What `load` returns; whatever it raises becomes an `OSError` or an error of this package."""
    try:
        return load()
    except MemoryError:
        raise LoadLimitError("memory", f"{limits.memory // MIB} MiB", "--max-memory") from None
    except (OSError, Pyrnn2Hdf5Error):
        raise
    except Exception as error:
        raise damaged(f"malformed file: {type(error).__name__}: {error}") from error


def limit_memory(limits: Limits) -> None:
    """Bound what this process may take from now on; no core file where it crashes."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # More than the system can count is no limit.
    with contextlib.suppress(ValueError, OSError, OverflowError):
        resource.setrlimit(resource.RLIMIT_DATA, (_data_size() + limits.memory, hard))


def _data_size() -> int:
    """Bytes of data this process has now, as RLIMIT_DATA counts them; 0 where nothing tells."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData:"))
    except (OSError, StopIteration):
        return 0


def _error(kind: str, text: str) -> Pyrnn2Hdf5Error:
    """An error of this package by the name of its class, its message as it was."""
    found = getattr(errors, kind, None)
    error_type = found if isinstance(found, type) and issubclass(found, Pyrnn2Hdf5Error) else Pyrnn2Hdf5Error
    # Some constructors build the message; this one is built already.
    error: Pyrnn2Hdf5Error = error_type.__new__(error_type, text)
    return error

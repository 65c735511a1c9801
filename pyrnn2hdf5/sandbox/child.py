"""The process that reads a stranger's file: it bounds itself, reads, and hands back what it read.

Where the system has no `resource` (Windows), only time and crashes are bounded, by the caller; on macOS
the memory limit does not cover all allocations. What is refused is the same.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Final

from .. import errors
from ..errors import LoadLimitError, Pyrnn2Hdf5Error
from ..limits import Limits
from ..text import format_size
from .service import answer, requests

try:
    import resource

    BOUNDS_ITSELF = True
except ImportError:
    BOUNDS_ITSELF = False

MAX_FILES: Final = 64
"""Most open files: a dozen are in use."""


def main() -> None:
    """Serve requests until the caller ends."""
    # A process ends soon, and a collection would walk millions of small tuples again and again.
    gc.disable()
    for request, file in requests():
        read = function_of(request["read"])
        limits = Limits(**request["limits"])
        answer("ready")
        bound_this_process(limits)
        damaged = getattr(errors, request["damaged"])
        work = partial(read, file, limits, **request["options"])
        answer(outcome_of(work, limits, damaged, answer))


def function_of(read: str) -> Callable[..., object]:
    """A function by its name, `module:name`."""
    module, _, name = read.partition(":")
    function: Callable[..., object] = getattr(import_module(module), name)
    return function


def outcome_of(
    read: Callable[[Callable[[object], object]], object],
    limits: Limits,
    damaged: type[Pyrnn2Hdf5Error],
    send: Callable[[object], object],
) -> dict[str, object]:
    """What `read` returns or raises, as a message; `send` takes what it tells on the way."""
    try:
        return {"value": read(lambda said: send({"said": said}))}
    except MemoryError:
        return {"raised": memory_error(limits)}
    except (OSError, Pyrnn2Hdf5Error) as error:
        return {"raised": error}
    except Exception as error:
        return {"raised": damaged(f"malformed file: {type(error).__name__}: {error}")}


def memory_error(limits: Limits) -> LoadLimitError:
    """The error of a file that takes more memory to load than it may."""
    most = format_size(limits.memory).replace(".0 ", " ")
    return LoadLimitError(f"memory to load: expected at most {most}, got more", remedy="memory")


def bound_this_process(limits: Limits) -> None:
    """Bound what this process may take from now on: memory, time of the processor, open files; it writes none."""
    if not BOUNDS_ITSELF:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Ends a process whose caller was killed.
    cpu = int(used.ru_utime + used.ru_stime + limits.seconds) + 2
    for name, most in (
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NOFILE", MAX_FILES),
        ("RLIMIT_CPU", cpu),
        ("RLIMIT_DATA", _data_size() + limits.memory),
    ):
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        # More than the system can count, or than is allowed already, is no limit.
        with contextlib.suppress(ValueError, OSError, OverflowError):
            resource.setrlimit(number, (most, hard))


def _data_size() -> int:
    """Bytes of data this process has now, as RLIMIT_DATA counts them; 0 where nothing tells."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData:"))
    except (OSError, StopIteration):
        return 0

"""Read a file in a bounded process of its own; only plain facts and arrays come back.

CPython's unpickler can be made to allocate gigabytes by a memo index, to loop for minutes by equal
hashes, and to crash by deep nesting; the HDF5 library to loop for ever or to allocate gigabytes by
one changed byte. None of that can be checked beforehand at a bearable price. So every pickle, and
every HDF5 file that is not plain, is read by a process of its own, which bounds itself (`child`), and
for which its caller waits no longer than it wants to.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import IO, Any, Final, TypeVar

from ..errors import FAILURES, LoadLimitError, Pyrnn2Hdf5Error, ReaderError
from ..files.paths import open_regular
from ..limits import Limits
from .child import function_of, outcome_of
from .messages import Types, decode, encode
from .process import Ending, Process

CHILD_PROGRAM: Final = "pyrnn2hdf5.sandbox.child"

MAX_READS: Final = 200
"""Files that one process reads before a new one takes its place, so that its memory stays flat."""

NO_RESULT: Final = "loading ended without a result: the file is damaged, or made to crash a reader"

START_SECONDS: Final = 30.0
"""Longest time an interpreter may take to start."""

Result = TypeVar("Result")

FunctionName = str
"""A function of this package by its name, `module:name`, called as `read(file, limits, tell, **options)`.

It returns what a message can hold; what it tells on the way reaches the caller also where it fails.
"""


@dataclass(eq=False)
class Reader:
    """A process that reads files one after the other, started when it is needed.

    A new one takes its place after a file that was refused, so that none affects the next.
    """

    own_session: bool = True
    process: Process | None = None
    reads: int = 0

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Process:
        """The running process. Raises `ReaderError` where none can be started."""
        if self.process is None:
            self.process, self.reads = Process(CHILD_PROGRAM, own_session=self.own_session), 0
        return self.process

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self.process = self.process, None
        if process:
            process.stop()


def bounded(
    read: FunctionName,
    path: str | os.PathLike[str],
    limits: Limits,
    damaged: type[Pyrnn2Hdf5Error],
    *,
    types: Types = {},  # noqa: B006 - never changed
    make: Callable[[Any], Any] = lambda said: said,
    reader: Reader | None = None,
    meanwhile: Callable[[], object] | None = None,
    hear: Callable[[Any], object] = lambda said: None,
    **options: Any,
) -> Any:
    """Have a file read by `read` in a process of its own, within `limits`; hand back what that returns or raises.

    Parameters
    ----------
    damaged
        The error for a file that crashes the process, or that meets an error nobody thought of.
    types
        The types of frozen values that may come back.
    make
        Makes the result of what comes back, which is not to be trusted: an error of another kind than ours is
        damage of the file.
    reader
        The process to use, for many files; by default one is started for this file alone.
    meanwhile
        Called in this process while the other one reads.
    hear
        Called with what `read` tells on its way.

    Raises
    ------
    OSError, SourceError
        Where the path is no regular file that can be opened.
    LoadLimitError
        Where a limit is met.
    ReaderError
        Where no process can be started, and `limits` do not allow to read in this one.
    """
    with open_regular(path) as file:
        if limits.in_process:
            return _made(make, _read_here(read, file, limits, damaged, types, hear, meanwhile, options), damaged)
        used = reader or Reader()
        try:
            value = _made(make, _ask(used, read, file, limits, damaged, types, hear, meanwhile, options), damaged)
            used.reads += 1
        except BaseException:
            used.stop()
            raise
        if reader is None or used.reads >= MAX_READS:
            used.stop()
        return value


def _ask(
    used: Reader, read: FunctionName, file: IO[bytes], limits: Limits, damaged: type[Pyrnn2Hdf5Error], types: Types,
    hear: Callable[[Any], object], meanwhile: Callable[[], object] | None, options: dict[str, Any],
) -> Any:  # fmt: skip
    process = used.start()
    request = {"read": read, "limits": asdict(limits), "damaged": damaged.__name__}
    process.send({**request, "options": options}, file)
    if meanwhile:
        meanwhile()
    started = process.receive(time.monotonic() + START_SECONDS)
    if isinstance(started, Ending):
        raise ReaderError("the interpreter that should read the file did not start", remedy="in_process")
    deadline = time.monotonic() + limits.seconds
    while True:
        frame = process.receive(deadline)
        if isinstance(frame, Ending):
            raise _error_of(frame, limits, damaged)
        kind, content = _made(lambda frame: decode(frame, types).popitem(), frame, damaged)
        if kind != "said":
            return _value_of(kind, content, damaged)
        _made(hear, content, damaged)


def _error_of(ending: Ending, limits: Limits, damaged: type[Pyrnn2Hdf5Error]) -> Pyrnn2Hdf5Error:
    if ending.timed_out or ending.signal_name == "SIGXCPU":
        return LoadLimitError(f"time to load: expected at most {limits.seconds:g} s, got more", remedy="seconds")
    if ending.signal_name:
        return damaged(f"loading ended by {ending.signal_name}: the file nests too deep or is made to crash a reader")
    return damaged(NO_RESULT)


def _made(make: Callable[[Any], Result], said: object, damaged: type[Pyrnn2Hdf5Error]) -> Result:
    """What is made of an answer."""
    try:
        return make(said)
    except FAILURES:
        raise
    except Exception as error:
        raise damaged(NO_RESULT) from error


def _read_here(
    read: FunctionName, file: IO[bytes], limits: Limits, damaged: type[Pyrnn2Hdf5Error], types: Types,
    hear: Callable[[Any], object], meanwhile: Callable[[], object] | None, options: dict[str, Any],
) -> Any:  # fmt: skip
    """As by another process, without one: what comes back is what a message would hold."""

    def copy(message: object) -> Any:
        return decode(b"".join(encode(message)), types)

    if meanwhile:
        meanwhile()
    work = partial(function_of(read), file, limits, **options)
    message = copy(outcome_of(work, limits, damaged, lambda message: hear(copy(message)["said"])))
    kind, content = message.popitem()
    return _value_of(kind, content, damaged)


def _value_of(kind: str, content: Any, damaged: type[Pyrnn2Hdf5Error]) -> Any:
    if kind == "raised":
        raise content if isinstance(content, FAILURES) else damaged(NO_RESULT)
    return content


def only(*kinds: type[Any]) -> Callable[[Any], Any]:
    """What takes an answer of one of these types as it is."""

    def take(said: object) -> object:
        if not isinstance(said, kinds):
            raise TypeError(f"expected {kinds}, got {type(said)}")
        return said

    return take

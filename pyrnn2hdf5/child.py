"""Work in forked child processes: a crash, a hang or an appetite of one costs nobody else.

POSIX only. A child hands back bytes through a pipe; what became of it is told by its `Ending`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NoReturn

POSIX: Final = hasattr(os, "fork")
if POSIX:
    import fcntl
CHUNK: Final = 2**20
GRACE: Final = 1.0
"""Seconds that a child has left when it is heard."""

STOPS: Final = (signal.SIGINT, signal.SIGTERM)

_expendable = False


def is_expendable() -> bool:
    """Whether this process was forked for one piece of work, so that its end costs nothing else."""
    return _expendable


@dataclass(frozen=True)
class Ending:
    """How a child ended: what it handed back, and the signal that killed it, or that time was up."""

    message: bytes | bytearray
    signal_name: str | None = None
    timed_out: bool = False


@dataclass(eq=False)
class Child:
    """A running child process."""

    pid: int
    reader: int
    deadline: float
    received: bytearray = field(default_factory=bytearray)


def start(work: Callable[[], bytes], seconds: float, *, leads: bool = False, expendable: bool = False) -> Child:
    """Fork a child that runs `work` and hands back its bytes, for at most `seconds`.

    One that `leads` has a process group of its own: its children end with it, and an interrupt from
    the terminal reaches the parent alone. One that is `expendable` may itself do what could crash.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Threads of BLAS sleep in the parent; a child starts its own if it needs any.
        warnings.simplefilter("ignore", DeprecationWarning)
        # A stop that came in a callback of the fork would be lost there, so it waits until after.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        pid = os.fork()
    if pid == 0:
        global _expendable
        _expendable = expendable
        _be_child(work, reader, writer, before, leads=leads)
    os.close(writer)
    child = Child(pid, reader, time.monotonic() + seconds)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    except BaseException:
        # A stop that came meanwhile: nobody else knows of this child yet.
        _reap(child, timed_out=True)
        raise
    return child


def _be_child(
    work: Callable[[], bytes], reader: int, writer: int, mask: set[int | signal.Signals], *, leads: bool
) -> NoReturn:
    try:
        if leads:
            os.setpgid(0, 0)
        for number in (*STOPS, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        # It ends soon, and a collection would copy every page of the parent it looks at.
        gc.disable()
        # A crash is told by the parent, in one line.
        faulthandler.disable()
        # Where the parent has closed its streams, the pipe may have taken their places.
        writer = fcntl.fcntl(writer, fcntl.F_DUPFD_CLOEXEC, 3)
        # What the interpreter itself might say of a damaged pickle is nobody's news. And if the parent
        # is killed, whoever reads its streams must not wait for its child.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        sys.stderr = os.fdopen(nowhere, "w")
        os.close(reader)
        message = memoryview(work())
        while message:
            message = message[os.write(writer, message) :]
    finally:
        # Whatever happened, nothing of the parent's program runs twice.
        os._exit(0)


def wait(children: Iterable[Child]) -> Iterator[tuple[Child, Ending]]:
    """Wait until something happens to one of the children, and yield those that ended."""
    by_reader = {child.reader: child for child in children}
    left = min(child.deadline for child in by_reader.values()) - time.monotonic()
    poll = select.poll()
    for reader in by_reader:
        poll.register(reader, select.POLLIN)
    for reader, _ in poll.poll(max(left, 0) * 1000):
        child = by_reader[reader]
        data = os.read(reader, CHUNK)
        child.received += data
        # What it has to say counts, however long this process was stopped or blocked.
        child.deadline = max(child.deadline, time.monotonic() + GRACE)
        if not data:
            del by_reader[reader]
            yield child, _reap(child, timed_out=False)
    for child in by_reader.values():
        if time.monotonic() >= child.deadline:
            yield child, _reap(child, timed_out=True)


def _reap(child: Child, *, timed_out: bool) -> Ending:
    if timed_out:
        _kill(child)
    status = os.waitpid(child.pid, 0)[1]
    # Last: a stop in the wait leaves all of it to be done again.
    os.close(child.reader)
    killed = not timed_out and os.WIFSIGNALED(status)
    return Ending(child.received, signal.Signals(os.WTERMSIG(status)).name if killed else None, timed_out)


def _kill(child: Child) -> None:
    # It may lead no group, or not yet, or be gone already.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGKILL)


@contextmanager
def ended_with_us(children: Iterable[Child]) -> Iterator[None]:
    """Kill the children that are still there when the body is left by an exception."""
    try:
        yield
    except BaseException:
        for child in children:
            _reap(child, timed_out=True)
        raise


def finish(child: Child) -> Ending:
    """Wait for the end of a child."""
    with ended_with_us([child]):
        while True:
            for _, ending in wait([child]):
                return ending

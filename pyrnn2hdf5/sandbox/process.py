"""Processes beside the caller, started by exec: a crash, a hang or an appetite of one costs nobody else.

A process runs one module of this package in a fresh isolated interpreter. It takes requests from its
stdin, a line of JSON each, and answers on its stdout, in frames: a length, and as many bytes. Where
the system can, an open file goes along with a request as a descriptor; elsewhere the request names it.
Nothing of the caller is copied but the path of its packages, so that it may be called from any thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

from ..errors import ReaderError
from .messages import FRAME

PASSES_DESCRIPTORS: bool = hasattr(socket, "send_fds")
"""Whether open files can be handed to another process: everywhere but on Windows."""

BOOT: Final = "import sys; sys.path += {path!r}; from importlib import import_module as f; f({module!r}).main()"

KEPT: Final = (
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "TEMP", "TMP"),
)
"""What an interpreter needs of the environment to start: where its libraries are, and what Windows asks for."""

THREADS: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""A small model has no use for more threads of BLAS, and each takes memory."""

MAX_ANSWERS: Final = 2**30
"""Most bytes of the answers to one request. The largest model has 64 MB of weights, and a history as much again."""

COST: Final = 2**16
"""Bytes that an answer counts for beside its own, so that there are few of them: the most that are sent are 9,000."""

FRAME_CHUNK: Final = 2**20

GRACE: Final = 1.0
"""Seconds that an answer may still take where this process was itself stopped or busy meanwhile."""


@dataclass(frozen=True)
class Ending:
    """Why no answer came: the signal that ended the process, that time was up, or neither."""

    signal_name: str | None = None
    timed_out: bool = False


class Process:
    """A running process of this package; `start` it, send a request, receive its answers, `stop` it."""

    def __init__(self, module: str, *, environment: Mapping[str, str] | None = None, own_session: bool = True) -> None:
        """Start `module`, whose `main` serves requests, with `environment` or next to none.

        Without a session of its own it ends with the session of the caller.

        Raises `ReaderError` where no interpreter can be started.
        """
        if not sys.executable or getattr(sys, "frozen", False):
            raise ReaderError(
                "no interpreter to start: expected sys.executable to be one, got "
                f"{sys.executable!r}; where this program is trusted with the file, allow it to be read in this process",
                remedy="in_process",
            )
        if environment is None:
            environment = {name: os.environ[name] for name in KEPT if name in os.environ} | THREADS
        self._leads = own_session and PASSES_DESCRIPTORS
        # After the standard library our own folder, then whatever the caller has, for NumPy and h5py.
        path = [str(Path(__file__).parent.parent.parent), *filter(None, sys.path)]
        command = [sys.executable, "-I", "-S", "-c", BOOT.format(path=path, module=module)]
        self._socket: socket.socket | None = None
        theirs: socket.socket | None = None
        if PASSES_DESCRIPTORS:
            self._socket, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=theirs.fileno() if theirs else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                # An interrupt from the terminal reaches the caller alone, and what this one starts ends with it.
                start_new_session=self._leads,
            )
        except OSError as error:
            if self._socket:
                self._socket.close()
            raise ReaderError(
                f"{sys.executable}: expected an interpreter that can be started: {error.strerror}", remedy="in_process"
            ) from error
        finally:
            if theirs:
                theirs.close()
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._frames: queue.SimpleQueue[bytearray | None] = queue.SimpleQueue()
        self._left = MAX_ANSWERS
        self._receiver = threading.Thread(target=self._receive_all, args=(self._process.stdout,), daemon=True)
        self._receiver.start()

    def send(self, request: Mapping[str, Any], file: IO[bytes] | None = None) -> None:
        """Send a request, with an open file if it is about one. That the process is gone is told by `receive`."""
        self._left = MAX_ANSWERS
        with contextlib.suppress(OSError):
            if self._socket and file:
                line = json.dumps(dict(request), default=os.fspath).encode("ascii") + b"\n"
                sent = socket.send_fds(self._socket, [line], [file.fileno()])
                self._socket.sendall(line[sent:])
            elif self._socket:
                self._socket.sendall(json.dumps(dict(request), default=os.fspath).encode("ascii") + b"\n")
            else:
                assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
                named = {"file": str(Path(file.name).absolute())} if file else {}
                self._process.stdin.write(json.dumps({**request, **named}, default=os.fspath).encode("ascii") + b"\n")
                self._process.stdin.flush()

    def receive(self, deadline: float) -> bytearray | Ending:
        """The next frame, waited for until `deadline` of `time.monotonic`; where none comes, the process is stopped."""
        with contextlib.suppress(queue.Empty):
            return self._frames.get(timeout=max(deadline - time.monotonic(), 0)) or self._end()
        # What was said in time counts, however long this process was stopped or busy.
        late = time.monotonic() - deadline > GRACE / 10
        with contextlib.suppress(queue.Empty):
            return self._frames.get(timeout=GRACE if late else 0) or self._end()
        return self.stop()

    def _end(self) -> Ending:
        """How a process ended that says no more; one that goes on all the same is stopped."""
        return replace(self.stop(seconds=GRACE), timed_out=False)

    def stop(self, seconds: float = 0) -> Ending:
        """End the process, with all it started, unless it ends by itself within `seconds`; tells how it ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        code = self._process.poll()
        if self._leads:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        # It closes its end of the pipe by itself; something that outlives the process may hold the other.
        self._receiver.join(GRACE)
        for stream in (self._socket, self._process.stdin):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        return Ending(signal.Signals(-code).name if code and code < 0 else None, timed_out=code is None)

    def _receive_all(self, stream: IO[bytes]) -> None:
        """Put what the process says into the queue, frame by frame, and None at its end."""
        with stream:
            while frame := _receive(stream, self._left - COST):
                self._left -= COST + len(frame)
                self._frames.put(frame)
        self._frames.put(None)


def _receive(stream: IO[bytes], most: int) -> bytearray | None:
    header = stream.read(FRAME.size)
    left = FRAME.unpack(header)[0] if len(header) == FRAME.size else 0
    if left > most:
        return None
    frame = bytearray()
    # What is claimed is not allocated before it is here.
    while left and (data := stream.read(min(left, FRAME_CHUNK))):
        frame += data
        left -= len(data)
    return None if left else frame

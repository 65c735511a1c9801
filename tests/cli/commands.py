"""Commands as a user gives them."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pyrnn2hdf5.cli import app


def run(*arguments: object, answer: str | None = None, env: dict[str, str] | None = None) -> Result:
    """Run a command in this process; `answer` is what is typed."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=answer, env=env)


def outputs(*arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command; what it does not catch is raised."""
    done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def into_fifo(fifo: Path, command: Callable[[Path], Result]) -> bytes:
    """What a good command writes into a FIFO, which stays one."""
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()), daemon=True)
    reader.start()
    assert command(fifo).exit_code == 0
    assert fifo.is_fifo()
    reader.join()
    return read[0]


def on_terminal(width: int, *arguments: object, piped: str = "", **environment: str) -> tuple[int, str, str]:
    """Run a command on a terminal of so many columns: exit code, what it got, and what went to the stream `piped`."""
    fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    changed = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "pyrnn2hdf5", *map(str, arguments)],
        stdin=theirs,
        stdout=subprocess.PIPE if piped == "stdout" else theirs,
        stderr=subprocess.PIPE if piped == "stderr" else theirs,
        env={**changed, "TERM": "xterm-256color", **environment},
        encoding="utf-8",
    )
    os.close(theirs)
    got = b""
    # The terminal is gone when the last process on it is.
    with contextlib.suppress(OSError):
        while data := os.read(ours, 2**16):
            got += data
    os.close(ours)
    stdout, stderr = process.communicate()
    return process.returncode, got.decode("utf-8").replace("\r\n", "\n"), stdout or stderr or ""


def module(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own."""
    command: list[str | bytes] = [sys.executable, "-m", "pyrnn2hdf5", *map(os.fsencode, map(str, arguments))]
    return subprocess.run(command, capture_output=True, check=False)

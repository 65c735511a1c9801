"""Commands as a user gives them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner, Result

from pyrnn2hdf5.cli import app


def run(*arguments: object, answer: str | None = None, env: dict[str, str] | None = None) -> Result:
    """Run a command in this process; `answer` is what is typed."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=answer, env=env)


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


def module(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own."""
    command: list[str | bytes] = [sys.executable, "-m", "pyrnn2hdf5", *map(os.fsencode, map(str, arguments))]
    return subprocess.run(command, capture_output=True, check=False)

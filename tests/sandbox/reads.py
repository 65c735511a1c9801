"""Functions for a process that reads, by their names: each misbehaves in its way."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from pyrnn2hdf5.limits import Limits

Tell = Callable[[object], object]


def crash(file: IO[bytes], limits: Limits, tell: Tell) -> object:
    tell("before")
    os.kill(os.getpid(), signal.SIGBUS)
    raise AssertionError


def vanish(file: IO[bytes], limits: Limits, tell: Tell) -> object:
    os._exit(0)


def fail(file: IO[bytes], limits: Limits, tell: Tell) -> object:
    raise ZeroDivisionError


def lie(file: IO[bytes], limits: Limits, tell: Tell) -> object:
    """Say what is no message."""
    os.write(1, bytes([4, *[0] * 7]) + b"[1]{")
    time.sleep(60)
    raise AssertionError


def claim(file: IO[bytes], limits: Limits, tell: Tell) -> object:
    """Claim an answer of 2**60 bytes."""
    os.write(1, (2**60).to_bytes(8, "little") + b"x")
    time.sleep(60)
    raise AssertionError


def sleep(file: IO[bytes], limits: Limits, tell: Tell) -> object:
    tell(os.getpid())
    time.sleep(60)
    raise AssertionError


def spin(file: IO[bytes], limits: Limits, tell: Tell) -> object:
    tell(os.getpid())
    while True:
        pass


def answer(file: IO[bytes], limits: Limits, tell: Tell, *, size: int) -> object:
    """Much at once, and then no end."""
    return "done" * size


def describe(file: IO[bytes], limits: Limits, tell: Tell) -> object:
    """What this process is: its id, its environment, its interpreter, and what it has open."""
    opened = [str(handle.readlink()) for handle in Path("/proc/self/fd").iterdir() if handle.exists()]
    return {
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "isolated": bool(sys.flags.isolated and sys.flags.no_site),
        "numpy": "numpy" in sys.modules,
        "open": [name for name in opened if name != f"/proc/{os.getpid()}/fd"],
        "content": file.read(10).hex(),
    }


def write(file: IO[bytes], limits: Limits, tell: Tell, *, target: str) -> object:
    with Path(target).open("wb", buffering=0) as written:
        written.write(b"x")
    return None

"""Run the command line on hostile input, and hold the promise: one line, exit 1, bounded, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from pyrnn2hdf5.cli import app

MIB: Final = 2**20
MEMORY: Final = 600 * MIB
SECONDS: Final = 20.0


@dataclass(frozen=True)
class Done:
    """How a run ended: exit code, streams, and what it took in seconds and in bytes of the largest process."""

    code: int
    stdout: str
    stderr: str
    seconds: float = 0.0
    memory: int = 0


def here(*arguments: object) -> Done:
    """Run in this process; the file is read by a process of its own all the same."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


# A process inherits the peak of the one that started it: a small one stands between this and it. Readers and
# workers that are left by who started them come back to the small one, which counts them, and waits for each.
LAUNCHER: Final = """
import ctypes, os, resource, subprocess, sys
if sys.platform == "linux":
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
code = subprocess.call(sys.argv[2:])
try:
    while True:
        os.wait()
except ChildProcessError:
    pass
os.write(int(sys.argv[1]), str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss).encode())
sys.exit(code if code >= 0 else 128 - code)
"""


def measured(*arguments: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> Done:
    """Run in a process of its own, and measure it with every process that comes of it, until the last has ended."""
    reader, writer = os.pipe()
    command: list[str | bytes] = [sys.executable, "-S", "-c", LAUNCHER, str(writer)]
    command += [sys.executable, "-m", "pyrnn2hdf5", *(os.fsencode(str(item)) for item in arguments)]
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, cwd=cwd, env=env, pass_fds=[writer], check=False)
    seconds = time.monotonic() - start
    os.close(writer)
    with os.fdopen(reader) as peak:
        memory = int(peak.read()) * (1 if sys.platform == "darwin" else 1024)
    texts = [stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr)]
    return Done(done.returncode, texts[0], texts[1], seconds, memory)


def hold_promise(done: Done) -> str:
    """Assert that an input was refused as promised; returns the line that says why."""
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 5000
    assert not [char for char in done.stderr[:-1] if not char.isprintable()]
    assert done.seconds < SECONDS
    assert done.memory < MEMORY
    return done.stderr


def refused(folder: Path, content: bytes, *options: object, apart: bool = False) -> str:
    """Convert a file of this content in an empty folder: refused, and nothing new is there afterwards."""
    source = folder / "hostile.pyrnn"
    source.write_bytes(content)
    before = sorted(path.name for path in folder.iterdir())
    done = (measured if apart else here)("convert", source, *options)
    line = hold_promise(done)
    assert line.startswith(f"error: {source}: ")
    assert sorted(path.name for path in folder.iterdir()) == before
    assert source.read_bytes() == content
    return line

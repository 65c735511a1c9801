"""Processes started by exec: where none can be started, where no descriptor can be handed over, and what they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from pyrnn2hdf5.errors import CorruptPickleError, LoadLimitError, ReaderError
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.pyrnn.reader import load_pyrnn, read_pyrnn
from pyrnn2hdf5.sandbox import process as processes
from pyrnn2hdf5.sandbox.bounded import bounded
from pyrnn2hdf5.sandbox.process import Ending, Process

from ..conftest import MODELS, ROOT
from . import reads

SOURCE = MODELS / "digits.pyrnn.gz"
CHILD = "pyrnn2hdf5.sandbox.child"


@pytest.mark.parametrize("executable", ["", None, "/nowhere/python", "/bin/true"])
def test_without_an_interpreter_nothing_is_read_unless_that_is_allowed(
    executable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(ReaderError) as caught:
        load_pyrnn(SOURCE)
    assert caught.value.remedy == "in_process"
    assert load_pyrnn(SOURCE, limits=Limits(in_process=True)).No == 25


def test_a_frozen_program_is_no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(ReaderError, match="allow it to be read in this process"):
        load_pyrnn(SOURCE)


def test_where_no_descriptor_can_be_handed_over_the_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # As on Windows.
    expected = read_pyrnn(SOURCE)[1]
    monkeypatch.setattr(processes, "PASSES_DESCRIPTORS", False)
    assert read_pyrnn(SOURCE)[1] == expected
    assert str(SOURCE) in bounded(f"{reads.__name__}:describe", SOURCE, Limits(), CorruptPickleError)["open"]
    with pytest.raises(CorruptPickleError, match="loading ended by SIGBUS"):
        bounded(f"{reads.__name__}:crash", SOURCE, Limits(), CorruptPickleError)
    with pytest.raises(LoadLimitError, match="time to load"):
        bounded(f"{reads.__name__}:sleep", SOURCE, Limits(seconds=0.2), CorruptPickleError)


def test_how_a_process_ended_is_told() -> None:
    process = Process(CHILD)
    assert process.stop() == Ending(timed_out=True)
    assert process.stop().signal_name == "SIGKILL"
    process = Process(CHILD)
    os.kill(process._process.pid, signal.SIGTERM)
    assert process.receive(time.monotonic() + 60) == Ending("SIGTERM")
    # What is sent to a process that is gone is an error of nobody.
    process.send({"read": "x"})


def test_a_process_leaves_no_descriptor_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    def receive_and_dawdle(stream: IO[bytes], most: int) -> bytearray | None:
        frame = receive(stream, most)
        if not frame:
            time.sleep(0.1)
        return frame

    receive = processes._receive
    load_pyrnn(SOURCE)
    before = count()
    # The thread that hears of the end is as slow as on a busy machine.
    monkeypatch.setattr(processes, "_receive", receive_and_dawdle)
    for _ in range(3):
        load_pyrnn(SOURCE)
        assert count() == before


def outlives(pid: int, seconds: float) -> bool:
    """Whether a process is still there after some time; it is not left behind."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not Path(f"/proc/{pid}").exists():
            return False
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return True


@pytest.mark.parametrize("doing", ["reading", "waiting for a request"])
def test_a_killed_caller_leaves_no_process_behind_its_limit(doing: str) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pyrnn2hdf5.errors import CorruptPickleError\n"
        "from pyrnn2hdf5.limits import Limits\n"
        "from pyrnn2hdf5.sandbox.bounded import Reader, bounded\n"
        "say = lambda pid: print(pid, flush=True)\n"
        "if sys.argv[3] == 'reading':\n"
        "    bounded('tests.sandbox.reads:spin', sys.argv[2], Limits(seconds=1), CorruptPickleError, hear=say)\n"
        "say(Reader().start()._process.pid)\n"
        "input()\n"
    )
    command = [sys.executable, "-c", script, str(ROOT), str(SOURCE), doing]
    caller = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    pid = int(caller.stdout.readline())
    caller.kill()
    caller.communicate()
    assert not outlives(pid, 60)

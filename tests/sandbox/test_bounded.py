"""Reading in a bounded process: memory, time and crashes of a file stay its own."""

from __future__ import annotations

import gzip
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pyrnn2hdf5.errors import CorruptPickleError, LoadLimitError, Pyrnn2Hdf5Error, SourceError, UnsafePickleError
from pyrnn2hdf5.limits import DEFAULT_LIMITS, Limits
from pyrnn2hdf5.model.model import Model, arrays_of
from pyrnn2hdf5.pyrnn.findings import SourceFacts
from pyrnn2hdf5.pyrnn.reader import load_pyrnn, read_pyrnn
from pyrnn2hdf5.sandbox import process as child
from pyrnn2hdf5.sandbox.bounded import bounded

from ..conftest import MODELS
from ..hostile_pickles import MONSTERS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA bounds all allocations on Linux only")

MIB = 2**20


@pytest.mark.parametrize("what", MONSTERS)
def test_monsters_end_in_bounds(tmp_path: Path, what: str) -> None:
    make, message = MONSTERS[what]
    path = tmp_path / "m"
    path.write_bytes(make())
    start = time.monotonic()
    with pytest.raises(Pyrnn2Hdf5Error, match=message):
        load_pyrnn(path, limits=Limits(seconds=10))
    assert time.monotonic() - start < 20
    # The next model of the same process is as it ever was.
    assert load_pyrnn(MODELS / "digits.pyrnn.gz").No == 25


def test_time_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "m.gz"
    path.write_bytes(gzip.compress(b"\x80\x02" + b"N0" * 100 * MIB + b"N."))
    with pytest.raises(LoadLimitError, match=r"time to load: expected at most 0.2 s, got more \(see --max-seconds\)"):
        load_pyrnn(path, limits=Limits(seconds=0.2))


def test_memory_is_limited_by_the_option(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"\x80\x04\x8e" + struct.pack("<Q", 300 * MIB) + b"short")
    with pytest.raises(LoadLimitError, match=r"memory to load: expected at most 16 MiB, got more \(see --max-memory\)"):
        load_pyrnn(path, limits=Limits(memory=16 * MIB))
    with pytest.raises(CorruptPickleError, match="malformed pickle: pickle data was truncated"):
        load_pyrnn(path)


def test_child_and_parent_agree() -> None:
    for path in sorted(MODELS.iterdir()):
        model, facts = read_pyrnn(path)
        here, here_facts = _read(path, DEFAULT_LIMITS, ignore_checksum=False)
        assert facts == here_facts
        assert (model.codec, model.line_normalizer, model.normalize, model.source, model.notes) == (
            here.codec, here.line_normalizer, here.normalize, here.source, here.notes,
        )  # fmt: skip
        left, right = arrays_of(model.network), arrays_of(here.network)
        assert all(left[name].tobytes() == right[name].tobytes() for name in left)
        assert model.training is not None
        assert here.training is not None
        for name, value in vars(here.training).items():
            assert np.array_equal(getattr(model.training, name), value)


def test_errors_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"cos\nsystem\n.")
    with pytest.raises(UnsafePickleError, match=r"^refused global os\.system: not part of"):
        load_pyrnn(path)
    with pytest.raises(FileNotFoundError) as caught:
        load_pyrnn(tmp_path / "no")
    assert caught.value.filename == str(tmp_path / "no")
    with pytest.raises(SourceError):
        load_pyrnn(tmp_path)


def crash() -> tuple[Model, SourceFacts]:
    os.kill(os.getpid(), signal.SIGBUS)
    raise AssertionError


def vanish() -> tuple[Model, SourceFacts]:
    os._exit(0)


def fail() -> tuple[Model, SourceFacts]:
    raise ZeroDivisionError


def test_a_crash_is_told_by_its_signal() -> None:
    with pytest.raises(CorruptPickleError, match="loading ended by SIGBUS"):
        bounded(crash, DEFAULT_LIMITS, CorruptPickleError)


def test_an_end_without_result_is_an_error() -> None:
    with pytest.raises(CorruptPickleError, match="loading ended without a result"):
        bounded(vanish, DEFAULT_LIMITS, CorruptPickleError)


def test_an_unexpected_error_is_one_of_ours() -> None:
    with pytest.raises(CorruptPickleError, match="malformed file: ZeroDivisionError"):
        bounded(fail, DEFAULT_LIMITS, CorruptPickleError)


def test_nothing_is_said_by_the_interpreter(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"\x80\x05\x96" + struct.pack("<Q", 2**30) + b"a" * 300_000)
    with pytest.raises(Pyrnn2Hdf5Error):
        load_pyrnn(path)
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_ends_the_child_too() -> None:
    def sleep() -> tuple[Model, SourceFacts]:
        time.sleep(60)
        raise AssertionError

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            bounded(sleep, DEFAULT_LIMITS, CorruptPickleError)
    finally:
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_what_a_child_said_in_time_counts_however_late_it_is_heard() -> None:
    started = child.start(lambda: b"done" * 2**18, 0.1)
    time.sleep(0.5)
    assert child.finish(started).message == b"done" * 2**18


def test_more_memory_than_the_system_can_count_is_no_limit() -> None:
    assert load_pyrnn(MODELS / "digits.pyrnn.gz", limits=Limits(memory=10**25)).Ni == 32


def test_a_stop_during_the_fork_leaves_no_child(tmp_path: Path) -> None:
    # In a process of its own, for what is registered at fork stays.
    script = tmp_path / "script.py"
    script.write_text(
        "import os, signal\n"
        "from pyrnn2hdf5 import child\n"
        # Ignored where the tests themselves run in the background of a script.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "try:\n"
        "    child.start(signal.pause, 60, leads=True)\n"
        "except KeyboardInterrupt:\n"
        "    try:\n"
        "        os.waitpid(-1, os.WNOHANG)\n"
        "    except ChildProcessError:\n"
        "        print('no child')\n"
    )
    assert subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60).stdout == "no child\n"

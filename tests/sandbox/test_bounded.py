"""Reading in a bounded process: memory, time and crashes of a file stay its own."""

from __future__ import annotations

import gzip
import os
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyrnn2hdf5.errors import CorruptPickleError, LoadLimitError, Pyrnn2Hdf5Error, SourceError, UnsafePickleError
from pyrnn2hdf5.limits import DEFAULT_LIMITS, Limits
from pyrnn2hdf5.model.network import arrays_of
from pyrnn2hdf5.pyrnn.reader import load_pyrnn, read_pyrnn
from pyrnn2hdf5.sandbox.bounded import Reader, bounded
from pyrnn2hdf5.sandbox.process import KEPT, THREADS, Process

from ..conftest import MODELS
from ..hostile_pickles import MONSTERS
from . import reads

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA bounds all allocations on Linux only")

MIB = 2**20
SOURCE = MODELS / "digits-plain.pyrnn"
HERE = Limits(in_process=True)


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
    with pytest.raises(LoadLimitError, match=r"time to load: expected at most 0.2 s, got more$") as caught:
        load_pyrnn(path, limits=Limits(seconds=0.2))
    assert caught.value.remedy == "seconds"


def test_memory_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"\x80\x04\x8e" + struct.pack("<Q", 300 * MIB) + b"short")
    with pytest.raises(LoadLimitError, match=r"memory to load: expected at most 16 MiB, got more$") as caught:
        load_pyrnn(path, limits=Limits(memory=16 * MIB))
    assert caught.value.remedy == "memory"
    with pytest.raises(CorruptPickleError, match="malformed pickle: pickle data was truncated; it is damaged"):
        load_pyrnn(path)


def test_a_process_and_this_one_read_the_same() -> None:
    for path in sorted(MODELS.iterdir()):
        model, facts = read_pyrnn(path)
        here, here_facts = read_pyrnn(path, limits=HERE)
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


def read(name: str, limits: Limits = DEFAULT_LIMITS, **options: Any) -> Any:
    """Have a fixture read by a function of `reads`."""
    return bounded(f"{reads.__name__}:{name}", SOURCE, limits, CorruptPickleError, **options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crash", "loading ended by SIGBUS: the file nests too deep or is made to crash a reader"),
        ("vanish", "loading ended without a result"),
        ("fail", "malformed file: ZeroDivisionError"),
        ("lie", "loading ended without a result"),
        ("claim", "loading ended without a result"),
    ],
)
def test_a_process_that_misbehaves_is_an_error_of_the_file(name: str, message: str) -> None:
    with pytest.raises(CorruptPickleError, match=message):
        read(name)


def test_what_was_told_before_a_crash_is_heard() -> None:
    heard: list[str] = []
    with pytest.raises(CorruptPickleError):
        read("crash", hear=heard.append)
    assert heard == ["before"]


def test_an_unexpected_error_in_this_process_is_one_of_ours_too() -> None:
    with pytest.raises(CorruptPickleError, match="malformed file: ZeroDivisionError"):
        read("fail", HERE)


def test_a_process_has_next_to_nothing_of_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the caller")
    found = read("describe")
    assert found["pid"] != os.getpid()
    assert set(found["environment"]) <= {*KEPT, *THREADS, "LC_CTYPE"}
    assert (found["isolated"], found["numpy"], found["content"]) == (
        True,
        False,
        SOURCE.read_bytes()[:10].hex(),
    )
    # Its three streams, and the file.
    assert len(found["open"]) <= 5
    assert str(SOURCE) in found["open"]


def test_a_process_writes_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File too large"):
        read("write", target=str(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == b""


def test_many_files_are_read_by_one_process_until_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with Reader() as reader:
        first, second = (read("describe", reader=reader)["pid"] for _ in range(2))
        assert first == second
        with pytest.raises(CorruptPickleError):
            read("fail", reader=reader)
        third = read("describe", reader=reader)["pid"]
        assert third != first
        monkeypatch.setattr("pyrnn2hdf5.sandbox.bounded.MAX_READS", 2)
        assert read("describe", reader=reader)["pid"] == third
        assert read("describe", reader=reader)["pid"] != third
        with pytest.raises(FileNotFoundError):
            load_pyrnn("nothing")


def test_nothing_is_said_by_the_interpreter(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"\x80\x05\x96" + struct.pack("<Q", 2**30) + b"a" * 300_000)
    with pytest.raises(Pyrnn2Hdf5Error):
        load_pyrnn(path)
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_ends_the_process_too() -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    def hear(pid: int) -> None:
        # As soon as it is at work.
        pids.append(pid)
        signal.setitimer(signal.ITIMER_REAL, 0.1)

    pids: list[int] = []
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            read("sleep", hear=hear)
    finally:
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_what_a_process_said_in_time_counts_however_late_it_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = Process.receive

    def late(process: Process, deadline: float) -> Any:
        time.sleep(0.5)
        return receive(process, deadline)

    monkeypatch.setattr(Process, "receive", late)
    assert read("answer", Limits(seconds=0.1), size=2**18) == "done" * 2**18


def test_more_memory_than_the_system_can_count_is_no_limit() -> None:
    assert load_pyrnn(MODELS / "digits.pyrnn.gz", limits=Limits(memory=10**25)).Ni == 32

"""The process that reads a file: whatever becomes of it costs that file alone, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pyrnn2hdf5.errors import CorruptPickleError, LoadLimitError, Pyrnn2Hdf5Error, ReaderError
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.pyrnn import reader as pyrnn
from pyrnn2hdf5.pyrnn.reader import load_pyrnn, read_pyrnn
from pyrnn2hdf5.sandbox import bounded as sandbox
from pyrnn2hdf5.sandbox import process
from pyrnn2hdf5.sandbox.bounded import Reader, bounded

from ..conftest import MODELS, ROOT
from ..hostile_pickles import MONSTERS, TAMPERING, evil
from ..pickles import dump, recognizer
from .conftest import CANARY
from .processes import WAIT, descendants, gone, open_files, started
from .promise import MEMORY, MIB, SECONDS, here, hold_promise, measured

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only; looks into /proc")

SOURCE = MODELS / "digits.pyrnn.gz"
COMMAND = [sys.executable, "-m", "pyrnn2hdf5"]
READS = "tests.hostile.reads"
SPINNING = MONSTERS["equal hashes"][0]()

ENDED = "loading ended without a result: the file is damaged, or made to crash a reader"
TOO_LONG = "time to load: expected at most 1 s, got more"
BROKEN = {
    "hang": TOO_LONG,
    "spin": TOO_LONG,
    "stop_itself": TOO_LONG,
    "crash": "loading ended by SIGSEGV: the file nests too deep or is made to crash a reader",
    "vanish": ENDED,
    "swell": "memory to load: expected at most 64 MiB, got more",
    "say_garbage": ENDED,
    "say_garbage_and_hang": ENDED,
    "promise_much": ENDED,
    "promise_little_less": TOO_LONG,
    "drip": TOO_LONG,
    "drip_answers": TOO_LONG,
    "flood": f"{ENDED}|{TOO_LONG}",
    "say_nothing_long": ENDED,
    "leave_a_child": f"{ENDED}|{TOO_LONG}",
    "answer_a_number": ENDED,
    "answer_a_pair": ENDED,
    "raise_what_is_no_error": ENDED,
}
LIMITS = Limits(memory=64 * 2**20, seconds=1)


@pytest.fixture(params=[True, False], ids=["descriptors", "names"])
def passing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether open files are handed over, or named as on Windows."""
    monkeypatch.setattr(process, "PASSES_DESCRIPTORS", request.param)
    return bool(request.param)


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_reader_costs_one_file(what: str, passing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if what == "leave_a_child" and not passing:
        pytest.skip("without a session of its own a process does not take its children with it")
    before = descendants(os.getpid())
    start = time.monotonic()
    with Reader() as reader:
        with monkeypatch.context() as patch:
            patch.setattr(pyrnn, "READ", f"{READS}:{what}")
            with pytest.raises((CorruptPickleError, LoadLimitError)) as caught:
                read_pyrnn(SOURCE, limits=LIMITS, reader=reader)
        assert str(caught.value) in BROKEN[what].split("|")
        assert read_pyrnn(SOURCE, reader=reader)[0].No == 25
    assert time.monotonic() - start < SECONDS
    assert descendants(os.getpid()) <= before


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_reader_is_one_line(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--max-seconds", 1, "--max-memory", "64M")
    with monkeypatch.context() as patch:
        for name in ("READ", "EXAMINE"):
            patch.setattr(pyrnn, name, f"{READS}:{what}")
        for arguments in (("convert", SOURCE, "-o", tmp_path / "x.hdf5"), ("show", SOURCE)):
            done = here(*arguments, *options)
            if arguments[0] == "show":
                # Of the file itself there is still something to be shown.
                assert (done.code, done.stderr.count("\n"), "Traceback" in done.stderr) == (1, 1, False)
            else:
                hold_promise(done)
            assert any(message in done.stderr for message in BROKEN[what].split("|"))
    assert list(tmp_path.iterdir()) == []
    assert here("convert", SOURCE, "-o", tmp_path / "x.hdf5").code == 0


@pytest.mark.parametrize("program", ["this", "no.such.program", READS])
def test_a_program_that_is_no_reader(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "CHILD_PROGRAM", program)
    monkeypatch.setattr(sandbox, "START_SECONDS", 1.0)
    with pytest.raises((ReaderError, CorruptPickleError)):
        load_pyrnn(SOURCE)
    monkeypatch.undo()
    assert load_pyrnn(SOURCE).No == 25


def test_nothing_is_written(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"precious")
    for target in (old, new):
        with pytest.raises(OSError, match="File too large"):
            bounded(f"{READS}:write", SOURCE, LIMITS, CorruptPickleError, target=str(target))
    assert (old.read_bytes(), new.read_bytes()) == (b"precious", b"")


def test_few_files_are_opened() -> None:
    assert bounded(f"{READS}:open_many", SOURCE, LIMITS, CorruptPickleError) < 64


def refuse(path: Path) -> None:
    with pytest.raises(Pyrnn2Hdf5Error):
        load_pyrnn(path)


def test_two_hundred_refused_files_leave_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"cos\nsystem\n.")
    refuse(path)
    files, processes, threads = open_files(), descendants(os.getpid()), threading.active_count()
    with Reader() as reader:
        for _ in range(100):
            with pytest.raises(Pyrnn2Hdf5Error):
                read_pyrnn(path, reader=reader)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(refuse, [path] * 100))
    end = time.monotonic() + WAIT
    # The thread that listens to a reader closes its pipe when that is gone.
    while (open_files(), threading.active_count()) > (files, threads) and time.monotonic() < end:
        time.sleep(0.05)
    # Fewer, where a thread of the first one had not ended yet when they were counted.
    assert (open_files(), threading.active_count()) <= (files, threads)
    assert threading.active_count() <= threads
    # No zombie either.
    assert descendants(os.getpid()) == processes


def test_what_is_no_file_leaves_nothing_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    files = open_files()
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "no", Path(os.devnull)):
        with pytest.raises((Pyrnn2Hdf5Error, OSError)):
            load_pyrnn(path)
    assert open_files() == files


@pytest.mark.parametrize(
    "arguments",
    [("convert", "a.pyrnn"), ("convert", "."), ("show", "a.pyrnn"), ("show", "."), ("verify", "a.pyrnn", "b.pyrnn")],
)
def test_a_killed_parent_leaves_no_process_after_the_limit(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    for name in ("a.pyrnn", "b.pyrnn"):
        (tmp_path / name).write_bytes(SPINNING)
    command = [*COMMAND, *arguments, "--max-seconds", "1"]
    parent = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Of a folder to convert there are two processes for each, a worker and its reader.
    processes = started(parent.pid, 2 if arguments == ("convert", ".") else 1)
    time.sleep(0.3)
    processes |= descendants(parent.pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone(processes)
    assert not list(tmp_path.glob("*.hdf5"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("arguments", ["convert a.pyrnn", "convert . -j 2", "show . -j 2"])
def test_no_process_outlives_an_interrupt(tmp_path: Path, arguments: str, number: signal.Signals) -> None:
    for name in ("a.pyrnn", "b.pyrnn", "c.pyrnn"):
        (tmp_path / name).write_bytes(SPINNING)
    command = [*COMMAND, *arguments.split()]
    parent = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    processes = started(parent.pid, 2 if "." in arguments.split() else 1)
    time.sleep(1)
    processes |= descendants(parent.pid)
    parent.send_signal(number)
    parent.wait(timeout=WAIT)
    # Long before the limit, which is 15 seconds.
    assert gone(processes, 5)


def test_an_archive_of_monsters_keeps_the_bounds(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    for what in ("memo index", "many None", "nested dict key", "equal hashes"):
        (folder / f"{what}.pyrnn").write_bytes(MONSTERS[what][0]())
    (folder / "good.pyrnn").write_bytes(dump(recognizer()))
    done = measured("convert", folder, "--jobs", 2, "--max-seconds", 2)
    assert (done.code, done.stdout.count("converted: ")) == (1, 1)
    assert done.stderr.count("\n") == done.stderr.count("refused: ") == 4
    assert done.seconds < SECONDS
    # What the readers of workers take is measured too.
    assert 300 * MIB < done.memory < MEMORY


@pytest.mark.parametrize("arguments", [("convert", "m"), ("convert", "."), ("show", "m"), ("verify", "m", "m")])
def test_warnings_as_errors(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    for content, code in ((dump(recognizer()), 0), (b"cos\nsystem\n.", 1), (MONSTERS["nested dict key"][0](), 1)):
        (tmp_path / "m").write_bytes(content)
        command = [sys.executable, "-W", "error", "-m", "pyrnn2hdf5", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert (done.returncode, done.stderr.count("\n")) == (code, code)
        assert "Warning" not in done.stderr


@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams(tmp_path: Path, streams: str) -> None:
    (tmp_path / "good.pyrnn").write_bytes(dump(recognizer()))
    (tmp_path / "bad.pyrnn").write_bytes(b"cos\nsystem\n.")
    for arguments, code in (("bad.pyrnn", 1), (".", 1), ("good.pyrnn --force", 0)):
        (tmp_path / "good.hdf5").unlink(missing_ok=True)
        command = f"'{sys.executable}' -m pyrnn2hdf5 convert {arguments} {streams}"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == code
        assert "Traceback" not in done.stderr
        assert (tmp_path / "good.hdf5").exists() == (arguments != "bad.pyrnn")
        # Nothing of the way between the processes went elsewhere.
        assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".hdf5") == ["bad.pyrnn", "good.pyrnn"]


@pytest.mark.parametrize("command", ["show good.pyrnn", "show bad.pyrnn --globals", "verify good.pyrnn good.pyrnn"])
def test_closed_streams_of_what_only_reads(tmp_path: Path, command: str) -> None:
    (tmp_path / "good.pyrnn").write_bytes(dump(recognizer()))
    (tmp_path / "bad.pyrnn").write_bytes(b"cos\nsystem\n.")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for streams in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        line = f"'{sys.executable}' -m pyrnn2hdf5 {command} {streams}"
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, env=environment)
        assert "Traceback" not in done.stderr


def test_read_in_this_process_the_same_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m"
    for data in (*evil(CANARY).values(), *TAMPERING.values()):
        path.write_bytes(data)
        with pytest.raises(Pyrnn2Hdf5Error) as elsewhere:
            load_pyrnn(path)
        with pytest.raises(Pyrnn2Hdf5Error) as here_too:
            load_pyrnn(path, limits=Limits(in_process=True))
        assert here_too.value == elsewhere.value

"""Files and streams: disks that are full, files that change, processes that end, folders that are not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.errors import Pyrnn2Hdf5Error
from pyrnn2hdf5.hdf5.reader import load_hdf5
from pyrnn2hdf5.pyrnn.stream import open_source

from ..conftest import MODELS, ROOT
from ..pickles import dump, recognizer
from .processes import started
from .promise import here, hold_promise, measured

SOURCE = MODELS / "digits.pyrnn.gz"
PLAIN = MODELS / "digits-plain.pyrnn"
COMMAND = [sys.executable, "-m", "pyrnn2hdf5"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, where one may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    try:
        mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    target = small_disk / "x.hdf5"
    (small_disk / "ballast").write_bytes(bytes(40_000))
    assert hold_promise(here("convert", SOURCE, "-o", target)).endswith(f"No space left on device: {target}\n")
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]
    done = here("convert", SOURCE, PLAIN, "-o", small_disk / "all")
    assert done.code == 1
    assert "No space left on device" in done.stderr
    assert not list(small_disk.rglob("*.part"))
    (small_disk / "ballast").write_bytes(bytes(60_000))
    done = here("convert", SOURCE, PLAIN, "-o", small_disk.parent / "out", "--report", small_disk / "r.json")
    assert (done.code, list(small_disk.glob("*.json"))) in ((1, []), (0, [small_disk / "r.json"]))


def test_an_existing_target_survives_a_full_disk(small_disk: Path) -> None:
    target = small_disk / "x.hdf5"
    target.write_bytes(b"precious" * 5000)
    assert "No space left on device" in hold_promise(here("convert", SOURCE, "-o", target, "--force"))
    assert target.read_bytes() == b"precious" * 5000


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and /sys")
@pytest.mark.parametrize("folder", ["/proc", "/sys"])
def test_a_target_where_nobody_may_write(folder: str) -> None:
    line = hold_promise(here("convert", SOURCE, "-o", f"{folder}/x.hdf5"))
    assert f": {folder}/x.hdf5\n" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert "Permission denied" in hold_promise(here("convert", SOURCE, "-o", tmp_path / "x.hdf5"))
    finally:
        tmp_path.chmod(0o700)


def test_a_target_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "Not a directory" in hold_promise(here("convert", SOURCE, "-o", tmp_path / "file" / "x.hdf5"))


def test_what_is_refused_alone_leaves_no_folder(tmp_path: Path) -> None:
    source = tmp_path / "bad.pyrnn"
    source.write_bytes(b"cos\nsystem\n.")
    hold_promise(here("convert", source, "-o", tmp_path / "no" / "x.hdf5"))
    assert list(tmp_path.iterdir()) == [source]


def test_what_an_archive_refuses_leaves_no_folder(tmp_path: Path) -> None:
    source = tmp_path / "in" / "below"
    source.mkdir(parents=True)
    (source / "bad.pyrnn").write_bytes(b"cos\nsystem\n.")
    assert here("convert", tmp_path / "in", "-o", tmp_path / "out").code == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [(), ("--force",), ("--dry-run",)])
def test_a_folder_in_the_place_of_a_target_stays_as_it_is(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "m.pyrnn").write_bytes(dump(recognizer()))
    (tmp_path / "m.hdf5").mkdir()
    done = here("convert", tmp_path, *options)
    assert done.code == 1
    assert "expected a file or nothing as target, got a folder" in done.stderr
    assert list((tmp_path / "m.hdf5").iterdir()) == []


def test_the_recorded_sha256_is_that_of_the_bytes_parsed(tmp_path: Path) -> None:
    source = tmp_path / "m"
    first, second = dump(recognizer(seed=1)) * 50, dump(recognizer(seed=2)) * 50
    assert len(first) == len(second) > 2**18
    source.write_bytes(first)
    with open_source(source) as stream:
        head = stream.reader.read(1000)
        source.write_bytes(second)
        rest = stream.reader.read()
        facts = stream.finish()
    assert head == first[:1000]
    assert facts.sha256 == hashlib.sha256(head + rest).hexdigest()


def test_a_source_that_changes_all_the_time(tmp_path: Path) -> None:
    source = tmp_path / "m.pyrnn"
    contents = [dump(recognizer(30, 40, seed=seed)) for seed in (1, 2)]
    expected = {}
    for number, content in enumerate(contents):
        source.write_bytes(content)
        pyrnn2hdf5.convert(source, tmp_path / f"{number}.hdf5")
        expected[hashlib.sha256(content).hexdigest()] = load_hdf5(
            tmp_path / f"{number}.hdf5"
        ).network.softmax.W2.tobytes()
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for content in contents:
                source.write_bytes(content)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(20):
            with contextlib.suppress(Pyrnn2Hdf5Error):
                pyrnn2hdf5.convert(source, tmp_path / "x.hdf5", force=True)
                model = load_hdf5(tmp_path / "x.hdf5")
                assert model.source is not None
                if model.source.sha256 in expected:
                    assert model.network.softmax.W2.tobytes() == expected[model.source.sha256]
    finally:
        stop.set()
        changer.join()


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_two_processes_to_one_target(tmp_path: Path, options: tuple[str, ...]) -> None:
    target = tmp_path / "x.hdf5"
    whole = pyrnn2hdf5.convert(SOURCE, tmp_path / "whole.hdf5").target.read_bytes()
    command = [*COMMAND, "convert", str(SOURCE), "-o", str(target), *options]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        _, said = process.communicate()
        assert "Traceback" not in said
        # One made it; another finds it made, or made meanwhile.
        assert process.returncode == 0 or "exists; convert it to another --output, or use --force to replace" in said
    assert target.read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole.hdf5", "x.hdf5"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_a_hostile_file_is_read(tmp_path: Path, number: signal.Signals) -> None:
    source = tmp_path / "m.pyrnn"
    # A minute of equal hashes.
    source.write_bytes(b"\x80\x02}(" + b"".join(b"L%dL\nN" % (k * (2**61 - 1)) for k in range(60_000)) + b"u.")
    chance = random.Random(int(number))
    for _ in range(3):
        process = subprocess.Popen([*COMMAND, "convert", str(source)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if sys.platform == "linux":
            started(process.pid, 1)
        time.sleep(0.5 + chance.random())
        process.send_signal(number)
        start = time.monotonic()
        _, said = process.communicate(timeout=30)
        assert process.returncode in (-number, 128 + number)
        # The reader holds no stream of ours, so that a reader of them does not wait for it.
        assert time.monotonic() - start < 5
        assert said in (b"", b"interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["m.pyrnn"]


def test_a_folder_with_a_hanging_model_goes_on(tmp_path: Path) -> None:
    hanging = b"\x80\x02}(" + b"".join(b"L%dL\nN" % (k * (2**61 - 1)) for k in range(60_000)) + b"u."
    (tmp_path / "a.pyrnn").write_bytes(hanging)
    (tmp_path / "b.pyrnn").write_bytes(dump(recognizer()))
    done = here("convert", tmp_path, "--max-seconds", 2)
    assert (done.code, "converted: " in done.stdout) == (1, True)
    assert "time to load: expected at most 2 s" in done.stderr
    (tmp_path / "b.hdf5").unlink()
    done = here("convert", tmp_path, "--timeout", 4)
    assert (done.code, "converted: " in done.stdout) == (1, True)
    assert "expected at most 4 s, took longer (see --timeout)" in done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"TMPDIR": "/nowhere"},
        {"TMPDIR": "/proc"},
        {"HOME": "/nowhere"},
        {"HOME": ""},
        {},
        {"LC_ALL": "C"},
        {"PYTHONUTF8": "0", "LANG": "C"},
    ],
    ids=str,
)
def test_no_home_no_tmp_no_locale(tmp_path: Path, environment: dict[str, str]) -> None:
    name = "mod\u00e8le.pyrnn"
    (tmp_path / name).write_bytes(PLAIN.read_bytes())
    done = measured("convert", name, cwd=tmp_path, env={"PYTHONPATH": str(ROOT), **environment})
    assert (done.code, done.stderr) == (0, "")
    assert load_hdf5(tmp_path / "mod\u00e8le.hdf5").No == 25


def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd '{gone}' && rmdir '{gone}' && '{sys.executable}' -m pyrnn2hdf5 convert '{SOURCE}' -o x.hdf5"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1

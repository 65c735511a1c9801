"""One conversion as a whole: its outcome, what is left behind when it fails, what a kill leaves."""

from __future__ import annotations

import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.conversion import converter
from pyrnn2hdf5.errors import (
    InvalidInputError,
    LoadLimitError,
    Pyrnn2Hdf5Error,
    SourceError,
    TargetConflictError,
    TargetExistsError,
)
from pyrnn2hdf5.files import atomic

from ..conftest import MODELS
from ..trees import only

SOURCE = MODELS / "digits.pyrnn.gz"


def test_conversion_reports_what_it_did(tmp_path: Path) -> None:
    source = tmp_path / "digits.pyrnn.gz"
    shutil.copy(SOURCE, source)
    before = source.read_bytes()
    result = pyrnn2hdf5.convert(source)
    assert result.target == tmp_path / "digits.pyrnn.hdf5"
    assert (result.status, result.kind, result.warnings) == ("converted", "pyrnn-bidi", ())
    assert result.target_size == result.target.stat().st_size
    assert result.facts is not None
    assert result.facts.size == len(before)
    assert result.verification is not None
    assert result.verification.ok
    assert source.read_bytes() == before
    assert only(tmp_path) == ["digits.pyrnn.gz", "digits.pyrnn.hdf5"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(result.target.stat().st_mode) == 0o666 & ~umask


def test_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = pyrnn2hdf5.convert(SOURCE, tmp_path / "a.hdf5")
    time.sleep(1.1)  # HDF5 counts seconds
    second = pyrnn2hdf5.convert(SOURCE, tmp_path / "b.hdf5")
    assert first.target_sha256 == second.target_sha256
    assert first.target.read_bytes() == second.target.read_bytes()


def test_target_may_be_a_folder(tmp_path: Path) -> None:
    assert pyrnn2hdf5.convert(SOURCE, tmp_path).target == tmp_path / "digits.pyrnn.hdf5"


def test_existing_target_of_the_same_source_is_up_to_date(tmp_path: Path) -> None:
    first = pyrnn2hdf5.convert(SOURCE, tmp_path)
    changed = first.target.stat().st_mtime_ns
    again = pyrnn2hdf5.convert(SOURCE, tmp_path)
    assert (again.status, again.target_sha256) == ("up to date", first.target_sha256)
    assert first.target.stat().st_mtime_ns == changed
    assert pyrnn2hdf5.convert(SOURCE, tmp_path, force=True).status == "converted"
    said = "exists and was made with other options: it is "
    with pytest.raises(TargetExistsError, match=f"{said}neither float64 nor compressed"):
        pyrnn2hdf5.convert(SOURCE, tmp_path, float64=True)
    assert pyrnn2hdf5.convert(SOURCE, tmp_path, force=True, compress=True).status == "converted"
    assert pyrnn2hdf5.convert(SOURCE, tmp_path, compress=True).status == "up to date"
    with pytest.raises(TargetExistsError, match=f"{said}compressed") as caught:
        pyrnn2hdf5.convert(SOURCE, tmp_path)
    assert caught.value.remedy == "force"
    pyrnn2hdf5.convert(SOURCE, tmp_path, force=True, compress=True, float64=True)
    with pytest.raises(TargetExistsError, match=f"{said}float64, compressed"):
        pyrnn2hdf5.convert(SOURCE, tmp_path)


@pytest.mark.parametrize("content", [b"", b"precious", None])
def test_existing_target_of_another_source_is_kept(tmp_path: Path, content: bytes | None) -> None:
    target = tmp_path / "digits.pyrnn.hdf5"
    if content is None:
        pyrnn2hdf5.convert(MODELS / "digits-plain.pyrnn", target)
    else:
        target.write_bytes(content)
    before = target.read_bytes()
    with pytest.raises(TargetExistsError, match=r"exists and was not made from this source$") as caught:
        pyrnn2hdf5.convert(SOURCE, target)
    # What is not ours may be the only one of its kind.
    assert caught.value.remedy == ("force" if content is None else "target")
    assert target.read_bytes() == before
    assert pyrnn2hdf5.convert(SOURCE, target, force=True).status == "converted"
    assert only(tmp_path) == ["digits.pyrnn.hdf5"]


def test_source_is_never_the_target(tmp_path: Path) -> None:
    source = tmp_path / "m.hdf5"
    shutil.copy(SOURCE, source)
    link = tmp_path / "link"
    link.symlink_to(source)
    for target in (None, source, link):
        with pytest.raises(TargetConflictError, match="expected another file than the source"):
            pyrnn2hdf5.convert(source, target, force=True)
    assert source.read_bytes() == SOURCE.read_bytes()


def test_a_target_that_is_no_file_is_refused(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for force in (False, True):
        with pytest.raises(TargetExistsError, match="expected a file or nothing as target"):
            pyrnn2hdf5.convert(SOURCE, fifo, force=force)
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    # Nor is our own stdout, wherever it leads.
    out = tmp_path / "out"
    # As /dev/stdout is; that itself would be lost where this fails.
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")
    words = [sys.executable, "-m", "pyrnn2hdf5", "convert", str(SOURCE), "--force", "-o"]
    for target in (str(tmp_path / "stdout"), str(out)):
        with out.open("wb") as stdout:
            done = subprocess.run([*words, target], stdout=stdout, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 1
        assert b"expected a file or nothing as target" in done.stderr
        assert out.read_bytes() == b""


def test_what_is_forced_goes_through_links_and_keeps_permissions(tmp_path: Path) -> None:
    whole = pyrnn2hdf5.convert(SOURCE, tmp_path / "whole.hdf5").target.read_bytes()
    (tmp_path / "end").write_bytes(b"old")
    (tmp_path / "end").chmod(0o600)
    for link, end in (("link", "end"), ("dangling", "new")):
        (tmp_path / link).symlink_to(end)
        with pytest.raises(TargetExistsError):
            pyrnn2hdf5.convert(SOURCE, tmp_path / link)
        pyrnn2hdf5.convert(SOURCE, tmp_path / link, force=True)
        assert (tmp_path / link).readlink() == Path(end)
        assert (tmp_path / end).read_bytes() == whole
    assert stat.S_IMODE((tmp_path / "end").stat().st_mode) == 0o600


def test_a_target_beyond_the_limits_is_not_said_to_be_of_another_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beyond(*_: object, **__: object) -> None:
        raise LoadLimitError("memory to load: expected at most 1 MiB, got more", remedy="memory")

    pyrnn2hdf5.convert(SOURCE, tmp_path)
    monkeypatch.setattr(converter, "read_stored", beyond)
    with pytest.raises(TargetExistsError, match=r"exists and is not read within the limits: .* 1 MiB"):
        pyrnn2hdf5.convert(SOURCE, tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"garbage", SOURCE.read_bytes()[:-100], (MODELS / "digits-plain.pyrnn").read_bytes()[:-1], b"]."]
)
def test_bad_sources_leave_nothing(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "m.pyrnn"
    source.write_bytes(content)
    with pytest.raises(Pyrnn2Hdf5Error):
        pyrnn2hdf5.convert(source)
    assert only(tmp_path) == ["m.pyrnn"]


def test_hdf5_as_source_is_told_before_anything_else(tmp_path: Path) -> None:
    target = pyrnn2hdf5.convert(SOURCE, tmp_path).target
    with pytest.raises(SourceError, match="expected a pickle, got an HDF5 file"):
        pyrnn2hdf5.convert(target)


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
sys.argv = ["pyrnn2hdf5", "convert", {source!r}, "-o", {target!r}]
from pyrnn2hdf5.cli import main
main()
"""


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "x.hdf5"
    script = FULL.format(source=str(SOURCE), target=str(target))
    # Coverage could not write its own data either.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: {SOURCE}: File too large: {target}\n"
    assert only(tmp_path) == []


BEGUN = """
import signal
from pyrnn2hdf5 import cli
# Until the program listens, an interrupt would be Python's own affair, and a failure of its own.
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(flush=True)
cli.main()
"""


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [(signal.SIGKILL, -signal.SIGKILL, b""), (signal.SIGTERM, 143, b""), (signal.SIGINT, 130, b"interrupted\n")],
)
def test_a_kill_at_any_instant_leaves_no_target_or_a_whole_one(
    tmp_path: Path, number: signal.Signals, code: int, told: bytes
) -> None:
    whole = pyrnn2hdf5.convert(SOURCE, tmp_path / "whole.hdf5").target.read_bytes()
    target = tmp_path / "x.hdf5"
    command = [sys.executable, "-c", BEGUN, "convert", "-q", str(SOURCE), "-o", str(target)]

    def begin() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        return process

    process, start = begin(), time.monotonic()
    process.communicate()
    duration = time.monotonic() - start
    assert process.returncode == 0
    chance = random.Random(int(number))
    for _ in range(12):
        target.unlink(missing_ok=True)
        process = begin()
        time.sleep(chance.uniform(0, 1) * duration)
        process.send_signal(number)
        _, said = process.communicate()
        assert not target.exists() or target.read_bytes() == whole
        assert [name for name in only(tmp_path) if name.endswith(".part")] == []
        assert (process.returncode, said) in ((0, b""), (code, told))


@pytest.mark.parametrize(
    ("theirs", "options", "said"),
    [
        (SOURCE, {}, None),
        (MODELS / "digits-plain.pyrnn", {}, "exists and was not made from this source"),
        (SOURCE, {"float64": True}, "exists and was made with other options"),
        (None, {}, "exists and was not made from this source"),
    ],
)
@pytest.mark.parametrize("links", [True, False])
def test_another_one_may_convert_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: Path | None, options: Any, said: str | None, links: bool
) -> None:
    """Between the look at the target and the name it gets, another process makes that very target."""
    target = tmp_path / "new" / "m.hdf5"
    give = atomic._give_name

    def late(*arguments: Any, **how: Any) -> None:
        monkeypatch.setattr(atomic, "_give_name", give)
        if theirs:
            pyrnn2hdf5.convert(theirs, target, **options)
        else:
            target.write_bytes(b"precious")
        if not links:
            monkeypatch.setattr(atomic, "_link", without_links)
        give(*arguments, **how)

    def without_links(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(atomic, "_give_name", late)
    if said is None:
        result = pyrnn2hdf5.convert(SOURCE, target)
        assert (result.status, result.target) == ("up to date", target)
    else:
        with pytest.raises(TargetExistsError, match=said):
            pyrnn2hdf5.convert(SOURCE, target)
    assert only(target.parent) == ["m.hdf5"]


def test_the_name_of_a_target_says_no_other_format(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"^to: expected onnx as the name of the target says, got hdf5$"):
        pyrnn2hdf5.convert(SOURCE, tmp_path / "x.onnx")
    with pytest.raises(InvalidInputError, match=r"^to: expected hdf5 as the name of the target says, got onnx$"):
        pyrnn2hdf5.convert(SOURCE, tmp_path / "x.HDF5", to="onnx", verify=False)
    assert only(tmp_path) == []
    (tmp_path / "folder.onnx").mkdir()
    assert pyrnn2hdf5.convert(SOURCE, tmp_path / "folder.onnx").target.name == "digits.pyrnn.hdf5"


@pytest.mark.parametrize("to", ["foo", "", "HDF5", None])
def test_a_target_of_no_format(to: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^to: expected hdf5 or onnx, got "):
        pyrnn2hdf5.default_target("m.pyrnn", to)


@pytest.mark.parametrize("source", ["", ".", "/", ".."])
def test_a_folder_is_no_source(source: str) -> None:
    with pytest.raises(SourceError, match="expected a file, got a directory"):
        pyrnn2hdf5.convert(source)

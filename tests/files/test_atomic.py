"""A file appears under its name complete, or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pyrnn2hdf5.errors import TargetExistsError
from pyrnn2hdf5.files import atomic
from pyrnn2hdf5.files.atomic import new_file, prepare_output, write_output

from ..trees import only


@pytest.fixture(params=["nameless", "named", "no links"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways a temporary file can be kept and named, by what the file system can do."""

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if request.param != "nameless":
        monkeypatch.setattr(atomic, "_open_nameless", lambda folder: None)
    if request.param == "no links":
        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("force", [False, True])
def test_a_new_file_is_whole_or_not_there(tmp_path: Path, force: bool) -> None:
    path = tmp_path / "x"
    with new_file(path, force=force) as temporary:
        temporary.write_bytes(b"first")
        assert not path.exists()
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    with pytest.raises(ZeroDivisionError), new_file(path, force=True) as temporary:
        temporary.write_bytes(b"second")
        raise ZeroDivisionError
    assert path.read_bytes() == b"first"
    with new_file(path, force=True) as temporary:
        temporary.write_bytes(b"third")
    assert path.read_bytes() == b"third"
    assert only(tmp_path) == ["x"]
    path.unlink()
    path.mkdir()
    with pytest.raises((OSError, TargetExistsError)), new_file(path, force=force) as temporary:
        temporary.write_bytes(b"fourth")
    assert only(tmp_path) == ["x"]


@pytest.mark.usefixtures("file_system")
def test_a_target_that_comes_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(TargetExistsError), new_file(path, force=False) as temporary:
        temporary.write_bytes(b"ours")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert only(tmp_path) == ["x"]


@pytest.mark.usefixtures("file_system")
def test_what_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    for mode in (0o600, 0o640, 0o444):
        path.chmod(mode)
        with new_file(path, force=True) as temporary:
            temporary.write_bytes(b"new")
        assert (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) == (mode, b"new")


@pytest.mark.usefixtures("file_system")
def test_links_stay_and_what_they_lead_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    end = tmp_path / "in" / "end"
    (tmp_path / "link").symlink_to("in/second")
    (tmp_path / "in" / "second").symlink_to("end")
    for content in (b"where nothing was", b"where something was"):
        before = end.stat().st_ino if end.exists() else None
        with new_file(tmp_path / "link", force=True) as temporary:
            temporary.write_bytes(content)
        assert end.read_bytes() == content
        assert end.stat().st_ino != before
    assert (tmp_path / "link").readlink() == Path("in/second")
    with pytest.raises(TargetExistsError), new_file(tmp_path / "link", force=False) as temporary:
        temporary.write_bytes(b"not forced")
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(OSError, match="round") as caught, new_file(tmp_path / "round", force=True):
        pass
    assert caught.value.errno == errno.ELOOP
    assert only(tmp_path / "in") == ["end", "second"]


def test_what_is_no_file_is_written_into_by_outputs_alone(tmp_path: Path) -> None:
    # No device: that would be lost where this fails.
    fifo, link = tmp_path / "fifo", tmp_path / "link"
    os.mkfifo(fifo)
    link.symlink_to("fifo")
    for path in (fifo, link):
        for force in (False, True):
            with pytest.raises(TargetExistsError, match="got a folder, device or pipe"), new_file(path, force=force):
                pass
        prepare_output(path)
        read: list[bytes] = []
        reader = threading.Thread(target=lambda read=read: read.append(fifo.read_bytes()))
        reader.start()
        write_output(path, b"text")
        reader.join()
        assert read == [b"text"]
    assert (stat.S_ISFIFO(fifo.stat().st_mode), link.is_symlink()) == (True, True)


@pytest.mark.parametrize("path", ["stdout", "out"])
def test_our_own_stdout_is_gone_on_with(tmp_path: Path, path: str) -> None:
    # As /dev/stdout is.
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")
    script = (
        "from pathlib import Path; from pyrnn2hdf5.files.atomic import write_output\n"
        f"print('before', flush=True); write_output(Path({path!r}), b'output\\n'); print('after')"
    )
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", script], stdout=out, cwd=tmp_path, check=True)
    assert (tmp_path / "out").read_text("utf-8") == "before\noutput\nafter\n"


def test_an_output_is_prepared_or_refused(tmp_path: Path) -> None:
    prepare_output(tmp_path / "a" / "b" / "x")
    assert only(tmp_path / "a" / "b") == []
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "dangling").symlink_to("a/nothing/x")
    for path, kind in ((tmp_path / "a", IsADirectoryError), (tmp_path / "file" / "x", NotADirectoryError)):
        with pytest.raises(kind) as caught:
            prepare_output(path)
        assert caught.value.filename == str(path)
    prepare_output(tmp_path / "dangling")
    assert only(tmp_path / "a" / "nothing") == []


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="files without a name are Linux's")
@pytest.mark.parametrize("step", ["link", "replace"])
def test_a_folder_that_is_swapped_meanwhile_keeps_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    folder, target = tmp_path / "folder", tmp_path / "folder" / "x"
    folder.mkdir()
    target.write_text("old")
    done = getattr(os, step)

    def swapped(*arguments: Any, **options: Any) -> None:
        if folder.exists():
            folder.rename(tmp_path / "moved")
        done(*arguments, **options)

    monkeypatch.setattr(os, step, swapped)
    with new_file(target, force=True) as temporary:
        temporary.write_text("new")
    assert [path.name for path in (tmp_path / "moved").iterdir()] == ["x"]
    assert (tmp_path / "moved" / "x").read_text() == "new"
    assert not folder.exists()

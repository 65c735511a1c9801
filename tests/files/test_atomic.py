"""A file appears under its name complete, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from pyrnn2hdf5.errors import TargetExistsError
from pyrnn2hdf5.files import atomic
from pyrnn2hdf5.files.atomic import new_file

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

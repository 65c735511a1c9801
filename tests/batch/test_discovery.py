"""Which files of a folder are models, and which results belong to which sources."""

from __future__ import annotations

import gzip
import io
import os
import pathlib
import pickle
import pickletools
import shutil
import tarfile
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.batch.discovery import NO_MODEL, SkippedFile, source_files
from pyrnn2hdf5.batch.pairing import Pair, pairs
from pyrnn2hdf5.batch.runner import plan
from pyrnn2hdf5.files.packings import Stage, Unpacker
from pyrnn2hdf5.pyrnn.stream import archive_in_words

from ..conftest import MODELS
from ..pickles import dump, recognizer

SOURCE = MODELS / "digits.pyrnn.gz"


def test_links_out_of_the_tree_are_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "folder").symlink_to(MODELS)
    (inside / "out.pyrnn.gz").symlink_to(SOURCE)
    shutil.copy(SOURCE, inside / "a.pyrnn.gz")
    assert [job.source.name for job in plan([inside], None)] == ["a.pyrnn.gz"]


def test_what_macos_and_windows_leave_is_no_model(tmp_path: Path) -> None:
    for name in ("._a.pyrnn.gz", ".DS_Store", "Thumbs.db", "__MACOSX/a.pyrnn.gz", "b/._c.pyrnn", "b/c.pyrnn"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
    skipped: list[SkippedFile] = []
    assert source_files(tmp_path, skipped=skipped.append) == [tmp_path / "b" / "c.pyrnn"]
    assert skipped == []


def test_old_versions_in_a_repository_are_no_models(tmp_path: Path) -> None:
    for name in (".git/lfs/objects/0a/0b/x", ".hg/store/a.pyrnn.gz", "a/.svn/b.pyrnn.gz", "a/c.pyrnn.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SOURCE, tmp_path / name)
    assert source_files(tmp_path) == [tmp_path / "a" / "c.pyrnn.gz"]


def test_a_search_unpacks_little_of_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tarfile.open(tmp_path / "m.tar.bz2", "w:bz2") as archive:
        large = tarfile.TarInfo("large")
        large.size = 2**24
        archive.addfile(large, io.BytesIO(bytes(large.size)))
        archive.add(SOURCE, "d.pyrnn.gz")
    read = 0

    def count(stage: Stage, unpacked: memoryview) -> int:
        nonlocal read
        size = readinto(stage, unpacked)
        read += size if isinstance(stage, Unpacker) else 0
        return size

    readinto = Stage.readinto
    monkeypatch.setattr(Stage, "readinto", count)
    assert archive_in_words(tmp_path / "m.tar.bz2") is None
    assert 0 < read < 2**21


@pytest.mark.parametrize(
    "words",
    [
        b"cat\ndog\n",
        b"cat\ndog",
        b"index\nsearch\n\nAll of it (and more).\n",
        b"chapters\nbook\na\nb\nthe end.",
        "chats\nchiens\n\u00e9l\u00e9phants\n".encode(),
        gzip.compress(b"cat\ndog\nbird\n"),
    ],
)
def test_a_list_of_words_is_no_pickle(tmp_path: Path, words: bytes) -> None:
    (tmp_path / "words.txt").write_bytes(words)
    skipped: list[SkippedFile] = []
    assert source_files(tmp_path, skipped=skipped.append) == []
    assert skipped == [SkippedFile(tmp_path / "words.txt", NO_MODEL)]


@pytest.mark.parametrize("optimized", [False, True])
@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_a_pickle_that_begins_with_a_name_is_no_list_of_words(tmp_path: Path, protocol: int, optimized: bool) -> None:
    data = pickle.dumps(pathlib.PurePosixPath("x"), protocol)
    (tmp_path / "a").write_bytes(pickletools.optimize(data) if optimized else data)
    (tmp_path / "b").write_bytes(b"cos\nsystem\n(S'x'\ntR.")
    (tmp_path / "c").write_bytes(b"cos\nsystem\nX\1\0\0\0x\x85R.")
    (tmp_path / "d").write_bytes(b"(iocrolib.lstm\nSeqRecognizer\np0\n(dp1\nb.")
    assert [path.name for path in source_files(tmp_path)] == ["a", "b", "c", "d"]


def test_models_are_found_by_content(tmp_path: Path) -> None:
    for name in ("x.txt", "y"):
        shutil.copy(SOURCE, tmp_path / name)
    (tmp_path / "p0").write_bytes(dump(recognizer()))
    for name, content in (
        ("a.pyrnn", b"(text"),
        ("b.pyrnn.txt", b"(text"),
        ("b.gz", b"\x1f\x8bno"),
        ("c.txt", b"[red]"),
        ("d", b""),
        ("e", b"cat"),
    ):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "y")
    (tmp_path / "in" / "out").symlink_to(SOURCE)
    os.mkfifo(tmp_path / "fifo")
    assert [str(path.relative_to(tmp_path)) for path in source_files(tmp_path)] == [
        *("a.pyrnn", "p0", "x.txt", "y", "in/link")
    ]


def test_an_hdf5_file_is_the_source_of_the_onnx_made_from_it(tmp_path: Path) -> None:
    stored, other, made = (tmp_path / name for name in ("m.hdf5", "other.hdf5", "sub/m.onnx"))
    pyrnn2hdf5.convert(MODELS / "digits.pyrnn.gz", stored)
    pyrnn2hdf5.convert(MODELS / "digits-nolnorm.pyrnn.gz", other)
    made.parent.mkdir()
    pyrnn2hdf5.convert(stored, made, to="onnx", verify=False)
    assert pairs(tmp_path, tmp_path) == ([Pair(stored, made)], [other])
    assert pairs(tmp_path, made.parent) == ([Pair(stored, made)], [])
    stored.unlink()
    assert pairs(tmp_path, made.parent) == ([], [made])

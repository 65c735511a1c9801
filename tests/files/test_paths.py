"""Names of results, and targets that two sources would share."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.errors import SizeLimitError
from pyrnn2hdf5.files.paths import sha256_of, text_target
from pyrnn2hdf5.limits import Limits


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("en-default.pyrnn.gz", "en-default.pyrnn.hdf5"),
        ("en-default.pyrnn", "en-default.hdf5"),
        ("a.b/model", "a.b/model.hdf5"),
        (".pyrnn", ".pyrnn.hdf5"),
    ],
)
def test_targets_are_named_as_kraken_names_them(source: str, target: str) -> None:
    assert pyrnn2hdf5.default_target(source) == Path(target)


@pytest.mark.parametrize(
    ("image", "target"),
    [("a.png", "a.txt"), ("d/a.bin.png", "d/a.txt"), ("a.b.dew.tif", "a.b.txt"), ("a.1", "a.txt"), ("a", "a.txt")],
)
def test_names_of_texts(image: str, target: str) -> None:
    assert text_target(Path(image), ".txt") == Path(target)


@pytest.mark.parametrize("size", [2, 3, 2**16, 2**16 + 1])
def test_hashing_up_to_the_limit_of_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "m.pyrnn"
    path.write_bytes(b"x" * size)
    assert sha256_of(path, Limits(size=size)) == hashlib.sha256(b"x" * size).hexdigest()
    with pytest.raises(SizeLimitError, match="file size: expected at most"):
        sha256_of(path, Limits(size=size - 1))


def test_nothing_of_a_sparse_file_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.pyrnn"
    path.touch()
    os.truncate(path, 100 * 2**30)
    monkeypatch.setattr(hashlib, "sha256", lambda: None)
    with pytest.raises(SizeLimitError):
        sha256_of(path)

"""What lies in the model directory, and what of it is stale."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.conversion.model_directory import list_models, model_directory
from pyrnn2hdf5.conversion.model_lookup import find_model

from ..conftest import MODELS
from ..hdf5_files import as_kraken_writes

SOURCE = MODELS / "digits.pyrnn.gz"
STORED = "digits.pyrnn.hdf5"


def test_the_model_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_HOME", str(tmp_path / "a"))
    assert model_directory(tmp_path / "b") == tmp_path / "b"
    assert model_directory() == tmp_path / "a"
    monkeypatch.setenv("HOME", str(tmp_path))
    for unset in ("", None):
        monkeypatch.delenv("KRAKEN_HOME", raising=False)
        if unset is not None:
            monkeypatch.setenv("KRAKEN_HOME", unset)
        assert model_directory() == tmp_path / ".kraken"


def test_what_is_listed(model_dir: Path, tmp_path: Path) -> None:
    assert list_models(model_dir) == []
    find_model(SOURCE)
    as_kraken_writes(pyrnn2hdf5.load_pyrnn(SOURCE), model_dir / "theirs.hdf5")
    shutil.copy(SOURCE, model_dir / "a.pyrnn.gz")
    pyrnn2hdf5.convert(SOURCE, model_dir / "mine.onnx", to="onnx", verify=False)
    (model_dir / "broken.hdf5").write_bytes(b"x")
    (model_dir / "broken-0123456789ab.hdf5").write_bytes(b"x")
    (model_dir / ".pyrnn2hdf5-new.part").write_bytes(b"x")
    (model_dir / ".pyrnn2hdf5-old.part").write_bytes(b"x")
    os.utime(model_dir / ".pyrnn2hdf5-old.part", (0, 0))
    (model_dir / "en.mlmodel").write_bytes(b"something else")
    (model_dir / "folder.hdf5").mkdir()
    (model_dir / "link.hdf5").symlink_to("nowhere")
    listed = {entry.path.name: (entry.kind, entry.stale) for entry in list_models(model_dir)}
    assert listed == {
        ".pyrnn2hdf5-new.part": ("leftover", None),
        ".pyrnn2hdf5-old.part": ("leftover", "leftover of an interrupted write"),
        "a.pyrnn.gz": ("pyrnn", None),
        "broken-0123456789ab.hdf5": ("unreadable", None),
        "broken.hdf5": ("unreadable", None),
        STORED: ("converted", None),
        "mine.onnx": ("onnx", None),
        "theirs.hdf5": ("other", None),
    }
    # A newer conversion makes that of the store stale, but none that a user put there.
    pyrnn2hdf5.convert(SOURCE, model_dir / "mine.hdf5")
    assert {entry.path.name for entry in list_models(model_dir) if entry.kind == "converted" and entry.stale} == {
        STORED
    }
    os.utime(model_dir / "mine.hdf5", (0, 0))
    assert not any(entry.stale for entry in list_models(model_dir) if entry.kind == "converted")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        list_models(tmp_path / "file")

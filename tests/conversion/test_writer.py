"""What is written is verified before it gets its name; what fails is kept as evidence or leaves nothing."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.conversion import writer as writing
from pyrnn2hdf5.errors import TargetExistsError, VerificationError
from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import store
from pyrnn2hdf5.hdf5.reader import load_hdf5

from ..conftest import MODELS
from ..trees import only

SOURCE = MODELS / "digits.pyrnn.gz"


def test_a_folder_is_no_file_to_save_to(tmp_path: Path) -> None:
    model = load_hdf5(pyrnn2hdf5.convert(SOURCE, tmp_path / "m.hdf5").target)
    (tmp_path / "folder").mkdir()
    for save in (pyrnn2hdf5.save_hdf5, pyrnn2hdf5.save_onnx):
        with pytest.raises(TargetExistsError, match="expected a file or nothing as target, got a folder") as caught:
            save(model, tmp_path / "folder")
        assert caught.value.remedy is None


def test_failed_verifications_are_kept_as_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = to_hdf5(store(pyrnn2hdf5.load_pyrnn(MODELS / "digits-00004000.pyrnn.gz")))
    monkeypatch.setattr(writing, "to_hdf5", lambda stored: other)
    # Never the name of a result, and one for each content.
    name = f"digits.pyrnn.hdf5.{hashlib.sha256(other).hexdigest()[:12]}.failed"
    kept = tmp_path / "evidence" / name
    with pytest.raises(VerificationError, match=r"\(nothing was kept\)$") as caught:
        pyrnn2hdf5.convert(SOURCE, tmp_path)
    assert caught.value.remedy == "keep_failed"
    with pytest.raises(VerificationError) as caught:
        pyrnn2hdf5.convert(SOURCE, tmp_path, keep_failed=tmp_path / "evidence")
    assert str(caught.value).endswith(f"(the failed file is {kept})")
    assert kept.read_bytes() == other
    assert only(tmp_path) == ["evidence"]
    with pytest.raises(VerificationError, match=r"^verification failed: .* \(it could not be kept as .*: Not a dir"):
        pyrnn2hdf5.convert(SOURCE, tmp_path, keep_failed=kept / "more")


def test_evidence_takes_the_place_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = shutil.copy(SOURCE, tmp_path)
    target = pyrnn2hdf5.convert(source).target
    before = target.read_bytes()
    other = to_hdf5(store(pyrnn2hdf5.load_pyrnn(MODELS / "digits-00004000.pyrnn.gz")))
    monkeypatch.setattr(writing, "to_hdf5", lambda stored: other)
    with pytest.raises(VerificationError):
        pyrnn2hdf5.convert(source, force=True, keep_failed=tmp_path)
    assert target.read_bytes() == before


def test_failed_verification_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = store(pyrnn2hdf5.load_pyrnn(MODELS / "digits-00004000.pyrnn.gz"))
    monkeypatch.setattr(writing, "to_hdf5", lambda stored: to_hdf5(other))
    with pytest.raises(VerificationError, match="failed: stored: forward LSTM WGI: row 0, column 0: expected"):
        pyrnn2hdf5.convert(SOURCE, tmp_path)
    assert only(tmp_path) == []
    target = tmp_path / "digits.pyrnn.hdf5"
    target.write_bytes(b"precious")
    with pytest.raises(VerificationError):
        pyrnn2hdf5.convert(SOURCE, tmp_path, force=True)
    assert target.read_bytes() == b"precious"
    assert pyrnn2hdf5.convert(SOURCE, tmp_path, force=True, verify=False).verification is None


def test_save_and_load_round_trip(tmp_path: Path) -> None:
    model = pyrnn2hdf5.load_pyrnn(SOURCE)
    path = tmp_path / "x.hdf5"
    assert pyrnn2hdf5.save_hdf5(model, path).ok
    assert load_hdf5(path).codec == model.codec
    with pytest.raises(TargetExistsError):
        pyrnn2hdf5.save_hdf5(model, path)
    assert pyrnn2hdf5.save_hdf5(model, path, force=True, float64=True).ok
